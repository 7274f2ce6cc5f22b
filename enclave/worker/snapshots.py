"""A training's snapshot in the worker: sealed before it is anywhere but in memory.

The driver seals what it has heard so far to the room; the driver of the next gang opens it. What a
host sees of it is when it is made, and its size up to a power of two.
"""

import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cleanroom.crypto.sealing import (
    CONTENT_KEY_LENGTH,
    SealKey,
    Unsealer,
    decrypt_content,
    encrypt_content,
    seal,
)
from cleanroom.encoding import content_digest
from cleanroom.errors import SealBroken
from cleanroom.protocol.snapshot import (
    LARGEST_SNAPSHOT,
    ROOM,
    Snapshot,
    snapshot_context,
    snapshot_key_context,
)
from enclave.computations.training.past import Past
from enclave.worker.orders import AcceptedOrder
from enclave.worker.outputs import sealed_file

EVERY_S = 5.0
"""A snapshot is made no more often, in seconds."""
LEAST = 1 << 16
"""What is sealed is as long as this, in bytes, or as a greater power of two."""
MOST = LARGEST_SNAPSHOT >> 1
"""What is longer is not sealed, in bytes."""


@dataclass(slots=True)
class Keeper:
    """Makes snapshots of a training's past, as often as it may.

    Args:
        accepted: the run.
        seal_key: the room's.
        directory: private to the run.
        say: takes what the room is told.
        clock: monotonic, in seconds.
    """

    accepted: AcceptedOrder
    seal_key: SealKey
    directory: Path
    say: Callable[[Snapshot], None] = field(repr=False)
    clock: Callable[[], float]
    _next: float = field(default=float("-inf"))

    def keep(self, past: Past) -> None:
        """More is known; see `past.Remembering`."""
        if self.clock() < self._next:
            return
        raw = past.to_bytes()
        if len(raw) <= MOST:
            self.say(sealed(raw, past.rounds, self.accepted, self.seal_key, self.directory))
        self._next = self.clock() + EVERY_S


def sealed(
    raw: bytes, rounds: int, accepted: AcceptedOrder, seal_key: SealKey, directory: Path
) -> Snapshot:
    """Seal a past to the room; its bytes go into `directory`, where results go, too.

    Args:
        raw: the past.
        rounds: how many rounds of trees are in it.
        accepted: the run.
        seal_key: the room's.
        directory: private to the run.
    """
    key, context = secrets.token_bytes(CONTENT_KEY_LENGTH), _context(accepted)
    ciphertext = encrypt_content(_filled(raw), key, context=context)
    digest = content_digest(ciphertext)
    descriptor = os.open(
        sealed_file(directory, digest), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600
    )
    with os.fdopen(descriptor, "wb") as file:
        file.write(ciphertext)
    to_room = snapshot_key_context(context, digest, ROOM)
    return Snapshot(
        run=accepted.order.run,
        digest=digest,
        size=len(ciphertext),
        rounds=rounds,
        sealed_key=seal(key, seal_key, context=to_room),
    )


def key_of(snapshot: Snapshot, accepted: AcceptedOrder, unsealer: Unsealer) -> bytes:
    """The key of the snapshot that this worker is to go on from.

    Raises:
        SealBroken: it was sealed to another worker, or for another run or other bytes.
    """
    instance = accepted.order.gang[accepted.node].instance
    context = snapshot_key_context(_context(accepted), snapshot.digest, instance)
    key = unsealer.open(snapshot.sealed_key, context=context)
    if len(key) != CONTENT_KEY_LENGTH:
        raise SealBroken(f"the key of a snapshot has {len(key)} bytes")
    return key


def past_in(file: Path, key: bytes, accepted: AcceptedOrder) -> Past:
    """The past in a snapshot that was fetched into `file`.

    Raises:
        SealBroken: it does not open under this key for this run.
        ComputationFailed: it is no past of a training.
    """
    return Past.read(decrypt_content(file.read_bytes(), key, context=_context(accepted)))


def _filled(raw: bytes) -> bytes:
    """Filled with zeros up to a power of two."""
    return raw.ljust(max(LEAST, 1 << (len(raw) - 1).bit_length()), b"\0")


def _context(accepted: AcceptedOrder) -> bytes:
    manifest = accepted.manifest
    lineage = str(manifest.metadata.lineage)
    return snapshot_context(lineage, manifest.digest, accepted.order.run)
