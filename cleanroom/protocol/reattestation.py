"""Fresh evidence of a worker that was admitted, over its open stream, for the keys it joined with.

    coordinator                              worker
      Reattest{nonce}                ->
                                     <-      Reattested{nonce, evidence}, signed and counted

The report data binds the fresh nonce and the whole join: so the machine that answers holds these
keys now, and evidence of another moment, another join or another room is of no use. It is judged
by `join.appraise_join`, in place of the join's.
"""

from typing import Literal

from pydantic import Field

from cleanroom.attestation.binding import Binding, bind
from cleanroom.attestation.evidence import Evidence
from cleanroom.encoding import Bytes, Digest, Record, content_digest, raw_digest

REATTEST_NONCE_LENGTH = 32


class Reattest(Record):
    """The room asks a worker to show what it is now."""

    kind: Literal["reattest"] = "reattest"
    nonce: Bytes = Field(min_length=REATTEST_NONCE_LENGTH, max_length=REATTEST_NONCE_LENGTH)
    """Fresh; good for one answer."""


class Reattested(Record):
    """The worker shows it."""

    kind: Literal["reattested"] = "reattested"
    nonce: Bytes = Field(min_length=REATTEST_NONCE_LENGTH, max_length=REATTEST_NONCE_LENGTH)
    """The room's."""
    evidence: Evidence
    """Its report data is `reattest_binding`."""

    @property
    def digest(self) -> Digest:
        """The name of this answer in the log and in receipts."""
        return content_digest(self.to_bytes())


def reattest_binding(nonce: bytes, join: Digest) -> Binding:
    """The report data that fresh evidence must carry.

    Args:
        nonce: the room's, 32 bytes.
        join: digest of the worker's join, which names its keys, its role and its manifest.
    """
    return bind("cleanroom/reattest/v1", nonce, raw_digest(join))
