"""A version of a dataset: what its owner signs, and the key it sends with it.

The record names the ciphertext parts by digest; the parts themselves travel apart. HPKE does not
say who sealed, so the owner's `provide` key signs the record that names the sealed key.
"""

from typing import Annotated

from pydantic import Field

from cleanroom.crypto.envelope import Envelope, open_envelope, sign
from cleanroom.crypto.signing import Signer, VerifyKey
from cleanroom.encoding import (
    Bytes,
    DatasetName,
    Digest,
    Instant,
    Name,
    Record,
    content_digest,
    digest,
    frame,
)
from cleanroom.errors import DatasetRefused
from cleanroom.ledger.checkpoint import SIGNER_KID
from cleanroom.manifest.keeping import makers
from cleanroom.manifest.model import Lineage, Manifest, ModelDataset

VERSION_TYPE = "application/vnd.cleanroom.dataset-version.v1+json"
MOST_PARTS = 10_000
"""A dataset version has no more parts."""
ROOM_FOR_TAGS = 256
"""Sealing makes a model longer by less than this part of it, and a header of"""
LONGEST_HEADER = 4096
"""so many bytes: C2SP chunked encryption adds a tag to each chunk of 16 KiB."""


class Part(Record):
    """One encrypted Parquet file of a dataset version."""

    index: int = Field(ge=0, lt=MOST_PARTS)
    """Its place, from 0."""
    digest: Digest
    """Of the ciphertext file."""
    size: int = Field(ge=1)
    """Of the ciphertext file, in bytes."""
    rows: int = Field(ge=0)
    """Rows in it."""


class DatasetVersion(Record):
    """What an owner brought, completely."""

    lineage: Lineage
    """The room it is for."""
    manifest: Digest
    """The manifest it was sealed under."""
    dataset: DatasetName
    owner: Name
    version: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    """16 random bytes, part of every part's encryption context."""
    rows: int = Field(ge=1)
    """Rows in all parts together."""
    parts: list[Part] = Field(min_length=1, max_length=MOST_PARTS)
    """In order of their index."""
    sealed_key: Digest
    """Digest of the data key as sealed to the coordinator."""
    sealed_at: Instant
    """When the owner sealed it."""

    @property
    def digest(self) -> str:
        """The name under which approvals, receipts and the log know this version."""
        return content_digest(self.to_bytes())


class DatasetOffer(Record):
    """What travels to the coordinator once all parts are there."""

    version: Envelope
    """The signed `DatasetVersion`."""
    sealed_key: Bytes
    """The data key, HPKE-sealed to the coordinator under `key_context`."""


def key_context(lineage: str, manifest: str, dataset: str, owner: str, version: str) -> bytes:
    """The HPKE context that ties a data key to one dataset version in one room."""
    fields = (lineage, manifest, dataset, owner, version)
    return frame("cleanroom/dataset-key/v1", *(field.encode() for field in fields))


def part_context(lineage: str, dataset: str, owner: str, version: str, index: int) -> bytes:
    """The AAD prefix that ties a ciphertext part to its place; it is not stored in the file."""
    fields = (lineage, dataset, owner, version)
    return frame(
        "cleanroom/dataset/v1", *(field.encode() for field in fields), index.to_bytes(4, "big")
    )


def sign_version(version: DatasetVersion, signer: Signer) -> Envelope:
    """Sign a version with its owner's `provide` key."""
    return sign(VERSION_TYPE, version.to_bytes(), signer)


def open_version(offer: DatasetOffer, manifest: Manifest) -> DatasetVersion:
    """Return the version once it is this manifest's, its owner's, and whole.

    Raises:
        DatasetRefused: it is for another room, manifest, dataset or owner, or its parts do not
            add up.
        SignatureInvalid: the owner's `provide` key did not sign it.
    """
    version = open_signed(offer.version, manifest)
    _same("sealed key", version.sealed_key, content_digest(offer.sealed_key))
    return version


def open_signed(
    signed: Envelope, manifest: Manifest, room_key: VerifyKey | None = None
) -> DatasetVersion:
    """Return the version once its owner signed it for this manifest, and its parts add up.

    A worker checks it again before it reads: whatever the coordinator says, rows are the owner's.

    Args:
        signed: the signed record.
        manifest: in force.
        room_key: the room's attested key, which signs models that stay in the room; without it no
            such version is taken.

    Raises:
        DatasetRefused: as `open_version`.
        SignatureInvalid: the owner's `provide` key did not sign it.
    """
    version = DatasetVersion.from_bytes(signed.payload)
    dataset = manifest.datasets.get(version.dataset)
    if dataset is None:
        raise DatasetRefused(f"dataset {version.dataset!r} is not in this manifest")
    open_envelope(signed, VERSION_TYPE, _signers(manifest, version.dataset, room_key))
    _same("owner", version.owner, dataset.owner)
    _same("lineage", str(version.lineage), str(manifest.metadata.lineage))
    _same("manifest", version.manifest, manifest.digest)
    _same("part order", [part.index for part in version.parts], list(range(len(version.parts))))
    _same("rows in all parts", sum(part.rows for part in version.parts), version.rows)
    if not dataset.rows.min <= version.rows <= dataset.rows.max:
        raise DatasetRefused(
            f"dataset {version.dataset!r} has {version.rows} rows, expected "
            f"{dataset.rows.min} to {dataset.rows.max}"
        )
    if isinstance(dataset, ModelDataset):
        _one_model(version, dataset)
    return version


def kept_version(run: str, output: str) -> str:
    """The name of the version that a run's model becomes: 32 hexadecimal digits."""
    return digest("cleanroom/kept-model/v1", run.encode(), output.encode())[7:39]


def _signers(manifest: Manifest, dataset: str, room_key: VerifyKey | None) -> dict[str, VerifyKey]:
    if dataset not in makers(manifest):
        return manifest.verify_keys(manifest.datasets[dataset].owner, "provide")
    if room_key is None:
        raise DatasetRefused(f"versions of {dataset!r} are made in the room, nobody brings them")
    return {SIGNER_KID: room_key}


def _one_model(version: DatasetVersion, dataset: ModelDataset) -> None:
    _same("number of parts", len(version.parts), 1)
    most = dataset.max_bytes + dataset.max_bytes // ROOM_FOR_TAGS + LONGEST_HEADER
    if version.parts[0].size > most:
        raise DatasetRefused(
            f"the model has {version.parts[0].size} sealed bytes, expected at most {most}"
        )


def _same(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise DatasetRefused(f"the {what} of the dataset version is {found}, expected {expected}")
