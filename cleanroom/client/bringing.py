"""A party brings a table or a model: seal what conforms, upload meanwhile, sign it, offer it.

What was sealed stays as ciphertext in the party's memory until the room has accepted the version,
so an upload that broke, or a machine that went down, goes on where it was. The data key is never
written: it leaves `seal` only to be sealed to the room that was verified.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from cleanroom.client.brought import Brought, Home, Sealed, brought
from cleanroom.client.calls import Calls
from cleanroom.client.files import locked, write_over
from cleanroom.client.transfer import Progress, Upload
from cleanroom.client.transport import LONG_S
from cleanroom.crypto import sealing
from cleanroom.encoding import Digest, Record, content_digest, digest
from cleanroom.errors import (
    CleanroomError,
    DataError,
    DatasetRefused,
    MachineUnfit,
    Usage,
)
from cleanroom.manifest.keeping import makers
from cleanroom.manifest.model import Dataset, Manifest, ModelDataset
from cleanroom.protocol.dataset import (
    DatasetOffer,
    DatasetVersion,
    key_context,
    open_version,
    sign_version,
)
from cleanroom.protocol.statement import TrustedRoom
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb

PENDING = "pending.json"
"""What is left to do for the parts beside it."""


class Pending(Record):
    """A sealed version that the room has not accepted yet; it holds no key and no row."""

    source: Digest
    """Which files it was made of: names, sizes and times of change."""
    seal_key: Digest
    """Which room's key the data key was sealed to."""
    offer: DatasetOffer
    """Signed version and sealed data key."""


def declared(manifest: Manifest, name: str, party: str) -> Dataset | ModelDataset:
    """What the manifest says about a dataset of this party.

    Raises:
        Usage: there is no such dataset, or it is another party's.
    """
    made = makers(manifest)
    own = [
        known
        for known, dataset in manifest.datasets.items()
        if dataset.owner == party and known not in made
    ]
    if name not in own:
        raise Usage(f"the dataset is {name!r}, expected one that {party!r} owns: {own}")
    return manifest.datasets[name]


