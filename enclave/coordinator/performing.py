"""Carries out what the room asked for, after it is durable; decides nothing.

An effect may lead to the next event, which comes back as a function of the time it is applied at.
"""

from collections.abc import Callable
from datetime import datetime
from typing import assert_never

from cleanroom.errors import CleanroomError
from enclave.coordinator import effects as do
from enclave.coordinator import events
from enclave.coordinator.blobs import Blobs
from enclave.coordinator.callers import Callers
from enclave.coordinator.clusters import credentials
from enclave.coordinator.keeping import kept_versions
from enclave.coordinator.keys import RoomKeys
from enclave.coordinator.leases import Leases
from enclave.coordinator.orders import deliveries, orders
from enclave.coordinator.outboxes import Outboxes, Stream
from enclave.coordinator.phases import LOSABLE
from enclave.coordinator.state import Room
from enclave.coordinator.watching import Board

EventAt = Callable[[datetime], events.Event]
"""An event that lacks its time."""


class Performer:
    """Everything outside of the room that effects touch."""

    def __init__(
        self, keys: RoomKeys, blobs: Blobs, callers: Callers, leases: Leases, evidence: Leases
    ) -> None:
        self._keys = keys
        self.blobs = blobs
        self.callers = callers
        self.leases = leases
        self.evidence = evidence
        """When each worker is asked for fresh evidence, or has answered."""
        self.outboxes = Outboxes()
        self.board = Board()

    def connect(self, instance: str, stream: Stream, lease_s: int) -> bytes:
        """Prepare for a worker that is about to be admitted; returns its token."""
        self.outboxes.open(instance, stream)
        self.leases.renew(instance, lease_s)
        return self.callers.admit(instance)

    def disconnect(self, instance: str) -> None:
        """Forget a worker's stream, lease and token."""
        self.leases.end(instance)
        self.evidence.end(instance)
        self.callers.dismiss(instance)
        self.outboxes.close(instance)

    def perform(self, effect: do.Effect, room: Room) -> EventAt | None:
        """Carry out one effect; returns the event that follows from it, if any."""
        match effect:
            case do.Tell():
                self.outboxes.tell(effect.instance, effect.message)
            case do.Dismiss():
                self.disconnect(effect.instance)
            case do.Announce():
                self.board.announce(room.run(effect.run), room.at)
            case do.IssueCredentials() | do.SendOrders():
                return self._supply(effect, room)
            case do.CheckOutputs():
                return self._check(room, effect.run)
            case do.Remove():
                self.blobs.remove(effect.digest)
            case do.Release():
                return lambda at: events.ReleaseDue(at=at, run=effect.run)
            case _:
                assert_never(effect)
        return None

    def _supply(self, effect: do.IssueCredentials | do.SendOrders, room: Room) -> EventAt | None:
        run = room.run(effect.run)
        if run.phase not in LOSABLE:  # it ended between the event and its effect
            return None
        try:
            if isinstance(effect, do.SendOrders):
                for instance, order in list(orders(room, run, self._keys.unsealer)):
                    self.outboxes.tell(instance, order)
            else:
                for instance, issued in list(credentials(run, room.at)):
                    self.outboxes.tell(instance, issued)
        except CleanroomError as refused:
            head, code = run.gang[0].instance, refused.code
            return lambda at: events.RunFailed(at=at, run=run.name, instance=head, code=code)
        return None

    def _check(self, room: Room, name: str) -> EventAt:
        run = room.run(name)
        stored = self.blobs.sizes(sealed.output.digest for sealed in run.outputs)
        manifest, signer = room.agreed(), self._keys.signer
        ready = deliveries(manifest, run, self._keys.unsealer)
        return lambda at: events.OutputsChecked(
            at=at,
            run=name,
            stored=stored,
            deliveries=ready,
            kept=kept_versions(manifest, run, at, signer),
        )
