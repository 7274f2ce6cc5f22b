"""`Governance`: the manifest and its approvals."""

from datetime import datetime
from functools import partial

import grpc

from cleanroom.crypto.envelope import Envelope
from cleanroom.errors import Usage
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2_grpc as rpc
from enclave.coordinator.engine import Engine
from enclave.coordinator.events import Proposed
from enclave.coordinator.services.calls import unary

MOST_APPROVALS = 1000
"""One for each party that a manifest may have."""


class Governance(rpc.GovernanceServicer):
    """Open to anybody: approvals authenticate themselves."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @unary
    def Propose(self, request: pb.Proposal, _: grpc.ServicerContext) -> pb.Tally:  # noqa: N802
        """Take a manifest, or more approvals of the same one."""
        if len(request.approvals) > MOST_APPROVALS:
            raise Usage(f"{len(request.approvals)} approvals, expected at most {MOST_APPROVALS}")
        approvals = [Envelope.from_bytes(raw) for raw in request.approvals]
        self._engine.apply(partial(_proposed, bytes(request.manifest), approvals))
        return self._tally()

    @unary
    def GetTally(self, _: pb.Nothing, __: grpc.ServicerContext) -> pb.Tally:  # noqa: N802
        """Who has approved."""
        return self._tally()

    def _tally(self) -> pb.Tally:
        room = self._engine.room
        parties = set(room.manifest.parties) if room.manifest else set()
        return pb.Tally(
            phase=room.phase_at(self._engine.now()),
            approved=sorted(room.envelopes),
            missing=sorted(parties - set(room.envelopes)),
        )


def _proposed(manifest: bytes, approvals: list[Envelope], at: datetime) -> Proposed:
    return Proposed(at=at, manifest=manifest, approvals=approvals)
