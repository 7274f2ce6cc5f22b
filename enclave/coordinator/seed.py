"""A room's seed: the part of its state's key that can be taken away, and with it the room.

A platform gives the same secret for ever, so what was once copied from the disk would always open
again. The state's key is therefore made of that secret and of 32 random bytes in one small file.
Whoever backs up the rest without it can erase a room for good, copies included: journal, keys that
were sealed to the room, and every model that stays in it. A copy of the seed keeps the room.
"""

import contextlib
import os
import secrets
import shutil
import sqlite3
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cleanroom.encoding import frame
from cleanroom.errors import FileMissing, StateUnreadable
from enclave.coordinator.directories import durable

SEED = "seed"
"""The file, below the room's directory; mode 0600."""
SEED_LENGTH = 32
BLOBS = "blobs"
"""Where sealed parts and results are, below the room's directory."""


def state_key(directory: Path, state: Path, platform_key: bytes) -> bytes:
    """The key of a room's state.

    A new room gets a seed. A state without one is of a room that began before there were seeds, or
    that is erased: the platform's secret alone opens the former.

    Args:
        directory: the room's.
        state: its database.
        platform_key: the platform's secret for this room, 32 bytes.

    Raises:
        StateUnreadable: the seed is damaged.
    """
    file = directory / SEED
    if not state.exists() and not file.exists():
        _write(file, secrets.token_bytes(SEED_LENGTH))
    if not file.exists():
        return platform_key
    return seeded(platform_key, file.read_bytes())


def seeded(platform_key: bytes, seed: bytes) -> bytes:
    """The key that a platform's secret and a seed make together.

    Raises:
        StateUnreadable: the seed has another length.
    """
    if len(seed) != SEED_LENGTH:
        raise StateUnreadable(f"the seed has {len(seed)} bytes, expected {SEED_LENGTH}")
    info = frame("cleanroom/state-seed/v1")
    return HKDF(algorithm=SHA256(), length=32, salt=seed, info=info).derive(platform_key)


def erase(directory: Path, state: str) -> list[str]:
    """Make a room unreadable for ever, then remove what is left of it; the names that are gone.

    The seed is overwritten and removed first: whatever comes in between, the rest does not open.

    Args:
        directory: the room's; no coordinator serves it.
        state: the name of its database.

    Raises:
        FileMissing: there is no room.
        StateUnreadable: a coordinator has it open.
    """
    names = (SEED, state, f"{state}-wal", f"{state}-shm", BLOBS)
    present = [name for name in names if (directory / name).exists()]
    if not present:
        raise FileMissing("there is no room in this directory")
    _unused(directory / state)
    if SEED in present:
        _write(directory / SEED, secrets.token_bytes(SEED_LENGTH))
    for name in present:
        _remove(directory / name)
    durable(directory)
    return present


def _write(file: Path, content: bytes) -> None:
    """Put bytes into a file, over what is there, and wait until the disk has them."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(opened.fileno())
    durable(file.parent)


def _unused(state: Path) -> None:
    if not state.exists():
        return
    with contextlib.closing(sqlite3.connect(state, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            raise StateUnreadable(
                "the room is in use", hint="end its coordinator first, then erase"
            ) from None
        except sqlite3.DatabaseError:
            return  # a damaged state is nobody's, and goes as well


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
