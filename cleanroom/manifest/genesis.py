"""What a room is born from: its lineage, and the keys that may approve its first version.

The digest is short enough to be tied to a confidential VM by its launcher (host data, 32 bytes),
so nobody can give a coordinator a first manifest of their own, nor a worker another room.
"""

import hashlib
from typing import Self

from pydantic import Field

from cleanroom.encoding import Bytes, Name, Record, frame
from cleanroom.errors import ManifestRule
from cleanroom.manifest.model import Lineage, Manifest

DOMAIN = "cleanroom/genesis/v1"


class Genesis(Record):
    """The lineage of a room and the approve keys of its version 1."""

    lineage: Lineage
    """The room's identity over all its manifest versions."""
    approve: dict[Name, Bytes] = Field(min_length=2)
    """Raw Ed25519 approve key, 32 bytes, of every party of version 1."""

    @classmethod
    def of(cls, first: Manifest) -> Self:
        """The genesis of the room whose version 1 is `first`.

        Raises:
            ManifestRule: it is not version 1, or a party has no approve key.
        """
        if first.metadata.version != 1:
            raise ManifestRule(
                f"the manifest is version {first.metadata.version}, "
                "expected version 1: a genesis is made of the first version only"
            )
        keys = {party: first.key_of(party, "approve").public for party in first.parties}
        return cls(lineage=first.metadata.lineage, approve=keys)

    @property
    def digest(self) -> bytes:
        """SHA-256 over the frame of the canonical bytes, 32 bytes."""
        return hashlib.sha256(frame(DOMAIN, self.to_bytes())).digest()
