"""What an admitted worker says, turned into events: each report is its own, signed and in order.

A report about a run that is over is dropped, because it may have crossed our `Stop`; any other
report that does not fit ends the worker's stream.
"""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from cleanroom.crypto.envelope import Envelope
from cleanroom.crypto.signing import VerifyKey
from cleanroom.encoding import content_digest
from cleanroom.errors import CallerRefused
from cleanroom.protocol.join import Join, open_report
from cleanroom.protocol.reattestation import Reattested
from cleanroom.protocol.snapshot import Snapshot
from cleanroom.protocol.work import (
    Equipped,
    Failed,
    Finished,
    Progress,
    Ready,
    Renew,
    Renewed,
    ToWorker,
    read_message,
)
from enclave.coordinator import events
from enclave.coordinator.admission import reattested, renew
from enclave.coordinator.engine import Engine
from enclave.coordinator.live import permitted


class Reports:
    """The reports of one worker, from its admission on."""

    def __init__(self, engine: Engine, instance: str, join: Join) -> None:
        self._engine = engine
        self._instance = instance
        self._key = VerifyKey(join.sign_key)
        self._counter = 0

    def receive(self, record: bytes) -> Iterator[ToWorker]:
        """Take one report; gives what is answered at once.

        Raises:
            SignatureInvalid: the worker's attested key did not sign it.
            NotTrusted: it is fresh evidence that does not hold.
        CallerRefused: it is out of sequence, or not for a worker to say.
            RunError: it does not fit its run.
        """
        envelope = Envelope.from_bytes(record)
        report = open_report(envelope, self._key, instance=self._instance, after=self._counter)
        self._counter = report.counter
        message = read_message(report.message)
        match message:
            case Renew():
                yield Renewed(lease_s=renew(self._engine, self._instance))
            case Reattested():
                reattested(self._engine, self._instance, message)
            case Progress():
                self._progress(message)
            case Snapshot():
                self._engine.apply(partial(self._snapshot, message))
            case Equipped() | Ready() | Finished() | Failed():
                digest = content_digest(record)
                self._engine.apply(partial(_event, message, self._instance, digest))
            case _:
                raise CallerRefused(f"a worker may not say {message.kind!r}")

    def _snapshot(self, message: Snapshot, at: datetime) -> events.SnapshotTaken:
        stored = self._engine.performer.blobs.sizes(iter([message.digest]))
        return events.SnapshotTaken(
            at=at,
            instance=self._instance,
            snapshot=message,
            stored=stored.get(message.digest, 0),
        )

    def _progress(self, message: Progress) -> None:
        run = self._engine.room.run(message.run)
        run.member(self._instance)
        if run.phase == "running" and run.gang[0].instance == self._instance:
            told = permitted(run.computation, message)
            self._engine.performer.board.progress(run, self._engine.now(), told)


def _event(
    message: Equipped | Ready | Finished | Failed, instance: str, report: str, at: datetime
) -> events.Event:
    run = message.run
    match message:
        case Equipped():
            return events.WorkerEquipped(
                at=at,
                run=run,
                instance=instance,
                request=message.request,
                port_base=message.port_base,
            )
        case Ready():
            return events.WorkerReady(
                at=at, run=run, instance=instance, preflight=message.preflight
            )
        case Finished():
            return events.OutputsReported(
                at=at, run=run, instance=instance, report=report, outputs=message.outputs
            )
        case Failed():
            return events.RunFailed(at=at, run=run, instance=instance, code=message.code)
