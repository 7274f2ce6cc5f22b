"""How a party gets into a room, without any I/O: question, answer, proof, token.

    Question(own manifest, nonce, …)    ->  what is asked: the nonce, the log size this party knows
    Question.verified(answer)           ->  TrustedRoom, or an error; nothing else was sent so far
    caller_proof(room, challenge)       ->  who is calling, bound to this room's own key
    read_token(reply)                   ->  what the next calls carry

The caller moves the bytes. Only a `TrustedRoom` leads from the second step to the third.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cleanroom.attestation.collateral import Collateral
from cleanroom.client.identity import Identity
from cleanroom.crypto.certificates import spki_digest
from cleanroom.crypto.envelope import Envelope
from cleanroom.errors import CallerRefused
from cleanroom.ledger.checkpoint import LogHead
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.session import CallerProof, Token, prove_caller
from cleanroom.protocol.statement import Statement, TrustedRoom, verify_for_party


@dataclass(frozen=True, slots=True)
class Question:
    """One request for a statement; its nonce is good for one answer."""

    own: Manifest
    """The party's own copy of the manifest: what counts."""
    nonce: bytes
    """Fresh, 32 bytes."""
    remembered: LogHead | None
    """The last log head this party accepted; None at first contact."""
    allow_simulated: bool
    """Whether this party accepts a room of simulated platforms."""
    collateral: Collateral
    """What vendors say, as far as this party knows by itself."""
    reference_values: tuple[Envelope, ...] = ()
    """What builders signed, as this party has it: for a room that has no manifest yet."""

    @property
    def remembered_size(self) -> int:
        """The log size to ask a consistency proof from; 0 for none."""
        return self.remembered.size if self.remembered else 0

    def verified(
        self, statement: bytes, consistency: Sequence[bytes], now: datetime
    ) -> TrustedRoom:
        """Return the room once the answer holds, by every step of `protocol.statement`.

        Args:
            statement: canonical bytes, as received.
            consistency: the proof from the remembered head, as received.
            now: this party's clock, aware.

        Raises:
            NotTrusted: evidence, appraisal, statement or log does not hold.
            ApprovalError: the room says it is active, but an approval does not hold.
            ManifestError: the manifest breaks a rule or is not in force, or the answer is
                malformed.
        """
        return verify_for_party(
            Statement.from_bytes(statement),
            self.own,
            nonce=self.nonce,
            remembered=self.remembered,
            consistency=consistency,
            allow_simulated=self.allow_simulated,
            collateral=self.collateral,
            now=now,
            reference_values=self.reference_values,
        )


def caller_proof(
    room: TrustedRoom, identity: Identity, challenge: bytes, now: datetime
) -> Envelope:
    """Prove to a verified room, and to no other, that this party is calling.

    Args:
        room: as verified.
        identity: of a party of the room's manifest.
        challenge: 32 bytes that the room gave for this proof.
        now: this party's clock, aware, in whole seconds.

    Raises:
        CallerRefused: the challenge is not 32 bytes.
    """
    if len(challenge) != 32:
        raise CallerRefused(f"the room's challenge has {len(challenge)} bytes, expected 32")
    proof = CallerProof(
        lineage=room.genesis.lineage,
        party=identity.party,
        root=spki_digest(room.root_certificate),
        challenge=challenge,
        at=now,
    )
    return prove_caller(proof, identity.signer("submit"))


def read_token(reply: bytes, identity: Identity) -> Token:
    """The token in the room's reply.

    Raises:
        CallerRefused: it is for another party.
    """
    token = Token.from_bytes(reply)
    if token.party != identity.party:
        raise CallerRefused(f"the session is for party {token.party!r}, not {identity.party!r}")
    return token