class Bringing:
    """One dataset on its way from its owner to the room.

    Args:
        calls: to the verified room.
        name: the dataset's name in the manifest.
        progress: called with bytes stored, and bytes in all once that is known.

    Raises:
        Usage: there is no such dataset, or it is another party's.
        ApprovalMissing: the room is not active yet.
    """

    def __init__(self, calls: Calls, name: str, progress: Progress) -> None:
        self._calls = calls
        self._room: TrustedRoom = calls.require_active()
        self._name = name
        self._progress = progress
        self._identity = calls.caller.identity
        self._manifest = self._room.in_force.manifest
        self._dataset = declared(self._manifest, name, self._identity.party)
        self._directory = calls.caller.memory.uploads(name)

    def bring(self, given: Any) -> str:  # noqa: ANN401 - many kinds
        """Bring a table as a new version; the digest under which everybody knows it.

        Raises:
            DataError: the data does not fit the manifest; nothing was offered.
            TransportError: the room could not be reached; the same call resumes.
        """
        source = brought(given, self._dataset)
        with locked(self._directory / "lock"):
            name = _files_digest(given)
            try:
                offer = self._resumed(name) or self._sealed(source, name)
                version = self._offered(offer)
            except BaseException:
                if not name:  # a table in memory cannot be recognised again
                    _clear(self._directory)
                raise
            _clear(self._directory)
        return version

    def _resumed(self, source: str) -> DatasetOffer | None:
        """Upload what an earlier call sealed of the very same files for this very room."""
        pending = _pending(self._directory / PENDING)
        if pending is None or not source or pending.source != source:
            return None
        if pending.seal_key != _key_name(self._room):
            return None
        version = _still_valid(pending, self._manifest)
        paths = _parts(self._directory, version) if version else []
        if version is None or not paths:
            return None
        with Upload(self._calls, self._progress) as upload:
            for part, path in zip(version.parts, paths, strict=True):
                upload.add(part, path)
            upload.finish()
        return pending.offer

    def _sealed(self, source: Brought, name: str) -> DatasetOffer:
        _clear(self._directory)
        try:
            return self._sealed_and_uploaded(source, name)
        except OSError:
            raise MachineUnfit(
                "sealed parts cannot be written beside the manifest",
                hint="free as much space as the data takes, then call it again",
            ) from None

    def _sealed_and_uploaded(self, source: Brought, name: str) -> DatasetOffer:
        home = Home(str(self._manifest.metadata.lineage), self._name, self._identity.party)
        with Upload(self._calls, self._progress) as upload:
            sealed = source.seal(
                home, self._directory, lambda done: upload.add(done.part, done.path)
            )
            offer = self._signed(sealed)
            if name:
                pending = Pending(source=name, seal_key=_key_name(self._room), offer=offer)
                write_over(self._directory / PENDING, pending.to_bytes())
            upload.finish()
        return offer

    def _signed(self, sealed: Sealed) -> DatasetOffer:
        lineage, manifest = self._manifest.metadata.lineage, self._manifest.digest
        owner = self._identity.party
        context = key_context(str(lineage), manifest, self._name, owner, sealed.version)
        sealed_key = sealing.seal(sealed.key, self._room.seal_key, context=context)
        version = DatasetVersion(
            lineage=lineage,
            manifest=manifest,
            dataset=self._name,
            owner=owner,
            version=sealed.version,
            rows=sealed.rows,
            parts=sealed.parts,
            sealed_key=content_digest(sealed_key),
            sealed_at=self._calls.caller.clock(),
        )
        signed = sign_version(version, self._identity.signer("provide"))
        return DatasetOffer(version=signed, sealed_key=sealed_key)

    def _offered(self, offer: DatasetOffer) -> str:
        expected = open_version(offer, self._manifest).digest
        sent = pb.Canonical(record=offer.to_bytes())
        try:
            reply: pb.VersionReply = self._calls.unary(lambda to: to.datasets.Put, sent, LONG_S)
        except DataError:
            _clear(self._directory)
            raise
        if reply.digest != expected:
            raise DatasetRefused(f"the room knows the version as {reply.digest}, not {expected}")
        return expected


def _pending(path: Path) -> Pending | None:
    with suppress(FileNotFoundError, CleanroomError):
        return Pending.from_bytes(path.read_bytes())
    return None


def _still_valid(pending: Pending, manifest: Manifest) -> DatasetVersion | None:
    with suppress(CleanroomError):
        return open_version(pending.offer, manifest)
    return None


def _parts(directory: Path, version: DatasetVersion) -> list[Path]:
    """The files of all parts, or none where one is missing; the room checks their digests."""
    paths = [directory / f"{version.version}-{part.index:05d}.part" for part in version.parts]
    whole = all(
        path.is_file() and path.stat().st_size == part.size
        for path, part in zip(paths, version.parts, strict=True)
    )
    return paths if whole else []


def _clear(directory: Path) -> None:
    for path in directory.iterdir():
        if path.suffix in {".part", ".json"}:
            path.unlink(missing_ok=True)


def _key_name(room: TrustedRoom) -> str:
    return content_digest(room.seal_key)


def _files_digest(given: Any) -> str:  # noqa: ANN401 - many kinds
    """Names files by what would change if they did; empty for what is not files."""
    paths = _paths(given)
    stated = [(path, path.stat()) for one in paths for path in _below(one)]
    fields = [
        f"{path.name}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}".encode()
        for path, found in stated
    ]
    return digest("cleanroom/upload-source/v1", *fields) if fields else ""


def _paths(given: object) -> Sequence[Path]:
    if isinstance(given, str | os.PathLike):
        return [Path(given)]
    if isinstance(given, list | tuple) and all(isinstance(p, str | os.PathLike) for p in given):
        return [Path(path) for path in given]
    return []


def _below(path: Path) -> Sequence[Path]:
    return sorted(path.iterdir()) if path.is_dir() else [path]
