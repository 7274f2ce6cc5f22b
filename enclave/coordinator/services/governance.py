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
MOST_VALUES = 256
"""Statements of builders that one proposal may bring."""


class Governance(rpc.GovernanceServicer):
    """Open to anybody: approvals authenticate themselves."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @unary
    def Propose(self, request: pb.Proposal, _: grpc.ServicerContext) -> pb.Tally:  # noqa: N802
        """Take a manifest, or more approvals of the same one."""
        if len(request.approvals) > MOST_APPROVALS:
            raise Usage(f"{len(request.approvals)} approvals, expected at most {MOST_APPROVALS}")
        if len(request.reference_values) > MOST_VALUES:
            found = len(request.reference_values)
            raise Usage(f"{found} signed reference values, expected at most {MOST_VALUES}")
        approvals = [Envelope.from_bytes(raw) for raw in request.approvals]
        values = [Envelope.from_bytes(raw) for raw in request.reference_values]
        self._engine.apply(partial(_proposed, bytes(request.manifest), approvals, values))
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


def _proposed(
    manifest: bytes, approvals: list[Envelope], values: list[Envelope], at: datetime
) -> Proposed:
    return Proposed(at=at, manifest=manifest, approvals=approvals, reference_values=values)
