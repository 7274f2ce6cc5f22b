"""A run as its party sees it: follow it, wait for it, cancel it, get its result and receipt.

A run lives in the room, not here: a `Run` is a name and a way to ask. What went wrong comes back
as the very error that the room recorded, by its code.
"""

import inspect
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from cleanroom.client.calls import Calls
from cleanroom.client.display import mimebundle
from cleanroom.client.kept import KeptModel, handle, kept_models
from cleanroom.client.receipts import Receipt
from cleanroom.client.story import Story
from cleanroom.client.transfer import Progress, collect, download, silent
from cleanroom.client.transport import Transport
from cleanroom.encoding import instant_text
from cleanroom.errors import (
    CATALOGUE,
    CleanroomError,
    ComputationFailed,
    DeadlineExceeded,
    MemoryShort,
    ReceiptInvalid,
    RunUnknown,
    TransferBroken,
    Usage,
)
from cleanroom.manifest.keeping import kept_by
from cleanroom.protocol import receipt as protocol
from cleanroom.protocol.run import FINAL, Delivery, Phase, RunEvent, RunView
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb

if TYPE_CHECKING:
    from cleanroom.client.card import ModelCard
    from cleanroom.client.results import Result

WATCH_S = 600.0
"""A watch is asked for again after so many seconds."""


