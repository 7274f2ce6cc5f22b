"""Snapshots of trainings: the last one of each run is kept, its key goes to the next gang's head.

The room sees that there is one, and its size: a power of two, nearly. It removes the one before, so
what a head names must not be any other bytes that the room keeps.
"""

from collections.abc import Iterator
from dataclasses import replace

from cleanroom.crypto.sealing import SealKey, Unsealer, seal
from cleanroom.errors import CallerRefused, RunRefused
from cleanroom.manifest.model import AnyTraining
from cleanroom.protocol.snapshot import (
    ROOM,
    Snapshot,
    snapshot_context,
    snapshot_key_context,
)
from enclave.coordinator import effects as do
from enclave.coordinator import events
from enclave.coordinator.phases import Draft
from enclave.coordinator.state import Room, Run, Worker


def take(draft: Draft, run: Run, event: events.SnapshotTaken) -> Run:
    """Keep a snapshot in place of the one before.

    Raises:
        CallerRefused: somebody else than the head says so.
        RunRefused: the run has no snapshots now, or the bytes are not there, or something else.
    """
    new, old = event.snapshot, run.snapshot
    if event.instance != run.gang[0].instance:
        raise CallerRefused(f"worker {event.instance} is not the head of run {run.name}")
    training = isinstance(run.computation, AnyTraining) and run.engine == "ray"
    if run.phase != "running" or not training:
        raise RunRefused(f"run {run.name} is {run.phase}, it expects no snapshot")
    if event.stored != new.size or new.digest in _others(draft.room):
        raise RunRefused("the snapshot is not stored at its size, or is something else")
    if old is not None and old.digest != new.digest:
        draft.effects.append(do.Remove(old.digest))
    return draft.put(replace(run, snapshot=new))


def for_head(run: Run, head: Worker, unsealer: Unsealer) -> Snapshot | None:
    """What a new head goes on from, with the key sealed to it; None where nothing was learned.

    Raises:
        SealBroken: the key was not sealed for this run and these bytes.
    """
    kept = run.snapshot
    if kept is None:
        return None
    context = snapshot_context(str(run.request.lineage), run.request.manifest, run.name)
    key = unsealer.open(kept.sealed_key, context=snapshot_key_context(context, kept.digest, ROOM))
    to = snapshot_key_context(context, kept.digest, head.instance)
    sealed = seal(key, SealKey(head.join.seal_key), context=to)
    return kept.model_copy(update={"sealed_key": sealed})


def _others(room: Room) -> Iterator[str]:
    """Digests of everything else that is kept: parts of datasets, and results."""
    for held in room.versions.values():
        yield from (part.digest for part in held.version.parts)
    for run in room.runs.values():
        yield from (sealed.output.digest for sealed in run.outputs)
