"""Calls to a room that was verified, and is verified again whenever it may be another one.

A coordinator that was restarted knows no tokens and has a fresh TLS key. So after each break the
whole way is gone again: fresh nonce, statement, every check, proof from the remembered log head,
new session. Breaks are waited out with growing pauses, for a bounded time; a check that does not
hold ends everything at once. Without a verified room there is no way to send anything.
"""

import secrets
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from cleanroom.attestation.collateral import Collateral
from cleanroom.client.clock import Clock
from cleanroom.client.identity import Identity
from cleanroom.client.memory import Memory
from cleanroom.client.patience import LONGEST_PAUSE_S, Patience
from cleanroom.client.session import Question, caller_proof, read_token
from cleanroom.client.transport import (
    LONG_S,
    SHORT_S,
    Transport,
    challenge,
    explained,
)
from cleanroom.crypto.envelope import Envelope
from cleanroom.errors import (
    ApprovalMissing,
    CallerRefused,
    CleanroomError,
    TransferBroken,
    Unreachable,
)
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.statement import NONCE_LENGTH, TrustedRoom
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb

PATIENCE_S = 60.0
"""How long a break is waited out before it becomes an error, in seconds."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls which room, and on what terms; everything that outlives a connection."""

    address: str
    """`host:port`; untrusted."""
    manifest: Manifest
    """The party's own copy."""
    identity: Identity
    """Whose keys sign."""
    allow_simulated: bool
    """Whether simulated platforms are accepted."""
    memory: Memory
    """Where heads and statements are remembered."""
    clock: Clock
    """Tells the time."""
    collateral: Collateral
    """What vendors say about machines, as far as this party has it."""
    patience_s: float = PATIENCE_S
    """How long a break is waited out, in seconds."""
    reference_values: tuple[Envelope, ...] = ()
    """What builders signed about the images that the manifest names, as the party has it."""