class Run:
    """One run of one computation.

    Args:
        calls: to the verified room.
        view: what the room said about it last.
    """

    def __init__(self, calls: Calls, view: RunView) -> None:
        self._calls = calls
        self._view = view

    @property
    def id(self) -> str:
        """Its name in the room, the log and the receipt."""
        return self._view.run

    @property
    def computation(self) -> str:
        """Which computation it runs."""
        return self._view.computation

    @property
    def phase(self) -> Phase:
        """Where it is now; asks the room unless it is over."""
        if self._view.phase not in FINAL:
            reply: pb.Canonical = self._calls.unary(lambda to: to.runs.Get, self._named())
            self._view = _same_run(RunView.from_bytes(reply.record), self.id)
        return self._view.phase

    @property
    def view(self) -> RunView:
        """What the room said about it last."""
        return self._view

    def watch(self, timeout: float | None = None) -> Generator[RunEvent, None, None]:
        """Yield its events from the first to the last; goes on after a broken stream.

        Args:
            timeout: give up after so many seconds; never by default.

        Raises:
            DeadlineExceeded: it is not over in time; the run itself goes on.
            TransportError: the room cannot be reached, after all patience.
        """
        end = None if timeout is None else time.monotonic() + timeout
        story = Story(self.id)

        def begin(to: Transport) -> Iterator[RunEvent]:
            story.goes_on_with(to)
            while True:
                try:
                    for message in to.stream(to.runs.Watch, story.wanted(), _left(end)):
                        yield from story.new(message.record)
                except DeadlineExceeded:
                    if end is not None and time.monotonic() >= end:
                        raise self._late(timeout) from None
                    continue
                story.begin_again()
                raise TransferBroken(f"the watch of run {self.id} ended before it was over")

        with closing(self._calls.resumed(begin)) as events:
            for event in events:
                yield event
                if event.phase in FINAL:
                    return

    def wait(self, timeout: float | None = None) -> "Run":
        """Return this run once its result is released.

        Args:
            timeout: give up after so many seconds; never by default.

        Raises:
            CleanroomError: it ended otherwise: the error that the room recorded.
            DeadlineExceeded: it is not over in time; the run itself goes on.
        """
        if self._view.phase not in FINAL:
            with closing(self.watch(timeout)) as events:
                for _ in events:
                    continue
        if self.phase != "released":
            raise self._failure()
        return self

    def cancel(self) -> "Run":
        """Ask the room to end it.

        Raises:
            RunError: it is over already, or another party submitted it.
        """
        reply: pb.Canonical = self._calls.unary(lambda to: to.runs.Cancel, self._named())
        self._view = _same_run(RunView.from_bytes(reply.record), self.id)
        return self

    def result(
        self,
        output: str | None = None,
        *,
        timeout: float | None = None,
        progress: Progress = silent,
    ) -> "Result":
        """Wait for it, fetch your result, open it, and verify the receipt that names it.

        Args:
            output: which of the computation's outputs; needed only if you receive several.
            timeout: give up waiting after so many seconds; never by default.
            progress: called with bytes fetched, and bytes in all.

        Raises:
            CleanroomError: it ended without a result: the error that the room recorded.
            Usage: there is no such output for this party.
            ModelSealed: the output is a model that stays in the room.
            NotTrusted: the result or its receipt does not hold.
        """
        from cleanroom.client.opening import open_delivery  # noqa: PLC0415 - pyarrow
        from cleanroom.client.results import Result  # noqa: PLC0415 - pyarrow

        name = self._own_output(output)
        self.wait(timeout)
        caller = self._calls.caller
        receipt = self.receipt()
        wanted = pb.OutputRequest(run=self.id, output=name)
        reply: pb.Canonical = self._calls.unary(lambda to: to.runs.GetOutput, wanted)
        delivery = self._proven(Delivery.from_bytes(reply.record), name, receipt)
        sealed = download(self._calls, delivery.output.digest, delivery.output.size, progress)
        unsealer = caller.identity.unsealer()
        table = open_delivery(delivery, bytes(sealed), caller.manifest, self.computation, unsealer)
        return Result(table, delivery, receipt)

    def model_card(self, *, timeout: float | None = None) -> "ModelCard":
        """What the training was, with all that this party was told: waits, fetches, verifies.

        Args:
            timeout: give up waiting after so many seconds; never by default.

        Raises:
            CleanroomError: it ended without a result: the error that the room recorded.
            Usage: it is no training, or this party receives nothing of it.
            NotTrusted: a result or the receipt does not hold.
        """
        from cleanroom.client.carding import model_card, training_of  # noqa: PLC0415 - pyarrow

        training_of(self._calls.caller.manifest, self.computation)
        own = self._own_outputs() or [self._own_output(None)]
        return model_card([self.result(output, timeout=timeout) for output in own])

    def receipt(self) -> Receipt:
        """Its receipt, verified against your own manifest, and kept in your memory.

        Raises:
            RunUnknown: the run is not released.
            ReceiptInvalid: it does not prove what it says.
        """
        kind = protocol.Receipt
        raw = collect(self._calls, lambda to: to.runs.GetReceipt, self._named(), kind.largest)
        record = kind.from_bytes(raw)
        caller = self._calls.caller
        receipt = Receipt(record, allow_simulated=caller.allow_simulated)
        verified = receipt.verify(caller.manifest, collateral=caller.collateral)
        if verified.predicate.run != self.id:
            raise ReceiptInvalid(f"the receipt is of run {verified.predicate.run}, not {self.id}")
        caller.memory.keep_receipt(self.id, record)
        return receipt

    @property
    def kept(self) -> tuple[KeptModel, ...]:
        """Models of this run that stay in the room; none before it is released."""
        manifest = self._calls.caller.manifest
        return kept_models(manifest, self.computation, self.id, self._view.outputs)

    def to_json(self) -> dict[str, object]:
        """What the room said about it last, as plain values."""
        return self._view.to_plain()

    def __repr__(self) -> str:
        return f"Run({self.id} of {self.computation!r}: {self._view.phase})"

    def _repr_mimebundle_(self, **_formats: object) -> dict[str, str]:
        view = self._view
        rows = [
            ("run", view.run),
            ("computation", view.computation),
            ("submitter", view.submitter),
            ("phase", view.phase),
            ("submitted", instant_text(view.submitted_at)),
            ("engine", view.engine),
        ]
        return mimebundle(repr(self), ("what", "value"), rows)

    def _named(self) -> pb.RunRequest:
        return pb.RunRequest(run=self.id)

    def _own_outputs(self) -> list[str]:
        party = self._calls.caller.identity.party
        known = self._calls.caller.manifest.computations
        if self.computation not in known:
            raise RunUnknown(f"run {self.id} is of {self.computation!r}, which nobody agreed to")
        rules = known[self.computation].outputs
        return sorted(name for name, rule in rules.items() if party in rule.recipients)

    def _own_output(self, output: str | None) -> str:
        party, own = self._calls.caller.identity.party, self._own_outputs()
        manifest = self._calls.caller.manifest
        kept = kept_by(self.computation, manifest.computations[self.computation])
        sealed = output or next(iter(kept), None)
        if sealed in kept and sealed not in own and (output or not own):
            raise handle(manifest, kept[sealed], self.id, sealed).sealed()
        if output is None and len(own) == 1:
            return own[0]
        if output not in own:
            raise Usage(f"the output is {output!r}, expected one that {party!r} receives: {own}")
        return output

    def _proven(self, delivery: Delivery, name: str, receipt: Receipt) -> Delivery:
        party = self._calls.caller.identity.party
        place = (delivery.run, delivery.output.output, delivery.output.recipient)
        if place != (self.id, name, party) or delivery.output not in receipt.claimed.outputs:
            raise ReceiptInvalid(f"the delivery of {name!r} is not the one that the receipt names")
        return delivery

    def _failure(self) -> CleanroomError:
        kind = CATALOGUE.get(self._view.code or "", ComputationFailed)
        said = inspect.cleandoc(kind.__doc__ or "").partition("\n")[0].rstrip(".")
        message = (
            f"run {self.id} of {self.computation!r} ended as {self._view.phase}: "
            f"{said[:1].lower()}{said[1:]}"
        )
        needs = self._view.needs_mb if kind is MemoryShort else None
        if needs is None:
            return kind(message)
        return kind(
            f"{message}: by estimate it takes up to {needs:,} MB of free memory on each worker",
            hint="ask the operator for workers with so much free memory, "
            "or agree on more workers, fewer rows or a lower `max_rows`",
        )

    def _late(self, timeout: float | None) -> DeadlineExceeded:
        return DeadlineExceeded(
            f"run {self.id} is not over after {timeout} s, it is {self._view.phase}",
            hint="it goes on in the room: wait again, or cancel it",
        )


def _left(end: float | None) -> float:
    return WATCH_S if end is None else max(0.0, min(WATCH_S, end - time.monotonic()))


def _same_run(view: RunView, run: str) -> RunView:
    if view.run != run:
        raise RunUnknown(f"the room answered about run {view.run}, not {run}")
    return view
