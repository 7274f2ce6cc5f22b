"""`Log`: the room's log, its signed head, and proofs about both."""

import grpc

from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2_grpc as rpc
from enclave.coordinator.engine import Engine
from enclave.coordinator.services.calls import fitting, unary


class Log(rpc.LogServicer):
    """Open to parties: every party may read all of it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @unary
    def GetCheckpoint(self, _: pb.Nothing, __: grpc.ServicerContext) -> pb.Canonical:  # noqa: N802
        """The signed head."""
        return pb.Canonical(record=self._engine.checkpoint().to_bytes())

    @unary
    def GetConsistency(self, request: pb.ConsistencyRequest, _: grpc.ServicerContext) -> pb.Proof:  # noqa: N802
        """That one size extends another."""
        return pb.Proof(path=self._engine.consistency(request.first, request.second))

    @unary
    def GetInclusion(self, request: pb.InclusionRequest, _: grpc.ServicerContext) -> pb.Proof:  # noqa: N802
        """That an entry is in the log."""
        return pb.Proof(path=self._engine.inclusion(request.index, request.size))

    @unary
    def GetEntries(self, request: pb.EntriesRequest, _: grpc.ServicerContext) -> pb.CanonicalList:  # noqa: N802
        """Entries from `start` to before `end`; fewer when they are too many for one answer."""
        return fitting(self._engine.entries(request.start, request.end))
