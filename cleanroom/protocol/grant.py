"""A key grant: one dataset key, for one run, for one worker, for named columns.

The key is sealed to the key pair that the worker proved by its evidence, and everything the
grant says is the sealing's context: a grant that was changed in any field does not open.
"""

from typing import Annotated

from pydantic import Field

from cleanroom.crypto.sealing import SealKey, Unsealer, seal
from cleanroom.encoding import Bytes, DatasetName, Digest, Instant, Name, Record, frame
from cleanroom.ledger.entry import Instance, RunId
from cleanroom.manifest.model import Lineage


class GrantTerms(Record):
    """What a grant is for."""

    lineage: Lineage
    manifest: Digest
    run: RunId
    input: Name
    """The input's name in the computation."""
    dataset: DatasetName
    version: Digest
    """Which dataset version the key opens."""
    columns: Annotated[list[str], Field(min_length=1)]
    """The only columns the worker may decrypt, sorted."""
    worker: Instance
    expires_at: Instant
    """The worker forgets the key at this moment at the latest."""

    @property
    def context(self) -> bytes:
        """The HPKE context of the sealed key."""
        return frame("cleanroom/grant/v1", self.to_bytes())


class KeyGrant(Record):
    """A dataset key on its way to a worker."""

    terms: GrantTerms
    sealed_key: Bytes
    """The data key, HPKE-sealed to the worker under the terms."""


def grant(terms: GrantTerms, key: bytes, to: SealKey) -> KeyGrant:
    """Seal a data key to a worker's attested key, for these terms only."""
    return KeyGrant(terms=terms, sealed_key=seal(key, to, context=terms.context))


def open_grant(granted: KeyGrant, unsealer: Unsealer) -> bytes:
    """The data key, 32 bytes, once the grant is for this worker's key and unchanged.

    Raises:
        SealBroken: it was sealed to another worker, or any of its terms was changed.
    """
    return unsealer.open(granted.sealed_key, context=granted.terms.context)
