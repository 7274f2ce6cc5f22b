"""Ciphertext to and from the room's store: by digest, in chunks, going on where it stopped.

Everything here is sealed already; the admission token only keeps strangers from using the store.
"""

import base64
import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import grpc

from cleanroom.errors import CleanroomError, RunCancelled, TransferBroken, TransportError
from cleanroom.wire.channels import CHUNK
from cleanroom.wire.errors import from_rpc
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2_grpc as rpc

TOKEN_KEY = "cleanroom-token"  # noqa: S105 - the name of a header
TRIES = 4
"""A transfer is taken up again at most this many times in all."""
STALL_S = 600.0
"""One attempt takes no longer, in seconds."""


class Blobs:
    """The room's store, as an admitted worker uses it."""

    def __init__(self, channel: grpc.Channel, address: str, token: bytes) -> None:
        self._stub = rpc.BlobsStub(channel)
        self._address = address
        self._metadata = ((TOKEN_KEY, base64.b64encode(token).decode()),)
        self._closed = threading.Event()
        self._calls: list[grpc.Call] = []

    def close(self) -> None:
        """Break off every transfer, and begin no other."""
        self._closed.set()
        for call in tuple(self._calls):
            call.cancel()

    def fetch(self, digest: str, size: int, file: Path) -> Path:
        """Bring `size` bytes of `digest` into `file`, mode 0600.

        Raises:
            TransferBroken: other bytes came, more or fewer of them.
            TransportError: the store did not answer.
        """
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as opened:
            growing = _Growing(opened, size)
            for attempt in range(1, TRIES + 1):
                try:
                    for content in self._chunks(digest, growing.done):
                        growing.add(content)
                except TransportError:
                    if attempt == TRIES:
                        raise
                if growing.done >= size:
                    break
        growing.require(digest)
        return file

    def store(self, digest: str, content: bytes | memoryview) -> str:
        """Put sealed bytes into the store and return their digest.

        Raises:
            TransferBroken: the store did not confirm all of them.
            TransportError: the store did not answer.
        """
        try:
            return self._put(digest, content)
        except TransportError:
            return self._put(digest, content)

    def _put(self, digest: str, content: bytes | memoryview) -> str:
        request = pb.BlobRequest(digest=digest)
        try:
            start = self._stub.Stat(request, metadata=self._metadata, timeout=STALL_S)
            if not start.complete:
                start = self._stub.Put(
                    _upload(digest, content, start.stored),
                    metadata=self._metadata,
                    timeout=STALL_S,
                )
        except grpc.RpcError as failed:
            raise self._mapped(failed) from None
        if not start.complete or start.digest != digest:
            raise TransferBroken("the store does not hold the whole result")
        return digest

    def _chunks(self, digest: str, offset: int) -> Iterator[bytes]:
        if self._closed.is_set():
            raise RunCancelled("the run has ended")
        request = pb.BlobRequest(digest=digest, offset=offset)
        call = self._stub.Get(request, metadata=self._metadata, timeout=STALL_S)
        self._calls.append(call)
        try:
            for chunk in call:
                yield chunk.content
        except grpc.RpcError as failed:
            raise self._mapped(failed) from None
        finally:
            self._calls.remove(call)

    def _mapped(self, failed: grpc.RpcError) -> CleanroomError:
        return from_rpc(failed, self._address)


class _Growing:
    """A file that is being fetched, and the digest of what is there."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self._hash = hashlib.sha256()
        self.done = 0

    def add(self, content: bytes) -> None:
        """Append; what would be longer than announced is cut off and cannot have the digest."""
        kept = content[: self._size + 1 - self.done]
        self.done += len(kept)
        self._hash.update(kept)
        self._file.write(kept)

    def require(self, digest: str) -> str:
        """Return the digest once the bytes have it.

        Raises:
            TransferBroken: they are other bytes, or not all of them.
        """
        found = f"sha256:{self._hash.hexdigest()}"
        if found != digest or self.done != self._size:
            raise TransferBroken(f"a part has {self.done} bytes of {found}, expected {digest}")
        return digest


def _upload(digest: str, content: bytes | memoryview, offset: int) -> Iterator[pb.Chunk]:
    view = memoryview(content)
    yield pb.Chunk(header=pb.BlobHeader(digest=digest, size=len(view), offset=offset))
    for start in range(offset, len(view), CHUNK):
        yield pb.Chunk(content=bytes(view[start : start + CHUNK]))
