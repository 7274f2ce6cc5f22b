"""`Runs`: asking for a run, watching it, and fetching what came out of it."""

import secrets
from collections.abc import Iterator
from datetime import datetime
from functools import partial

import grpc

from cleanroom.crypto.envelope import Envelope
from cleanroom.errors import RunUnknown
from cleanroom.protocol.run import FINAL, Delivery, RunRequest, RunView
from cleanroom.wire.channels import CHUNK
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2_grpc as rpc
from enclave.coordinator.engine import Engine
from enclave.coordinator.events import RunCancelled, RunRequested
from enclave.coordinator.live import for_party
from enclave.coordinator.needs import needs_mb
from enclave.coordinator.services.calls import Places, streaming, unary
from enclave.coordinator.services.door import caller_of
from enclave.coordinator.state import Room, Run

MOST_WATCHERS, MOST_EACH = 64, 16
"""Watching streams at a time, of all parties and of each."""
MOST_RECEIPTS, MOST_RECEIPTS_EACH = 16, 4
"""Receipts on their way at a time, to all parties and to each; each is in memory as a whole."""
MOST_LISTED = 1000
"""Runs in one list, the newest; a message is limited."""
PATIENCE_S = 1.0
"""How often a watcher's stream looks whether it is still wanted, in seconds."""


class Runs(rpc.RunsServicer):
    """Open to parties; a run is visible to its submitter, its recipients and its inputs' owners."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._watchers = Places(MOST_WATCHERS, MOST_EACH, "watchers")
        self._receipts = Places(MOST_RECEIPTS, MOST_RECEIPTS_EACH, "receipts")

    @unary
    def Submit(self, request: pb.Canonical, context: grpc.ServicerContext) -> pb.Canonical:  # noqa: N802
        """Ask for a run; the same request again is the same run."""
        party = self._party(context)
        envelope = Envelope.from_bytes(request.record)
        name = f"r-{secrets.token_hex(8)}"
        room = self._engine.apply(partial(_requested, party, envelope, name))
        asked = RunRequest.from_bytes(envelope.payload)
        return _view(room, room.run(room.requests[asked.submitter, asked.idempotency]))

    @unary
    def Get(self, request: pb.RunRequest, context: grpc.ServicerContext) -> pb.Canonical:  # noqa: N802
        """One run."""
        room = self._engine.room
        return _view(room, room.run_for(self._party(context), request.run))

    @unary
    def List(self, _: pb.Nothing, context: grpc.ServicerContext) -> pb.CanonicalList:  # noqa: N802
        """The caller's runs, newest first."""
        party, room = self._party(context), self._engine.room
        seen = [run for run in room.runs.values() if party in room.watchers_of(run)]
        newest = reversed(seen[-MOST_LISTED:])
        return pb.CanonicalList(records=[_view(room, run).record for run in newest])

    @streaming
    def Watch(  # noqa: N802
        self, request: pb.WatchRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.Canonical]:
        """Events of a run until it is over."""
        party, sequence, engine = self._party(context), request.after, self._engine
        with self._watchers.one(party):
            while context.is_active():
                run = engine.room.run_for(party, request.run)
                board = engine.performer.board
                for event in board.after(run, engine.now(), sequence, PATIENCE_S):
                    told = for_party(run.computation, event, party)
                    yield pb.Canonical(record=told.to_bytes())
                    sequence = event.sequence + 1
                    if event.phase in FINAL:
                        return
                if run.over and sequence > 0:
                    return

    @unary
    def GetOutput(self, request: pb.OutputRequest, context: grpc.ServicerContext) -> pb.Canonical:  # noqa: N802
        """The key of a released output, for its recipient."""
        party = self._party(context)
        run = self._engine.room.run_for(party, request.run)
        return pb.Canonical(record=_delivery(run, request.output, party).to_bytes())

    @streaming
    def GetReceipt(  # noqa: N802
        self, request: pb.RunRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.Chunk]:
        """The receipt of a released run, with the evidence of all its workers."""
        party = self._party(context)
        run = self._engine.room.run_for(party, request.run)
        with self._receipts.one(party):
            record = memoryview(self._engine.receipt(run.name))
            for start in range(0, len(record), CHUNK):
                yield pb.Chunk(content=bytes(record[start : start + CHUNK]))

    @unary
    def Cancel(self, request: pb.RunRequest, context: grpc.ServicerContext) -> pb.Canonical:  # noqa: N802
        """End a run, by its submitter."""
        party = self._party(context)
        room = self._engine.apply(partial(_cancelled, party, request.run))
        return _view(room, room.run(request.run))

    def _party(self, context: grpc.ServicerContext) -> str:
        return caller_of(self._engine.performer.callers, context.invocation_metadata()).name


def _view(room: Room, run: Run) -> pb.Canonical:
    released = run.phase == "released"
    view = RunView(
        run=run.name,
        computation=run.request.computation,
        submitter=run.request.submitter,
        phase=run.phase,
        submitted_at=run.submitted_at,
        engine=run.engine,
        code=run.code,
        outputs=[sealed.output for sealed in run.outputs] if released else [],
        needs_mb=needs_mb(room, run),
    )
    return pb.Canonical(record=view.to_bytes())


def _delivery(run: Run, output: str, party: str) -> Delivery:
    for delivery in run.deliveries if run.phase == "released" else ():
        if (delivery.output.output, delivery.output.recipient) == (output, party):
            return delivery
    raise RunUnknown("this run has no such released output for this party")


def _requested(party: str, request: Envelope, run: str, at: datetime) -> RunRequested:
    return RunRequested(at=at, party=party, request=request, run=run)


def _cancelled(party: str, run: str, at: datetime) -> RunCancelled:
    return RunCancelled(at=at, party=party, run=run)
