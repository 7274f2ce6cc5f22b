"""How a worker leaves, how a run ends, and how a training that lost a worker begins again.

Such a training goes back to where runs wait. Its whole gang is dismissed with the worker that was
lost, so nothing of that gang counts any more: their tokens and streams are gone, and whoever comes
back joins as a new worker with new keys. What the run has used stays used, once; what it has
learned is in its last snapshot, if it has one.
"""

from dataclasses import replace

from cleanroom.errors import WorkerLost
from cleanroom.ledger import entry as log
from cleanroom.manifest.model import AnyTraining
from cleanroom.protocol.work import Stop
from enclave.coordinator import budgets
from enclave.coordinator import effects as do
from enclave.coordinator.phases import LOSABLE, Draft, Happening
from enclave.coordinator.state import LostGang, Run

MOST_LOST = 3
"""So many gangs of one run may lose a worker; the next one ends it."""


def left(draft: Draft, instance: str) -> None:
    """A worker is gone, and the run that needs it has lost it."""
    worker = draft.room.workers.get(instance)
    if worker is None:
        return
    _dismiss(draft, instance)
    if worker.run is not None and draft.room.run(worker.run).phase in LOSABLE:
        lost(draft, draft.room.run(worker.run))


def lost(draft: Draft, run: Run) -> None:
    """A run has lost a worker: it begins again with another gang, or is over."""
    if not begins_again(run):
        end(draft, run, "failed", WorkerLost.code)
        return
    gang = [worker.instance for worker in run.gang]
    kept, rounds = (run.snapshot.digest, run.snapshot.rounds) if run.snapshot else (None, 0)
    draft.contents.append(log.GangLost(run=run.name, workers=gang, snapshot=kept))
    earlier = (*run.earlier, LostGang(run.gang, run.ready, rounds))
    draft.bind(run.gang, None)
    draft.move(replace(run, gang=(), equipped={}, ready={}, earlier=earlier), "lost")
    for instance in gang:
        if instance in draft.room.workers:
            _dismiss(draft, instance)


def begins_again(run: Run) -> bool:
    """Whether losing a worker does not end the run: a training without noise, a few times.

    Noise is drawn once: where a result has some, a host must not have it drawn again.
    """
    computation = run.computation
    noisy = computation.loss is not None
    return isinstance(computation, AnyTraining) and not noisy and len(run.earlier) < MOST_LOST


def end(draft: Draft, run: Run, happening: Happening, code: str) -> None:
    """A run is over without a result."""
    budgets.settle(draft, run)
    retire(draft, draft.move(replace(run, code=code), happening))
    draft.contents.append(log.RunEnded(run=run.name, code=code))


def retire(draft: Draft, run: Run) -> None:
    """Take an ended run from its workers, and its workers from it."""
    here = [worker for worker in run.gang if worker.instance in draft.room.workers]
    draft.bind(here, None)
    live = tuple(name for name in draft.room.live if name != run.name)
    draft.room = replace(draft.room, live=live)
    draft.effects += [do.Tell(worker.instance, Stop(run=run.name)) for worker in here]
    if run.snapshot is not None:
        draft.put(replace(run, snapshot=None))
        draft.effects.append(do.Remove(run.snapshot.digest))


def _dismiss(draft: Draft, instance: str) -> None:
    others = {name: one for name, one in draft.room.workers.items() if name != instance}
    draft.room = replace(draft.room, workers=others)
    draft.contents.append(log.WorkerLeft(instance=instance))
    draft.effects.append(do.Dismiss(instance))
