"""The room as a state machine: no clock, no network, no randomness.

`step` is the whole of it: a room and an event give the next room, what the log says, and what to
do once that is durable. An event that breaks a rule raises and changes nothing. Runs move along
the one table in `phases`.
"""

from dataclasses import dataclass, replace
from typing import assert_never

from cleanroom.encoding import content_digest
from cleanroom.errors import (
    CATALOGUE,
    CallerRefused,
    CleanroomError,
    ComputationFailed,
    InternalError,
    MachineUnfit,
    PrivacyRefused,
    RunCancelled,
    RunRefused,
    RunTimedOut,
    WorkerLost,
)
from cleanroom.ledger import entry as log
from cleanroom.protocol.run import RunRequest, open_request
from cleanroom.protocol.work import Equipped, Provision
from enclave.coordinator import budgets, events, limits, row_budgets, snapshots, standing
from enclave.coordinator import effects as do
from enclave.coordinator.ending import end, left, lost, retire
from enclave.coordinator.governing import add_version, admit, propose
from enclave.coordinator.keeping import keep
from enclave.coordinator.outputs import deliverable, expected_outputs, stored_outputs
from enclave.coordinator.phases import FIRST, LOSABLE, Draft
from enclave.coordinator.receipts import released
from enclave.coordinator.state import Room, Run, Worker


@dataclass(frozen=True, slots=True)
class Step:
    """What an event leads to; the room is the same object when it led to nothing."""

    room: Room
    entries: tuple[log.Entry, ...]
    effects: tuple[do.Effect, ...]


def step(room: Room, event: events.Event) -> Step:
    """Apply one event.

    Raises:
        CleanroomError: the event breaks a rule; the room stays as it is.
    """
    if event.at < room.at:
        raise InternalError("an event is earlier than the one before it")
    draft = Draft(room, event.at)
    _apply(draft, event)
    _start_waiting(draft)
    if draft.room is room:
        return Step(room, (), ())
    entries = tuple(
        log.Entry(sequence=room.size + place, at=event.at, content=content)
        for place, content in enumerate(draft.contents)
    )
    next_room = replace(draft.room, at=event.at, size=room.size + len(entries))
    return Step(next_room, entries, tuple(draft.effects))


def _apply(draft: Draft, event: events.Event) -> None:  # noqa: C901, PLR0912 - one line for each event
    match event:
        case events.Booted():
            _booted(draft, event)
        case events.Proposed():
            draft.take(propose(draft.room, event))
        case events.DatasetOffered():
            draft.take(add_version(draft.room, event))
        case events.WorkerJoined():
            draft.take(admit(draft.room, event))
        case events.EvidenceDue() | events.EvidenceShown():
            if standing.take(draft, event) == "gone":
                left(draft, event.instance)
        case events.WorkerLeft():
            left(draft, event.instance)
        case events.RunRequested():
            _requested(draft, event)
        case (
            events.WorkerEquipped()
            | events.WorkerReady()
            | events.SnapshotTaken()
            | events.OutputsReported()
            | events.RunFailed()
        ):
            _of_gang(draft, event)
        case events.OutputsChecked():
            _checked(draft, event)
        case events.ReleaseDue():
            _released(draft, event)
        case events.RunTimedOut():
            _timed_out(draft, event)
        case events.RunCancelled():
            _cancelled(draft, event)
        case _:
            assert_never(event)


def _booted(draft: Draft, event: events.Booted) -> None:
    if event.epoch != draft.room.epoch + 1:
        raise InternalError(f"the boot is number {event.epoch}, expected {draft.room.epoch + 1}")
    draft.room = replace(draft.room, epoch=event.epoch)
    draft.contents.append(log.Booted(sign_key=event.sign_key, epoch=event.epoch))
    for instance in tuple(draft.room.workers):
        left(draft, instance)
    for run in draft.room.live_runs():
        if run.phase == "output-check":
            draft.effects.append(do.CheckOutputs(run.name))
        if run.phase == "release-pending":
            draft.effects.append(do.Release(run.name))


