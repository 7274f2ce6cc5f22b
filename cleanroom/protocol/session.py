"""How a party proves who it is to the room, once, before its calls carry a short-lived token.

The proof is bound to the room's own key and to a nonce of the room's, so it is of no use to
anybody who relays it. Tokens are random, live in the coordinator's memory only, and end with it.
"""

from datetime import datetime, timedelta

from pydantic import Field

from cleanroom.crypto.envelope import Envelope, open_envelope, sign
from cleanroom.crypto.signing import Signer, VerifyKey
from cleanroom.encoding import Bytes, Instant, Name, Record
from cleanroom.errors import CallerRefused, ManifestRule, SignatureInvalid
from cleanroom.manifest.model import Lineage, Manifest

CALLER_TYPE = "application/vnd.cleanroom.caller.v1+json"
CALLER_USES = ("submit", "provide", "approve")
"""Any signing key of a party proves that it is the party; the payload type says what for."""
CLOCK_SKEW = timedelta(minutes=5)
"""A proof is accepted this long before and after its time."""


class CallerProof(Record):
    """A party tells one room that it is calling."""

    lineage: Lineage
    party: Name
    root: Bytes = Field(min_length=32, max_length=32)
    """SHA-256 of the room's certificate authority key: the proof is for this room only."""
    challenge: Bytes = Field(min_length=32, max_length=32)
    """Random bytes that the room gave for this proof."""
    at: Instant
    """The party's clock."""


class Token(Record):
    """What a party attaches to its calls."""

    token: Bytes = Field(min_length=32, max_length=32)
    """A random secret, 32 bytes; never logged."""
    party: Name
    """Whose it is."""
    lifetime_s: int = Field(ge=1)
    """How long it is good for, in seconds."""

    def __repr__(self) -> str:
        return f"Token(party={self.party!r})"

    __str__ = __repr__


def prove_caller(proof: CallerProof, signer: Signer) -> Envelope:
    """Sign a proof with one of the party's signing keys."""
    return sign(CALLER_TYPE, proof.to_bytes(), signer)


def open_caller(
    envelope: Envelope, manifest: Manifest, *, root: bytes, challenge: bytes, now: datetime
) -> CallerProof:
    """Return the proof once a party of `manifest` made it for this room and challenge.

    Raises:
        CallerRefused: another room, challenge, party or time, or no valid signature.
    """
    proof = CallerProof.from_bytes(envelope.payload)
    try:
        keys = _signing_keys(manifest, proof.party)
        open_envelope(envelope, CALLER_TYPE, keys)
    except (SignatureInvalid, ManifestRule) as invalid:
        raise CallerRefused(f"the caller is not party {proof.party!r}: {invalid}") from None
    if proof.root != root or proof.challenge != challenge:
        raise CallerRefused("the proof was made for another room or another challenge")
    if proof.lineage != manifest.metadata.lineage or abs(proof.at - now) > CLOCK_SKEW:
        raise CallerRefused("the proof is for another lineage or not of this time")
    return proof


def _signing_keys(manifest: Manifest, party: str) -> dict[str, VerifyKey]:
    if party not in manifest.parties:
        raise ManifestRule(f"party {party!r} is not in the manifest")
    return {
        kid: key
        for listed in manifest.parties[party].keys
        if listed.use in CALLER_USES
        for kid, key in manifest.verify_keys(party, listed.use).items()
    }
