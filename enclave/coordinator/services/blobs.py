"""`Blobs`: ciphertext by digest, up and down in chunks."""

from collections.abc import Iterator

import grpc

from cleanroom.errors import Overloaded, TransferBroken
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2_grpc as rpc
from enclave.coordinator.blobs import CHUNK, Stored
from enclave.coordinator.engine import Engine
from enclave.coordinator.services.calls import Places, streaming, unary
from enclave.coordinator.services.door import caller_of

MOST_TRANSFERS, MOST_EACH = 48, 12
"""Uploads and downloads at a time, of all callers and of each: nobody keeps the others out."""


class BlobFiles(rpc.BlobsServicer):
    """Open to parties and admitted workers, while a manifest is in force."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._blobs = engine.performer.blobs
        self._places = Places(MOST_TRANSFERS, MOST_EACH, "transfers")

    @unary
    def Put(self, chunks: Iterator[pb.Chunk], context: grpc.ServicerContext) -> pb.BlobStatus:  # noqa: N802
        """Store a blob, or go on with one; what arrived before a break is kept."""
        with self._places.one(self._caller(context)):
            self._engine.room.in_force(self._engine.now())
            first = next(chunks, None)
            if first is None or not first.HasField("header"):
                raise TransferBroken("the upload has no header")
            header = first.header
            known = self._blobs.stat(header.digest)
            if not known.complete:
                self._store(header, first, chunks)
            return _status(self._blobs.stat(header.digest))

    @streaming
    def Get(self, request: pb.BlobRequest, context: grpc.ServicerContext) -> Iterator[pb.Chunk]:  # noqa: N802
        """The bytes of a blob, from an offset on."""
        with self._places.one(self._caller(context)):
            for content in self._blobs.read(request.digest, request.offset):
                yield pb.Chunk(content=content)

    @unary
    def Stat(self, request: pb.BlobRequest, _: grpc.ServicerContext) -> pb.BlobStatus:  # noqa: N802
        """How much of a blob is stored."""
        return _status(self._blobs.stat(request.digest))

    def _caller(self, context: grpc.ServicerContext) -> str:
        return caller_of(self._engine.performer.callers, context.invocation_metadata()).name

    def _store(self, header: pb.BlobHeader, first: pb.Chunk, chunks: Iterator[pb.Chunk]) -> None:
        with self._blobs.upload(header.digest, header.size, header.offset) as upload:
            upload.write(first.content)
            for chunk in chunks:
                content = chunk.content
                if len(content) > CHUNK:
                    raise Overloaded(f"a chunk has {len(content)} bytes, expected at most {CHUNK}")
                upload.write(content)


def _status(stored: Stored) -> pb.BlobStatus:
    return pb.BlobStatus(digest=stored.digest, stored=stored.size, complete=stored.complete)
