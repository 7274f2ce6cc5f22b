"""Ciphertext files by the digest of their bytes: stored once, resumable, never opened.

An upload grows `<digest>.part`; only bytes that hash to the name become the blob, after `fsync`.
What is inside, and whose it is, is not known here: the readers check digests again.
"""

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from cleanroom.errors import Overloaded, RunUnknown, TransferBroken
from enclave.coordinator.directories import durable

CHUNK = 1 << 20
"""Bytes that are read at once."""
LARGEST_BLOB = 1 << 40
"""No blob is larger, in bytes: the largest `max_bytes` a manifest may say."""
DISK_RESERVE = 1 << 28
"""Bytes of the disk that uploads leave free: the journal must always be able to grow."""


@dataclass(frozen=True, slots=True)
class Stored:
    """How much of a blob is here."""

    digest: str
    size: int
    """Bytes stored so far."""
    complete: bool
    """Whether all of it is stored and its digest was checked."""


class Upload:
    """One upload that goes on; made by `Blobs.upload`."""

    def __init__(self, file: BinaryIO, size: int, stored: int) -> None:
        self._file = file
        self._size = size
        self._stored = stored
        self._hash = hashlib.sha256()
        for chunk in iter(lambda: file.read(CHUNK), b""):
            self._hash.update(chunk)

    def write(self, content: bytes) -> None:
        """Add bytes.

        Raises:
            TransferBroken: more than the declared size.
        """
        self._stored += len(content)
        if self._stored > self._size:
            raise TransferBroken(f"the upload goes on after its declared {self._size} bytes")
        self._file.write(content)
        self._hash.update(content)

    @property
    def stored(self) -> int:
        """Bytes stored so far."""
        return self._stored

    @property
    def digest(self) -> str:
        """The name of the bytes stored so far."""
        return "sha256:" + self._hash.hexdigest()


class Blobs:
    """The blobs of a room, in one directory."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._directory = directory
        self._busy: set[str] = set()
        self._lock = threading.Lock()

    def stat(self, digest: str) -> Stored:
        """How much of a blob is here; nothing is no error."""
        complete, part = self._paths(digest)
        if complete.exists():
            return Stored(digest, complete.stat().st_size, complete=True)
        return Stored(digest, part.stat().st_size if part.exists() else 0, complete=False)

    @contextmanager
    def upload(self, digest: str, size: int, offset: int) -> Iterator[Upload]:
        """Take an upload; when the block ends without an error the blob is kept if it is whole.

        Args:
            digest: the name that the bytes must have.
            size: how many bytes the whole blob has.
            offset: where this upload goes on; what is stored already.

        Raises:
            TransferBroken: the offset is not where it stopped, or the bytes have another digest.
            Overloaded: too large, no space, or somebody else uploads it now.
        """
        with self._alone(digest):
            stored = self.stat(digest).size
            if offset != stored:
                raise TransferBroken(f"the upload goes on at {offset}, expected {stored}")
            self._has_room(size, stored)
            complete, part = self._paths(digest)
            with part.open("ab+", buffering=0) as file:
                file.seek(0)
                upload = Upload(file, size, stored)
                yield upload
                if upload.stored < size:
                    return
                if upload.digest != digest:
                    part.unlink()
                    raise TransferBroken("the bytes have another digest than was declared")
                os.fsync(file.fileno())
            part.rename(complete)
            durable(self._directory)

    def read(self, digest: str, offset: int) -> Iterator[bytes]:
        """The bytes of a complete blob from `offset` on, in chunks.

        Raises:
            RunUnknown: there is no such blob.
        """
        complete, _ = self._paths(digest)
        if not complete.exists():
            raise RunUnknown("there is no such blob in this room")
        with complete.open("rb", buffering=0) as file:
            file.seek(offset)
            yield from iter(lambda: file.read(CHUNK), b"")

    def remove(self, digest: str) -> None:
        """Delete a blob, if it is there; who reads it now reads on."""
        for path in self._paths(digest):
            path.unlink(missing_ok=True)

    def sizes(self, digests: Iterator[str]) -> dict[str, int]:
        """Sizes of those blobs that are complete, by digest, in bytes."""
        found = (self.stat(digest) for digest in digests)
        return {one.digest: one.size for one in found if one.complete}

    def _paths(self, digest: str) -> tuple[Path, Path]:
        name = digest.removeprefix("sha256:")
        if len(name) != len(hashlib.sha256().hexdigest()) or set(name) - set("0123456789abcdef"):
            raise TransferBroken("a blob is named by sha256: and 64 hex digits")
        return self._directory / name, self._directory / f"{name}.part"

    def _has_room(self, size: int, stored: int) -> None:
        if not 0 < size <= LARGEST_BLOB:
            raise Overloaded(f"the blob has {size} bytes, expected 1 to {LARGEST_BLOB}")
        disk = os.statvfs(self._directory)
        if size - stored > disk.f_bavail * disk.f_frsize - DISK_RESERVE:
            raise Overloaded("the room has no space for this blob")

    @contextmanager
    def _alone(self, digest: str) -> Iterator[None]:
        with self._lock:
            if digest in self._busy:
                raise Overloaded("somebody uploads this very blob already")
            self._busy.add(digest)
        try:
            yield
        finally:
            with self._lock:
                self._busy.discard(digest)
