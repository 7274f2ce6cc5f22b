"""Which dataset version some ciphertext belongs to, and the bytes that tie each part to it."""

from dataclasses import dataclass

from cleanroom.protocol.dataset import part_context


@dataclass(frozen=True, slots=True)
class DatasetContext:
    """The identity of a dataset version; a part opens under no other."""

    lineage: str
    """The room's lineage, a UUID in lower case with dashes."""
    dataset: str
    """The dataset's name in the manifest."""
    owner: str
    """The party that owns it."""
    version: str
    """16 random bytes as 32 hexadecimal digits."""

    def of_part(self, index: int) -> bytes:
        """The AAD prefix of the part with this index; it is not stored in the file."""
        return part_context(self.lineage, self.dataset, self.owner, self.version, index)