def _requested(draft: Draft, event: events.RunRequested) -> None:
    envelope = content_digest(event.request.to_bytes())
    claimed = RunRequest.from_bytes(event.request.payload)
    if claimed.submitter != event.party:
        raise CallerRefused(f"{event.party!r} may not submit in the name of {claimed.submitter!r}")
    key = (claimed.submitter, claimed.idempotency)
    known = draft.room.requests.get(key)
    if known is not None:
        if draft.room.run(known).envelope != envelope:
            raise RunRefused("the idempotency key belongs to another request")
        return
    approved = draft.room.in_force(event.at)
    request = open_request(event.request, approved.manifest, event.at)
    computation = limits.allowed_computation(approved.manifest, request)
    versions = limits.chosen_versions(draft.room, computation, request.versions)
    run = Run(
        name=event.run,
        request=request,
        envelope=envelope,
        computation=computation,
        parameters=limits.complete_parameters(computation, request.parameters),
        versions=versions,
        submitted_at=event.at,
        deadline=limits.deadline_of(draft.room, computation, event.at),
        phase=FIRST,
        scored=row_budgets.scored_rows(draft.room, computation, versions),
    )
    limits.within_limits(draft.room, approved.manifest, request)
    losses = budgets.affordable(draft.room, approved.manifest, computation)
    row_budgets.within_budget(draft.room, run)
    if run.name in draft.room.runs:
        raise InternalError("a run's name was drawn twice")
    draft.put(run)
    draft.room = replace(
        draft.room,
        live=(*draft.room.live, run.name),
        requests={**draft.room.requests, key: run.name},
    )
    draft.contents.append(
        log.RunSubmitted(
            run=run.name,
            computation=request.computation,
            submitter=request.submitter,
            request=envelope,
        )
    )
    budgets.reserve(draft, run, losses)
    draft.effects.append(do.Announce(run.name))


def _start_waiting(draft: Draft) -> None:
    """Give free workers to waiting runs, oldest first: nobody overtakes within a role."""
    held: set[str] = set()
    for run in tuple(draft.room.live_runs()):
        wanted = run.computation.workers
        if run.phase != "submitted" or wanted.role in held or draft.at > run.deadline:
            continue
        free = standing.free(draft, wanted.role)
        if len(free) < wanted.count:
            held.add(wanted.role)
            continue
        _choose(draft, run, free[: wanted.count])


def _choose(draft: Draft, run: Run, gang: tuple[Worker, ...]) -> None:
    draft.bind(gang, run.name)
    chosen = draft.move(replace(run, gang=gang), "chosen")
    if len(gang) == 1:
        _grant(draft, chosen)
        return
    for node, worker in enumerate(gang):
        message = Provision(run=run.name, node=node, nodes=len(gang))
        draft.effects.append(do.Tell(worker.instance, message))


def _grant(draft: Draft, run: Run) -> None:
    if draft.at > run.deadline:
        end(draft, run, "expired", RunTimedOut.code)
        return
    if not standing.all_young(draft, run):  # it took its gang too long to form
        end(draft, run, "failed", WorkerLost.code)
        return
    draft.move(run if run.granted else _spent(draft, run), "granted")
    workers = [worker.instance for worker in run.gang]
    draft.contents.append(
        log.KeysGranted(run=run.name, workers=workers, versions=dict(run.versions))
    )
    draft.effects.append(do.SendOrders(run.name))


def _spent(draft: Draft, run: Run) -> Run:
    """Spend the use of a run that gets keys for the first time: another gang costs no other."""
    room, name = draft.room, run.request.computation
    use = room.runs_granted.get(name, 0) + 1
    releases = {one: room.releases_granted.get(one, 0) + 1 for one in run.datasets}
    draft.room = replace(
        room,
        runs_granted={**room.runs_granted, name: use},
        releases_granted={**room.releases_granted, **releases},
    )
    row_budgets.spend(draft, run)
    return replace(run, use=use)


def _of_gang(
    draft: Draft,
    event: events.WorkerEquipped
    | events.WorkerReady
    | events.SnapshotTaken
    | events.OutputsReported
    | events.RunFailed,
) -> None:
    run = draft.room.run(event.run)
    worker = run.member(event.instance)
    if run.over:  # it crossed our `Stop` on the way
        return
    match event:
        case events.WorkerEquipped():
            _equipped(draft, run, event)
        case events.WorkerReady():
            _ready(draft, run, event)
        case events.SnapshotTaken():
            snapshots.take(draft, run, event)
        case events.OutputsReported():
            _reported(draft, run, worker, event)
        case events.RunFailed():
            _failed(draft, run, event)


