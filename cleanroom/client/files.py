"""Files that are there whole or not at all, and that only their owner reads.

Every write goes to a draft beside its target, reaches the disk, and then takes its name at once.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cleanroom.errors import FileMissing, Usage

PRIVATE_FILE = 0o600
"""The owner reads and writes; nobody else does anything."""
PRIVATE_DIRECTORY = 0o700
"""The owner lists, reads and writes; nobody else does anything."""


def write_new(target: Path, content: bytes | memoryview, mode: int = PRIVATE_FILE) -> Path:
    """Write a file that must not exist yet.

    Args:
        target: its path.
        content: all of it.
        mode: who may read and write it.

    Raises:
        Usage: a file of this name exists; it is left as it is.
        FileMissing: the directory does not exist or cannot be written.
    """
    try:
        with _drafted(target, content, mode) as draft:
            os.link(draft, target)  # unlike a rename, a link never replaces what is there
    except FileExistsError:
        raise Usage(
            f"the file {target.name!r} exists already, expected a new one",
            hint="choose another name: it is never overwritten",
        ) from None
    except OSError:
        raise _unwritable(target) from None
    return target


def write_over(target: Path, content: bytes | memoryview, mode: int = PRIVATE_FILE) -> Path:
    """Write a file, in place of an older one of this name.

    Args:
        target: its path.
        content: all of it.
        mode: who may read and write it.

    Raises:
        FileMissing: the directory does not exist or cannot be written.
    """
    try:
        with _drafted(target, content, mode) as draft:
            draft.replace(target)
    except OSError:
        raise _unwritable(target) from None
    return target


def private_directory(path: Path) -> Path:
    """The directory, made with its parents for its owner only where it does not exist.

    Raises:
        FileMissing: it cannot be made.
    """
    try:
        path.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
    except OSError:
        raise _unwritable(path) from None
    return path


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file, so that no other process or thread does the same at this time."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_FILE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _drafted(target: Path, content: bytes | memoryview, mode: int) -> Iterator[Path]:
    draft = target.with_name(f".{target.name}.{os.getpid()}-{os.urandom(4).hex()}.new")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield draft
        _sync_directory(target.parent)
    finally:
        draft.unlink(missing_ok=True)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(target: Path) -> FileMissing:
    return FileMissing(
        f"{target.name!r} cannot be written",
        hint="check that its directory exists, is yours, and has space left",
    )
