"""A model's file as an encrypted version of its dataset: one part, bound to its place.

The plain file is encrypted as a whole under a key of its own; its context holds the room's lineage,
dataset, owner and version, as for a table, under another domain. What comes out in the worker has
to be checked again: the owner's program is not trusted.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from cleanroom.crypto.sealing import CONTENT_KEY_LENGTH, decrypt_content, encrypt_content
from cleanroom.dataset.context import DatasetContext
from cleanroom.dataset.models.check import CheckedModel
from cleanroom.dataset.seal import SealedPart
from cleanroom.encoding import frame
from cleanroom.errors import SealBroken
from cleanroom.protocol.dataset import Part


@dataclass(frozen=True, slots=True)
class SealedModel:
    """A version of a model whose one part is sealed; made only by `seal_model`."""

    context: DatasetContext
    """What the part is bound to."""
    sealed: SealedPart
    """The one part."""
    key: bytes = field(repr=False)
    """The 32-byte data key of this version; seal it to the coordinator, store it nowhere."""
    rows: int = 1
    """A version is one model."""

    @property
    def version(self) -> str:
        """16 random bytes as 32 hexadecimal digits."""
        return self.context.version

    @property
    def parts(self) -> list[Part]:
        """The record of the part, for the dataset version that the owner signs."""
        return [self.sealed.part]

    @property
    def paths(self) -> list[Path]:
        """The ciphertext file."""
        return [self.sealed.path]


def model_context(context: DatasetContext) -> bytes:
    """What the ciphertext of a model is bound to."""
    fields = (context.lineage, context.dataset, context.owner, context.version)
    return frame("cleanroom/model/v1", *(field.encode() for field in fields))


def seal_model(
    model: CheckedModel,
    *,
    lineage: str,
    dataset: str,
    owner: str,
    directory: Path,
    on_part: Callable[[SealedPart], None],
) -> SealedModel:
    """Seal a model as a new version of a dataset.

    Args:
        model: what `check_model` vouches for.
        lineage: the room's lineage.
        dataset: the dataset's name in the manifest.
        owner: the party that owns it.
        directory: where the ciphertext goes; it must exist.
        on_part: called with the one part once it is written.
    """
    context = DatasetContext(lineage, dataset, owner, secrets.token_hex(16))
    key = secrets.token_bytes(CONTENT_KEY_LENGTH)
    ciphertext = encrypt_content(model.content, key, context=model_context(context))
    digest = "sha256:" + sha256(ciphertext).hexdigest()
    part = Part(index=0, digest=digest, size=len(ciphertext), rows=1)
    sealed = SealedPart(part, directory / f"{context.version}-00000.part")
    with sealed.path.open("xb") as file:
        file.write(ciphertext)
    on_part(sealed)
    return SealedModel(context, sealed, key)


def unseal_model(sealed: Path, part: Part, *, context: DatasetContext, key: bytes) -> bytes:
    """The bytes of a model, authentic but not judged: `check_model` comes next.

    Args:
        sealed: the ciphertext, whose digest was compared with `part.digest` by the caller.
        part: its record in the signed dataset version.
        context: which dataset version it must be of.
        key: the version's 32-byte data key.

    Raises:
        SealBroken: another key, context or place, or altered, truncated or foreign bytes.
    """
    if sealed.stat().st_size != part.size:
        raise SealBroken("the sealed model does not have as many bytes as were signed")
    return decrypt_content(sealed.read_bytes(), key, context=model_context(context))
