"""How many rows a party had scored by a model: reserved by runs that wait, spent with their keys.

A budget is never refilled: not by a new version of the rows, not by a run that failed after its
keys were granted, not by a restart. It bounds answers, not what is learned from them.
"""

from collections.abc import Mapping
from dataclasses import replace

from cleanroom.errors import LimitReached
from cleanroom.ledger.entry import RowsGranted
from cleanroom.manifest.model import AnyComputation, Predict
from enclave.coordinator.phases import Draft
from enclave.coordinator.state import Room, Run


def within_budget(room: Room, run: Run) -> Run:
    """Return a new run once its submitter may have so many more rows scored.

    Rows of runs that wait count as well.

    Raises:
        LimitReached: too few rows are left.
    """
    computation, submitter = run.computation, run.request.submitter
    if not isinstance(computation, Predict):
        return run
    allowed = computation.limits.max_rows_per_submitter
    left = allowed - room.rows_of(run.request.computation, submitter)
    if run.scored > left:
        raise LimitReached(
            f"max_rows_per_submitter of {run.request.computation!r} leaves {submitter!r} {left} of "
            f"{allowed} rows, fewer than the run scores"
        )
    return run


def scored_rows(room: Room, computation: AnyComputation, versions: Mapping[str, str]) -> int:
    """How many rows a run counts for: all of the version whose owner gets scores.

    How many of them match in a join is nothing that the room may know.
    """
    if not isinstance(computation, Predict):
        return 0
    return room.versions[versions[computation.rows]].version.rows


def spend(draft: Draft, run: Run) -> None:
    """Take the rows of a run that gets its keys off its submitter's budget, and log it."""
    if not run.scored:
        return
    computation, submitter = run.request.computation, run.request.submitter
    spent = draft.room.rows_granted.get((computation, submitter), 0) + run.scored
    granted = {**draft.room.rows_granted, (computation, submitter): spent}
    draft.room = replace(draft.room, rows_granted=granted)
    draft.contents.append(
        RowsGranted(
            run=run.name,
            computation=computation,
            submitter=submitter,
            rows=run.scored,
            spent=spent,
        )
    )
