"""How a worker stands while it is here: whether its evidence is fresh, asked for, or too old.

`STANDINGS` is the whole of it; `docs/room.md` is drawn from it. Who is asked and how old evidence
may be says the manifest (`reattest_s`, `max_evidence_age_s`); when it is time is told by an event.
A worker that has not answered by the next time has lost its place.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal

from cleanroom.encoding import content_digest
from cleanroom.errors import AdmissionRefused
from cleanroom.ledger import entry as log
from cleanroom.manifest.model import WorkerRole
from cleanroom.protocol.reattestation import Reattest
from enclave.coordinator import effects as do
from enclave.coordinator import events
from enclave.coordinator.phases import LOSABLE, Draft
from enclave.coordinator.state import Run, Worker

Standing = Literal["fresh", "asked", "gone"]
STANDINGS: Mapping[Standing, Mapping[str, Standing]] = MappingProxyType(
    {
        "fresh": {"due": "asked"},
        "asked": {"shown": "fresh", "due": "gone"},
        "gone": {},
    }
)
"""Every way from one standing to another; leaving is possible from each."""


def standing_of(worker: Worker) -> Standing:
    """How a worker that is here stands."""
    return "fresh" if worker.asked is None else "asked"


def take(draft: Draft, event: events.EvidenceDue | events.EvidenceShown) -> Standing:
    """Apply an event about a worker's evidence; `gone` also where it has left meanwhile.

    Raises:
        AdmissionRefused: what it shows was not asked for, or meets no policy of its role.
    """
    worker = draft.room.workers.get(event.instance)
    if worker is None:
        return "gone"
    if isinstance(event, events.EvidenceShown):
        return standing_of(shown(draft, worker, event))
    return due(draft, worker, event)


def due(draft: Draft, worker: Worker, event: events.EvidenceDue) -> Standing:
    """Ask a worker for fresh evidence; one that was asked already is to go."""
    reached = STANDINGS[standing_of(worker)]["due"]
    if reached == "asked":
        _keep(draft, replace(worker, asked=event.nonce))
        draft.effects.append(do.Tell(worker.instance, Reattest(nonce=event.nonce)))
    return reached


def shown(draft: Draft, worker: Worker, event: events.EvidenceShown) -> Worker:
    """Take a worker's fresh evidence, also into the run that it works for.

    Raises:
        AdmissionRefused: it was not asked, was asked with another nonce, or meets no policy of its
            role.
    """
    role = draft.room.in_force(draft.at).manifest.workers[worker.join.role]
    require_asked(worker, event.reattested.nonce)
    if event.result.policy not in role.policies:
        raise AdmissionRefused(f"{worker.instance} meets no policy of role {worker.join.role!r}")
    fresh = replace(
        worker,
        asked=None,
        reattested=event.reattested,
        result=event.result,
        attested_at=draft.at,
    )
    draft.contents.append(
        log.WorkerReattested(
            instance=worker.instance,
            policy=event.result.policy,
            reattested=event.reattested.digest,
            result=content_digest(event.result.to_bytes()),
        )
    )
    return _keep(draft, fresh)


def free(draft: Draft, role: str) -> tuple[Worker, ...]:
    """Workers of a role that are in no gang and whose evidence is young enough to start a run."""
    rule = draft.room.agreed().workers[role]
    return tuple(one for one in draft.room.free(role) if young_enough(one, rule, draft.at))


def all_young(draft: Draft, run: Run) -> bool:
    """Whether the evidence of a whole gang is young enough to give it keys."""
    rule = draft.room.agreed().workers[run.computation.workers.role]
    return all(young_enough(one, rule, draft.at) for one in run.gang)


def require_asked(worker: Worker, nonce: bytes) -> Worker:
    """Return the worker, if this is the nonce that it was asked with and has not answered.

    Raises:
        AdmissionRefused: it is not.
    """
    if "shown" not in STANDINGS[standing_of(worker)] or nonce != worker.asked:
        raise AdmissionRefused(f"{worker.instance} shows evidence that it was not asked for")
    return worker


def young_enough(worker: Worker, role: WorkerRole, at: datetime) -> bool:
    """Whether a run may start with this worker's newest evidence."""
    most = role.max_evidence_age_s
    return most is None or at - worker.attested_at <= timedelta(seconds=most)


def _keep(draft: Draft, worker: Worker) -> Worker:
    draft.room = replace(draft.room, workers={**draft.room.workers, worker.instance: worker})
    run = None if worker.run is None else draft.room.run(worker.run)
    if run is not None and run.phase in LOSABLE:
        gang = tuple(worker if one.instance == worker.instance else one for one in run.gang)
        draft.put(replace(run, gang=gang))
    return worker
