"""Sealed rows in one SQLite file: appended, chained, and durable before anybody hears of them.

Each row is AES-256-GCM under a key of its start of the program (an epoch), with its place, the
row before it and its kind as associated data. An epoch's key comes from the platform's secret and
a random salt that is written first, so two copies of one state never use a key and nonce twice.
What the rows mean is not known here. A whole older file is not noticed here: clients remember.
"""

import hashlib
import os
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cleanroom.encoding import frame
from cleanroom.errors import StateUnreadable

SALT_LENGTH = 32
START = bytes(32)
"""What stands before the first row."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS epochs (epoch INTEGER PRIMARY KEY, salt BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS rows (
    place INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, kind TEXT NOT NULL,
    previous BLOB NOT NULL, sealed BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS head (
    only INTEGER PRIMARY KEY CHECK (only = 0), epoch INTEGER NOT NULL, sealed BLOB NOT NULL) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One row, opened."""

    place: int
    kind: str
    content: bytes


class Store:
    """An open state file; owned by one process and used under one lock."""

    def __init__(self, connection: sqlite3.Connection, state_key: bytes) -> None:
        self._connection = connection
        self._state_key = state_key
        self._keys: dict[int, AESGCM] = {}
        self._epoch = 0
        self._size = 0
        self._chain = START

    @classmethod
    def open(cls, file: Path, state_key: bytes) -> Self:
        """Open or make the file, mode 0600.

        Args:
            file: the SQLite file.
            state_key: the platform's secret for this room's state, 32 bytes.

        Raises:
            StateUnreadable: it is no state, is damaged, or another process has it open.
        """
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(file, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            (health,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")
        except sqlite3.OperationalError:
            raise StateUnreadable(
                "the state is in use or cannot be written",
                hint="end the other coordinator of this directory, then start this one again",
            ) from None
        except sqlite3.DatabaseError:
            raise StateUnreadable("the state is damaged: it is no database") from None
        if health != "ok":
            raise StateUnreadable("the state is damaged: the database fails its own check")
        return cls(connection, state_key)

    def rows(self) -> Iterator[Row]:
        """Every row from the first, each checked to follow the one before; then `head` is valid.

        Raises:
            StateUnreadable: a row does not open, is missing, or is out of order.
        """
        query = "SELECT place, epoch, kind, previous, sealed FROM rows ORDER BY place"
        for place, epoch, kind, previous, sealed in self._connection.execute(query):
            if place != self._size or previous != self._chain:
                raise StateUnreadable(f"the state is damaged: row {self._size} is missing")
            yield Row(place, kind, self._opened(epoch, place, kind, previous, sealed))
            self._advance(sealed)

    def head(self) -> bytes:
        """What was committed with the last row; empty for a new state. Call it after `rows`.

        Raises:
            StateUnreadable: it is missing, of another row, or does not open.
        """
        found = self._connection.execute("SELECT epoch, sealed FROM head").fetchone()
        if found is None and self._size == 0:
            return b""
        if found is None:
            raise StateUnreadable("the state is damaged: it has rows but no head")
        return self._opened(found[0], self._size, "head", self._chain, found[1])

    def begin_epoch(self) -> None:
        """Make this start's own key; its salt is durable before the key is used."""
        salt = secrets.token_bytes(SALT_LENGTH)
        cursor = self._execute("INSERT INTO epochs (salt) VALUES (?)", (salt,))
        self._epoch = int(cursor.lastrowid or 0)

    def append(self, rows: Sequence[tuple[str, bytes]], head: bytes) -> list[int]:
        """Write rows and the new head in one commit; returns the rows' places.

        Raises:
            StateUnreadable: the disk did not take it; the process must end.
        """
        self._execute("BEGIN IMMEDIATE")
        places = [self._insert(kind, content) for kind, content in rows]
        sealed = self._sealed(self._size, "head", self._chain, head)
        self._execute(
            "INSERT OR REPLACE INTO head (only, epoch, sealed) VALUES (0, ?, ?)",
            (self._epoch, sealed),
        )
        self._execute("COMMIT")
        return places

    def read(self, place: int) -> Row:
        """One row again.

        Raises:
            StateUnreadable: it does not open any more.
        """
        query = "SELECT epoch, kind, previous, sealed FROM rows WHERE place = ?"
        epoch, kind, previous, sealed = self._execute(query, (place,)).fetchone()
        return Row(place, kind, self._opened(epoch, place, kind, previous, sealed))

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()

    def _insert(self, kind: str, content: bytes) -> int:
        place = self._size
        sealed = self._sealed(place, kind, self._chain, content)
        self._execute(
            "INSERT INTO rows (place, epoch, kind, previous, sealed) VALUES (?, ?, ?, ?, ?)",
            (place, self._epoch, kind, self._chain, sealed),
        )
        self._advance(sealed)
        return place

    def _advance(self, sealed: bytes) -> None:
        self._chain = hashlib.sha256(
            frame("cleanroom/state-chain/v1", self._chain, sealed)
        ).digest()
        self._size += 1

    def _sealed(self, place: int, kind: str, previous: bytes, content: bytes) -> bytes:
        cipher = self._cipher(self._epoch, of=kind)
        return cipher.encrypt(_nonce(place), content, _bound(place, kind, previous))

    def _opened(self, epoch: int, place: int, kind: str, previous: bytes, sealed: bytes) -> bytes:
        cipher = self._cipher(epoch, of=kind)
        try:
            return cipher.decrypt(_nonce(place), sealed, _bound(place, kind, previous))
        except InvalidTag:
            raise StateUnreadable(
                f"the state does not open at row {place}: it is damaged, of another room, or was "
                "written by another image or machine"
            ) from None

    def _cipher(self, epoch: int, *, of: str) -> AESGCM:
        use = 2 * epoch + (of == "head")
        if use not in self._keys:
            found = self._execute("SELECT salt FROM epochs WHERE epoch = ?", (epoch,)).fetchone()
            if found is None:
                raise StateUnreadable(f"the state is damaged: epoch {epoch} is missing")
            info = frame("cleanroom/state-row/v1", b"head" if of == "head" else b"row")
            derived = HKDF(algorithm=SHA256(), length=32, salt=found[0], info=info)
            self._keys[use] = AESGCM(derived.derive(self._state_key))
        return self._keys[use]

    def _execute(self, statement: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        try:
            return self._connection.execute(statement, values)
        except sqlite3.Error:
            raise StateUnreadable("the state cannot be read or written any more") from None


def _nonce(place: int) -> bytes:
    return place.to_bytes(12, "big")


def _bound(place: int, kind: str, previous: bytes) -> bytes:
    return frame("cleanroom/state-row/v1", place.to_bytes(8, "big"), previous, kind.encode())