class Calls:
    """A verified connection that outlives restarts of the coordinator."""

    def __init__(self, caller: Caller) -> None:
        """Verify the room behind the address, and open a session if it is active.

        Raises:
            NotTrusted: it is not the room of this manifest; nothing was sent.
            ApprovalError: it says it is active, but not every approval holds.
            Unreachable: nobody answers.
        """
        self.caller = caller
        self._lock = threading.RLock()
        self._generation = 0
        self._transport: Transport | None = None
        self.room: TrustedRoom = self._open()
        """The room as it was verified last."""

    def unary(
        self,
        choose: Callable[[Transport], Callable[..., T]],
        request: object,
        seconds: float = SHORT_S,
    ) -> T:
        """One call in the party's name; it must be one that may be sent twice.

        Raises:
            ApprovalMissing: the room is not active yet.
            CleanroomError: what the room answered, or `Unreachable` after all patience.
        """
        self.require_active()
        return self.attempt(lambda to: to.call(choose(to), request, seconds))

    def public(
        self,
        choose: Callable[[Transport], Callable[..., T]],
        request: object,
        seconds: float = SHORT_S,
    ) -> T:
        """One call that needs no session, to the verified room only."""
        return self.attempt(lambda to: to.call(choose(to), request, seconds))

    def attempt(self, act: Callable[[Transport], T], stop: threading.Event | None = None) -> T:
        """Do `act` on the verified room, again after each break, while patience lasts.

        Args:
            act: may be done twice without harm.
            stop: ends all patience when it is set.
        """
        patience = Patience(self.caller.patience_s, stop)
        while True:
            generation, transport = self._current(patience)
            try:
                return act(transport)
            except (Unreachable, TransferBroken, CallerRefused) as broken:
                self._mend(broken, generation, patience)

    def resumed(self, begin: Callable[[Transport], Iterator[T]]) -> Generator[T, None, None]:
        """Yield what `begin` yields, and begin again after each break.

        Args:
            begin: starts where the caller stands now: it is asked again after each break.
        """
        patience = Patience(self.caller.patience_s)
        while True:
            generation, transport = self._current(patience)
            began = time.monotonic()
            try:
                for each in begin(transport):
                    yield each
                    patience = Patience(self.caller.patience_s)
                return  # noqa: TRY300 - the end of the stream, not of a try
            except (Unreachable, TransferBroken, CallerRefused) as broken:
                if time.monotonic() - began > LONGEST_PAUSE_S:  # it held, and said nothing
                    patience = Patience(self.caller.patience_s)
                self._mend(broken, generation, patience)

    def require_active(self) -> TrustedRoom:
        """The room, once it is active; asks again where it was not.

        Raises:
            ApprovalMissing: still not every party has approved.
        """
        with self._lock:
            if self.room.phase != "active":
                self.room = self._open()
            if self.room.phase != "active":
                raise ApprovalMissing(
                    f"the room is {self.room.phase}, expected active: approvals are missing"
                )
            return self.room

    def refresh(self) -> TrustedRoom:
        """Verify the room again, now."""
        with self._lock:
            self.room = self._open()
            return self.room

    def close(self) -> None:
        """End every call."""
        with self._lock:
            if self._transport is not None:
                self._transport.close()
            self._transport = None

    def _current(self, patience: Patience) -> tuple[int, Transport]:
        while True:
            try:
                return self._connected()
            except Unreachable as broken:
                patience.spend(broken)

    def _connected(self) -> tuple[int, Transport]:
        with self._lock:
            if self._transport is None or self._too_old():
                self.room = self._open()
            assert self._transport is not None  # noqa: S101 - `_open` set it, or raised
            return self._generation, self._transport

    def _too_old(self) -> bool:
        """Whether the parties agreed to ask again by now what the room is."""
        caller = self.caller
        most = caller.manifest.coordinator.max_evidence_age_s
        verified_at = self.room.result.issued_at
        return most is not None and caller.clock() - verified_at > timedelta(seconds=most)

    def _mend(self, broken: CleanroomError, generation: int, patience: Patience) -> None:
        if isinstance(broken, CallerRefused):
            patience.once(broken)
        else:
            patience.spend(broken)
        with self._lock:
            if self._generation == generation and not isinstance(broken, TransferBroken):
                self.close()

    def _open(self) -> TrustedRoom:
        self.close()
        room = self._verified()
        transport = Transport.attested(self.caller.address, room.root_certificate)
        try:
            self._transport = self._greeted(transport, room)
        except CleanroomError as failed:
            transport.close()
            reason = explained(failed, self.caller.address, room.root_certificate)
            raise reason from None
        self._generation += 1
        return room

    def _verified(self) -> TrustedRoom:
        """Steps 1 to 8 of the statement; what was verified is remembered before it is used."""
        caller, now = self.caller, self.caller.clock()
        with caller.memory.head_of(str(caller.manifest.metadata.lineage)) as remembered:
            nonce = secrets.token_bytes(NONCE_LENGTH)
            question = Question(
                caller.manifest,
                nonce,
                remembered.head,
                caller.allow_simulated,
                caller.collateral,
                caller.reference_values,
            )
            transport = Transport.opening(caller.address)
            try:
                asked = pb.StatementRequest(nonce=nonce, remembered_size=question.remembered_size)
                reply: pb.StatementReply = transport.call(
                    transport.trust.GetStatement, asked, LONG_S
                )
            finally:
                transport.close()
            room = question.verified(reply.statement, list(reply.consistency), now)
            remembered.keep(room.head)
        caller.memory.keep_statement(room)
        return room

    def _greeted(self, transport: Transport, room: TrustedRoom) -> Transport:
        """Reach the attested key, and prove who is calling where the room is active."""
        given = challenge(transport)
        if room.phase != "active":
            return transport
        proof = caller_proof(room, self.caller.identity, given, self.caller.clock())
        sent = pb.Canonical(record=proof.to_bytes())
        reply: pb.Canonical = transport.call(transport.trust.OpenSession, sent)
        return transport.with_token(read_token(reply.record, self.caller.identity).token)
