"""The revocation list that cleared a machine's certificates."""

from cleanroom.encoding import Instant, Record


class RevocationStatus(Record):
    """The newest list that was at hand, signed by the root that vouches."""

    issuer: str
    """Common name of the root."""
    issued_at: Instant
    """thisUpdate: what was revoked later is not on it."""
    until: Instant
    """nextUpdate: when the vendor issues the next one at the latest."""


def is_unknown(status: object) -> bool:
    """Whether no list was at hand: then nothing about one is written."""
    return status is None
