"""The one place where events are applied: step, commit, effects, under one lock.

Nothing leaves the room before the journal has it. When the disk refuses, the engine is dead: it
answers nobody any more and the process ends; a new one opens what was committed.
"""

import secrets
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime
from functools import partial

from cleanroom.crypto.envelope import Envelope
from cleanroom.errors import StateUnreadable
from cleanroom.ledger.checkpoint import LogHead, sign_checkpoint
from cleanroom.ledger.entry import Entry, RunReleased
from cleanroom.protocol.reattestation import REATTEST_NONCE_LENGTH
from cleanroom.protocol.receipt import Receipt, receipt_nonce
from cleanroom.protocol.statement import Statement
from enclave.attester import Attester
from enclave.attester.supply import Supply
from enclave.coordinator import events
from enclave.coordinator.journal import Journal
from enclave.coordinator.logs import logger
from enclave.coordinator.performing import EventAt, Performer
from enclave.coordinator.receipts import composed, receipt
from enclave.coordinator.room import Step, step
from enclave.coordinator.state import Room
from enclave.coordinator.statements import make_statement

ANSWER_S = 60
"""A worker that was asked for fresh evidence answers within this many seconds."""


class Engine:
    """A running room; safe to use from many threads."""

    def __init__(
        self,
        journal: Journal,
        attester: Attester,
        performer: Performer,
        *,
        supply: Supply,
        clock: Callable[[], datetime],
        on_death: Callable[[], None],
    ) -> None:
        self._lock = threading.RLock()
        self._journal = journal
        self._attester = attester
        self.supply = supply
        self._clock = clock
        self._on_death = on_death
        self._dead = False
        self.performer = performer
        self.keys = journal.keys

    @property
    def room(self) -> Room:
        """The room now."""
        return self._journal.room

    def now(self) -> datetime:
        """The room's clock: the system's, but never before the last event; whole seconds."""
        return max(self._clock().replace(microsecond=0), self.room.at)

    def boot(self) -> Room:
        """Note the start: workers of the last one are gone, what waited goes on."""
        sign_key = bytes(self.keys.sign_key)
        return self.apply(
            lambda at: events.Booted(at=at, sign_key=sign_key, epoch=self.room.epoch + 1)
        )

    def apply(self, event_at: EventAt) -> Room:
        """Apply an event and everything that follows from it; returns the room afterwards.

        Raises:
            CleanroomError: the event breaks a rule; nothing has changed.
            StateUnreadable: the journal is gone; the process must end.
        """
        with self._lock:
            self._alive()
            self.tick()
            self._apply_all(event_at)
            return self.room

    def tick(self) -> None:
        """Let the time do its work: leases that ran out, old evidence, runs that take too long."""
        with self._lock:
            self._alive()
            for instance in self.performer.leases.expired():
                self._apply_all(partial(_left, instance))
            for instance in self.performer.evidence.expired():
                self.performer.evidence.renew(instance, ANSWER_S)
                self._apply_all(partial(_due, instance, secrets.token_bytes(REATTEST_NONCE_LENGTH)))
            now = self.now()
            for run in [one for one in self.room.live_runs() if now > one.deadline]:
                self._apply_all(partial(_timed_out, run.name))

    def head(self) -> LogHead:
        """The log at this moment."""
        with self._lock:
            return self._journal.log.head()

    def checkpoint(self) -> Envelope:
        """The log's head, signed."""
        return sign_checkpoint(self.head(), self.keys.signer)

    def statement(self, nonce: bytes, remembered: int) -> tuple[Statement, list[bytes]]:
        """The room's statement for a nonce, and the proof from a remembered log size to it.

        A log that is shorter than remembered has no proof: the verifier sees it by the size.
        """
        with self._lock:
            self._alive()
            room, head, now = self.room, self.head(), self.now()
            proof = self.consistency(remembered, head.size) if remembered <= head.size else []
        return self._stated(nonce, room, head, now), proof

    def consistency(self, first: int, second: int) -> list[bytes]:
        """The proof that the log of size `second` extends that of size `first`."""
        with self._lock:
            return self._journal.log.tree.consistency(first, second)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """The proof that an entry is in the log of this size."""
        with self._lock:
            return self._journal.log.tree.inclusion(index, size)

    def entries(self, start: int, end: int) -> list[bytes]:
        """Canonical bytes of entries."""
        return self._journal.log.entries[start:end]

    def receipt(self, run: str) -> bytes:
        """A released run's receipt."""
        with self._lock:
            return self._journal.receipt(run)

    def close(self) -> None:
        """Give the journal back; nothing can be applied any more."""
        with self._lock:
            self._dead = True
            self._journal.close()

    def _apply_all(self, event_at: EventAt) -> None:
        waiting = deque([event_at])
        while waiting:
            made = self._apply(waiting.popleft()(self.now()))
            for effect in made.effects:
                following = self.performer.perform(effect, self.room)
                if following is not None:
                    waiting.append(following)

    def _apply(self, event: events.Event) -> Step:
        made = step(self.room, event)
        if made.room is self.room:
            return made
        try:
            self._journal.log.extend(made)
            receipts = self._receipts(made, event.at)
            self._journal.commit(event, made, receipts)
        except BaseException:
            # the log in memory may be ahead of the disk now: only a new process knows the truth
            self._dead = True
            self._on_death()
            raise
        logger().info("event", extra={"kind": event.kind, "entries": made.room.size})
        return made

    def _receipts(self, made: Step, at: datetime) -> list[tuple[str, Receipt]]:
        return [
            (entry.content.run, self._receipt(made.room, entry, entry.content.run, at))
            for entry in made.entries
            if isinstance(entry.content, RunReleased)
        ]

    def _receipt(self, room: Room, entry: Entry, name: str, at: datetime) -> Receipt:
        run, approved, log = room.run(name), room.in_force(at), self._journal.log
        said, head = composed(room, run, approved, at), log.head()
        nonce = receipt_nonce(said.to_bytes())
        proof = self._stated(nonce, room, head, at)
        path = log.tree.inclusion(entry.sequence, head.size)
        return receipt(said, run, entry, inclusion=path, proof=proof, signer=self.keys.signer)

    def _stated(self, nonce: bytes, room: Room, head: LogHead, now: datetime) -> Statement:
        return make_statement(
            nonce,
            room,
            head,
            keys=self.keys,
            attester=self._attester,
            collateral=self.supply.read(),
            now=now,
        )

    def _alive(self) -> None:
        if self._dead:
            raise StateUnreadable("the coordinator has ended: its state could not be written")


def _left(instance: str, at: datetime) -> events.WorkerLeft:
    return events.WorkerLeft(at=at, instance=instance)


def _due(instance: str, nonce: bytes, at: datetime) -> events.EvidenceDue:
    return events.EvidenceDue(at=at, instance=instance, nonce=nonce)


def _timed_out(run: str, at: datetime) -> events.RunTimedOut:
    return events.RunTimedOut(at=at, run=run)
