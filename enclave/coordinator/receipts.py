"""What a run's receipt says, and the receipt itself once the release is in the log.

The predicate is made of the room's state alone, so replaying gives the same bytes. The evidence
around it is collected once, kept with the release in one commit, and never made again.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from cleanroom.crypto.signing import Signer
from cleanroom.encoding import content_digest
from cleanroom.ledger.entry import Entry, RunReleased
from cleanroom.manifest.approval import ApprovedManifest
from cleanroom.protocol.predicate import InputPart, InTotoStatement, Predicate, WorkerPart, compose
from cleanroom.protocol.receipt import Receipt, sign_receipt
from cleanroom.protocol.statement import Statement
from cleanroom.protocol.work import Check
from enclave.coordinator.state import Room, Run, Worker


def composed(room: Room, run: Run, approved: ApprovedManifest, at: datetime) -> InTotoStatement:
    """The in-toto Statement of a run that is released at `at`."""
    everybody = [*run.gang, *(worker for gang in run.earlier for worker in gang.workers)]
    simulated = any(worker.result.assurance == "simulated" for worker in everybody)
    predicate = Predicate(
        lineage=run.request.lineage,
        manifest=run.request.manifest,
        approvals=approved.approvals_digest,
        run=run.name,
        computation=run.request.computation,
        submitter=run.request.submitter,
        request=run.envelope,
        parameters=dict(run.parameters),
        engine=run.engine,
        inputs=_inputs(room, run),
        workers=[_worker(worker, run.ready) for worker in run.gang],
        lost=[[_worker(worker, gang.ready) for worker in gang.workers] for gang in run.earlier],
        outputs=[sealed.output for sealed in run.outputs],
        submitted_at=run.submitted_at,
        released_at=at,
        runs_used=run.use,
        runs_allowed=run.computation.limits.max_runs,
        budgets=dict(run.budgets),
        assurance="simulated" if simulated else "hardware",
    )
    return compose(predicate)


def released(room: Room, run: Run, approved: ApprovedManifest, at: datetime) -> RunReleased:
    """What the log says about the release."""
    return RunReleased(
        run=run.name,
        outputs=[sealed.output for sealed in run.outputs],
        report=run.report,
        receipt=content_digest(composed(room, run, approved, at).to_bytes()),
    )


def receipt(
    statement: InTotoStatement,
    run: Run,
    entry: Entry,
    *,
    inclusion: Sequence[bytes],
    proof: Statement,
    signer: Signer,
) -> Receipt:
    """The whole receipt.

    Args:
        statement: from `composed`.
        run: the released run.
        entry: the log entry of its release.
        inclusion: the path from the entry to the checkpoint of `proof`.
        proof: the room's statement for `receipt_nonce` of the payload.
        signer: the room's key.
    """
    return Receipt(
        envelope=sign_receipt(statement, signer),
        entry=entry.to_bytes(),
        inclusion=list(inclusion),
        joins=[worker.join for worker in run.gang],
        reattested=[worker.reattested for worker in run.gang if worker.reattested is not None],
        results=[worker.result for worker in run.gang],
        statement=proof,
    )


def _inputs(room: Room, run: Run) -> dict[str, InputPart]:
    versions = room.inputs_of(run)
    return {
        name: InputPart(
            dataset=read.dataset,
            owner=versions[name].owner,
            version=run.versions[name],
            columns=read.columns,
        )
        for name, read in run.computation.reads.items()
    }


def _worker(worker: Worker, ready: Mapping[str, tuple[Check, ...]]) -> WorkerPart:
    return WorkerPart(
        instance=worker.instance,
        join=worker.join.digest,
        reattested=None if worker.reattested is None else worker.reattested.digest,
        policy=worker.result.policy,
        result=content_digest(worker.result.to_bytes()),
        preflight=list(ready.get(worker.instance, ())),
    )
