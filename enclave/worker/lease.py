"""A worker's own loop: join, keep the lease, do what is ordered; when the stream breaks, anew.

One thread runs it and starts every subprocess, so that they die with it. What arrives from the
coordinator and from engines goes through one inbox into `agent.step`; effects are carried out here.
"""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cleanroom.errors import CleanroomError, TransferBroken
from cleanroom.protocol.work import FromWorker, ToWorker, read_message
from enclave.computations.loading import expected
from enclave.worker.agent import (
    Beat,
    Effect,
    End,
    Equip,
    Event,
    Form,
    Heard,
    Leave,
    Own,
    Send,
    Show,
    Start,
    State,
    step,
)
from enclave.worker.diary import note
from enclave.worker.executor import Engines, Executor
from enclave.worker.joining import Launch, Membership, join
from enclave.worker.session import Ended, Word

BEAT_S = 0.25
"""How often the lease, and whether to stop, is looked at; in seconds."""
FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 30.0
"""Between two attempts to join: doubled each time, up to this; in seconds."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a worker works and with what."""

    directory: Path
    engines: Engines


def keep(launch: Launch, place: Place, stop: threading.Event, ready: Callable[[str], None]) -> None:
    """Join, work, and join again, until `stop` is set.

    Args:
        launch: what this worker was started with.
        place: its directory and its engines.
        stop: set it to end; running work is killed and keys are erased.
        ready: called with the instance each time the worker was admitted.
    """
    delay = FIRST_DELAY_S
    while not stop.is_set():
        try:
            membership = join(launch)
        except CleanroomError as refused:
            note("not joined", code=refused.code)
            stop.wait(delay)
            delay = min(2 * delay, LONGEST_DELAY_S)
            continue
        delay = FIRST_DELAY_S
        note("joined", instance=membership.admit.instance)
        place.engines.expect(expected(membership.room.in_force.manifest, launch.role))
        ready(membership.admit.instance)
        _Term(launch, membership, place).serve(stop)
        stop.wait(FIRST_DELAY_S)


class _Term:
    """One membership, from admission to the end of its stream."""

    def __init__(self, launch: Launch, membership: Membership, place: Place) -> None:
        self._membership = membership
        self._inbox: queue.SimpleQueue[Word | FromWorker] = queue.SimpleQueue()
        self._executor = Executor(
            launch, membership, place.engines, place.directory, self._inbox.put
        )
        self._state = State(lease_s=membership.admit.lease_s, asked_at=time.monotonic())
        self._left = False

    def serve(self, stop: threading.Event) -> None:
        """Work until the stream ends, the lease is lost, or `stop` is set."""
        self._membership.session.deliver_to(self._inbox.put)
        try:
            while not self._left and not stop.is_set():
                self._take(Beat())
                self._take_next()
        except CleanroomError as broken:
            note("left", code=broken.code)
        finally:
            self._executor.close()
            self._membership.close()

    def _take_next(self) -> None:
        try:
            word = self._inbox.get(timeout=BEAT_S)
        except queue.Empty:
            return
        if isinstance(word, Ended):
            raise word.error
        self._take(Own(word) if isinstance(word, FromWorker) else Heard(_heard(word.record)))

    def _take(self, event: Event) -> None:
        self._state, effects = step(self._state, event, time.monotonic())
        for effect in effects:
            self._carry_out(effect)

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Send(message):
                self._membership.send(message)
            case Show(nonce):
                self._membership.send(self._membership.shown(nonce))
                note("reattested")
            case Equip(provision):
                self._executor.equip(provision)
            case Form(credentials):
                self._executor.form(credentials)
            case Start(order):
                note("started", run=order.run)
                self._executor.start(order)
            case End(run):
                self._executor.end(run)
                note("ended", run=run)
            case Leave(code):
                note("left", code=code)
                self._left = True


def _heard(record: bytes) -> ToWorker:
    message = read_message(record)
    if not isinstance(message, ToWorker):
        raise TransferBroken("the coordinator said what only workers say")
    return message
