"""Who is calling: parties by a proof for a fresh challenge, workers by their admission.

Tokens are 32 random bytes; only their hashes are kept, in memory, and they end with the process.
A token opens no data: it says who calls, and what a caller may do is decided elsewhere.
"""

import base64
import binascii
import hashlib
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cleanroom.crypto.envelope import Envelope
from cleanroom.errors import CallerRefused, Overloaded
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.session import CallerProof, Token, open_caller

METADATA_KEY = "cleanroom-token"
"""Each call carries the token here, in base64."""
TOKEN_LENGTH = 32
LIFETIME_S = 3600
"""A party proves itself again after this many seconds."""
CHALLENGE_S = 60.0
"""A challenge is good for this many seconds, once."""
MOST_CHALLENGES = 4096
"""No more challenges wait for their proof at a time."""
MOST_SESSIONS = 1024
"""No more tokens of parties are valid at a time."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a valid token belongs to."""

    kind: Literal["party", "worker"]
    name: str
    """A party of the manifest, or a worker's instance."""


@dataclass(frozen=True, slots=True)
class _Session:
    caller: Caller
    ends: float


class Callers:
    """Challenges and tokens that are valid now; safe to use from many threads."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._challenges: dict[bytes, float] = {}
        self._sessions: dict[bytes, _Session] = {}

    def challenge(self) -> bytes:
        """32 fresh bytes for one proof.

        Raises:
            Overloaded: too many challenges wait already.
        """
        fresh = secrets.token_bytes(32)
        with self._lock:
            now = self._monotonic()
            self._challenges = {one: end for one, end in self._challenges.items() if end > now}
            if len(self._challenges) >= MOST_CHALLENGES:
                raise Overloaded(f"{MOST_CHALLENGES} challenges wait for their proof already")
            self._challenges[fresh] = now + CHALLENGE_S
        return fresh

    def open_session(
        self, envelope: Envelope, manifest: Manifest, *, root: bytes, now: datetime
    ) -> Token:
        """Exchange a party's proof for a token; its challenge is used up either way.

        Raises:
            CallerRefused: the challenge is unknown, used or too old, or the proof does not hold.
            Overloaded: too many sessions are open.
        """
        challenge = CallerProof.from_bytes(envelope.payload).challenge
        with self._lock:
            end = self._challenges.pop(challenge, 0.0)
        if end <= self._monotonic():
            raise CallerRefused("the challenge is unknown, used already, or too old")
        proof = open_caller(envelope, manifest, root=root, challenge=challenge, now=now)
        token = self._issue(Caller("party", proof.party), LIFETIME_S)
        return Token(token=token, party=proof.party, lifetime_s=LIFETIME_S)

    def admit(self, instance: str) -> bytes:
        """A token for a worker; good until `dismiss`."""
        return self._issue(Caller("worker", instance), float("inf"))

    def dismiss(self, instance: str) -> None:
        """End a worker's token."""
        gone = Caller("worker", instance)
        with self._lock:
            self._sessions = {k: one for k, one in self._sessions.items() if one.caller != gone}

    def caller(self, presented: str | bytes) -> Caller:
        """Whose token this is.

        Args:
            presented: base64 text from the call's metadata.

        Raises:
            CallerRefused: it is no valid token.
        """
        try:
            token = base64.b64decode(presented, validate=True)
        except (binascii.Error, ValueError):
            raise CallerRefused("the token is not base64 text") from None
        with self._lock:
            session = self._sessions.get(_hashed(token))
        if session is None or session.ends <= self._monotonic():
            raise CallerRefused("the token is unknown or over", hint="open a new session")
        return session.caller

    def _issue(self, caller: Caller, lifetime: float) -> bytes:
        token = secrets.token_bytes(TOKEN_LENGTH)
        with self._lock:
            now = self._monotonic()
            self._sessions = {k: one for k, one in self._sessions.items() if one.ends > now}
            if caller.kind == "party" and len(self._sessions) >= MOST_SESSIONS:
                raise Overloaded(f"{MOST_SESSIONS} sessions are open already")
            self._sessions[_hashed(token)] = _Session(caller, now + lifetime)
        return token


def _hashed(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
