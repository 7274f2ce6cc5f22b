"""A signed head of the log: how long it is and what its root is, for one lineage.

A client remembers the last head it saw and refuses one that is shorter or does not extend it.
Witness cosignatures are further signatures over the same bytes; they are not read here.
"""

from pydantic import Field

from cleanroom.crypto.envelope import Envelope, open_envelope, sign
from cleanroom.crypto.signing import Signer, VerifyKey
from cleanroom.encoding import Bytes, Record
from cleanroom.errors import LogInconsistent
from cleanroom.ledger.tree import verify_consistency

CHECKPOINT_TYPE = "application/vnd.cleanroom.checkpoint.v1+json"
SIGNER_KID = "room-sign"
"""The name of the coordinator's signing key in everything it signs."""


class LogHead(Record):
    """The state of a room's log."""

    lineage: str
    """The room it belongs to."""
    size: int = Field(ge=0)
    """How many entries it has."""
    root: Bytes = Field(min_length=32, max_length=32)
    """The Merkle root over them, 32 bytes."""


def sign_checkpoint(head: LogHead, signer: Signer) -> Envelope:
    """Sign a head with the coordinator's key."""
    return sign(CHECKPOINT_TYPE, head.to_bytes(), signer)


def open_checkpoint(envelope: Envelope, key: VerifyKey) -> LogHead:
    """Return the head once it is signed by `key`.

    Raises:
        SignatureInvalid: the signature does not hold.
    """
    payload, _ = open_envelope(envelope, CHECKPOINT_TYPE, {SIGNER_KID: key})
    return LogHead.from_bytes(payload)


def extend_head(remembered: LogHead, presented: LogHead, path: list[bytes]) -> LogHead:
    """Return `presented` once it is proven to extend `remembered`.

    Raises:
        LogInconsistent: another lineage, a shorter log, or a fork.
    """
    if presented.lineage != remembered.lineage:
        raise LogInconsistent(
            f"the log is of lineage {presented.lineage}, expected {remembered.lineage}"
        )
    verify_consistency(remembered.size, remembered.root, presented.size, presented.root, path)
    return presented
