"""A training's snapshot: what it has heard so far, sealed, so that another gang can go on from it.

The head of a gang seals it under a fresh key, which it seals to the room; the room keeps the bytes,
opens nothing of them, and seals the key to the head of the next gang. Both seals name the run.
"""

from typing import Literal

from pydantic import Field

from cleanroom.encoding import Bytes, Digest, Record, frame
from cleanroom.ledger.entry import RunId

LARGEST_SNAPSHOT = 64 * 1024 * 1024
"""No snapshot is larger, in bytes; a training whose past is longer goes on from an older one."""
ROOM = "room"
"""Who the key is sealed to on its way there, where afterwards a worker's name stands."""


class Snapshot(Record):
    """A snapshot is stored as a blob; its key is sealed under `snapshot_key_context`."""

    kind: Literal["snapshot"] = "snapshot"
    run: RunId
    digest: Digest
    """Of the sealed bytes."""
    size: int = Field(ge=1, le=LARGEST_SNAPSHOT)
    """Of the sealed bytes, in bytes: a power of two and what sealing adds."""
    rounds: int = Field(ge=0)
    """Rounds of the joint model's trees in it; 0 where it has none."""
    sealed_key: Bytes
    """The content key, HPKE-sealed to the room, or to the worker that goes on."""


def snapshot_context(lineage: str, manifest: str, run: str) -> bytes:
    """What the sealed bytes of a snapshot are bound to."""
    fields = (lineage, manifest, run)
    return frame("cleanroom/snapshot/v1", *(field.encode() for field in fields))


def snapshot_key_context(context: bytes, digest: str, to: str) -> bytes:
    """What a snapshot's key is bound to: the run, the sealed bytes, and who opens it.

    Args:
        context: from `snapshot_context`.
        digest: of the sealed bytes.
        to: `ROOM`, or the instance of a worker.
    """
    return frame("cleanroom/snapshot-key/v1", context, digest.encode(), to.encode())