def _equipped(draft: Draft, run: Run, event: events.WorkerEquipped) -> None:
    if run.phase != "authorized" or event.instance in run.equipped:
        raise RunRefused(f"run {run.name} is {run.phase}, it expects no equipment of this worker")
    brought = Equipped(run=run.name, request=event.request, port_base=event.port_base)
    run = draft.put(replace(run, equipped={**run.equipped, event.instance: brought}))
    if len(run.equipped) == len(run.gang):
        draft.move(run, "equipped")
        draft.effects.append(do.IssueCredentials(run.name))


def _ready(draft: Draft, run: Run, event: events.WorkerReady) -> None:
    if run.phase != "provisioned" or event.instance in run.ready:
        raise RunRefused(f"run {run.name} is {run.phase}, it does not expect this worker's ready")
    run = draft.put(replace(run, ready={**run.ready, event.instance: tuple(event.preflight)}))
    if len(run.ready) < len(run.gang):
        return
    manifest = draft.room.in_force(draft.at).manifest
    unfit = any(not check.passed for checks in run.ready.values() for check in checks)
    if unfit and manifest.metadata.mode == "production":
        end(draft, run, "failed", MachineUnfit.code)
    else:
        _grant(draft, run)


def _reported(draft: Draft, run: Run, worker: Worker, event: events.OutputsReported) -> None:
    if worker.instance != run.gang[0].instance:
        raise CallerRefused(f"worker {worker.instance} is not the head of run {run.name}")
    if run.phase != "running":
        raise RunRefused(f"run {run.name} is {run.phase}, it expects no outputs")
    try:
        expected_outputs(run.computation, event.outputs)
    except CleanroomError as refused:
        end(draft, run, "withheld", refused.code)
        return
    draft.move(replace(run, report=event.report, outputs=tuple(event.outputs)), "reported")
    draft.effects.append(do.CheckOutputs(run.name))


def _checked(draft: Draft, event: events.OutputsChecked) -> None:
    run = draft.room.run(event.run)
    if run.over:
        return
    try:
        stored_outputs(run.outputs, event.stored)
        deliveries = deliverable(run.name, run.outputs, event.deliveries)
    except CleanroomError as refused:
        end(draft, run, "withheld", refused.code)
        return
    draft.move(replace(run, deliveries=deliveries, kept=tuple(event.kept)), "checked")
    draft.effects.append(do.Release(run.name))


def _released(draft: Draft, event: events.ReleaseDue) -> None:
    run = draft.room.run(event.run)
    if run.over:
        return
    if draft.at > run.deadline:
        end(draft, run, "expired", RunTimedOut.code)
        return
    approved = draft.room.in_force(draft.at)
    run = budgets.spend(draft, run)
    retire(draft, draft.move(run, "released"))
    draft.contents.append(released(draft.room, run, approved, draft.at))
    draft.take(keep(draft.room, run, draft.at))


def _failed(draft: Draft, run: Run, event: events.RunFailed) -> None:
    reason = CATALOGUE.get(event.code, ComputationFailed)
    withheld = issubclass(reason, PrivacyRefused) and run.phase == "running"
    if run.phase not in LOSABLE:  # once reported, the results stand by themselves
        return
    if reason is WorkerLost:
        lost(draft, run)
    else:
        end(draft, run, "withheld" if withheld else "failed", reason.code)


def _timed_out(draft: Draft, event: events.RunTimedOut) -> None:
    run = draft.room.run(event.run)
    if not run.over and draft.at > run.deadline:
        end(draft, run, "expired", RunTimedOut.code)


def _cancelled(draft: Draft, event: events.RunCancelled) -> None:
    run = draft.room.run_for(event.party, event.run)
    if event.party != run.request.submitter:
        raise CallerRefused(
            f"{event.party!r} may not cancel run {run.name}, expected {run.request.submitter!r}"
        )
    if not run.over:
        end(draft, run, "cancelled", RunCancelled.code)
