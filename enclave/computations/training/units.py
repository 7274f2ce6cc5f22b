"""How many units a training is about, counted for each owner, as the gate asks.

Where a unit need not be with every party, only an owner's own units count for that owner. Where
rows have weights, what counts is the number of equally weighted units that would say as much, (sum
of w)^2 / (sum of w^2) (Kish, Survey Sampling, 1965): whoever brings the weights cannot have one
unit stand out among many that count for nothing.
"""

from typing import Any

import numpy as np
import pyarrow as pa

from enclave.computations.intersect import changes
from enclave.computations.matches import UNIT, place
from enclave.computations.plan import Plan

Numbers = np.ndarray[Any, Any]


def units_by_owner(plan: Plan, found: pa.Table, weights: Numbers | None) -> dict[str, int]:
    """Units of each owner in the lines of a join.

    Of an owner of several inputs, all rows count together where they stand below each other;
    beside each other, the input with the fewest units counts.

    Args:
        plan: the run's plan.
        found: the lines of the join.
        weights: of the lines; none: all count alike.
    """
    unit = found.column(UNIT).to_numpy()
    there: dict[str, list[Numbers]] = {planned.owner: [] for planned in plan.inputs}
    for number, planned in enumerate(plan.inputs):
        rows = found.column(place(number))
        present = rows.is_valid().to_numpy() if rows.null_count else np.ones(len(unit), np.bool_)
        there[planned.owner].append(present)
    if plan.join == "concat":
        there = {owner: [np.logical_or.reduce(own)] for owner, own in there.items()}
    return {
        owner: min(count(unit[rows], None if weights is None else weights[rows]) for rows in own)
        for owner, own in there.items()
    }


def count(unit: Numbers, weights: Numbers | None) -> int:
    """How many units some lines are about; with weights, how many equal ones they are worth."""
    if weights is None:
        return int(np.count_nonzero(changes(unit if _ascends(unit) else np.sort(unit))))
    known, places = numbered(unit)
    worth = np.bincount(places, weights=weights, minlength=known)
    squares = float((worth**2).sum())
    # rounded before it is cut: equal weights must give the number of units
    return int(round(float(worth.sum()) ** 2 / squares, 6)) if squares else 0


def numbered(unit: Numbers) -> tuple[int, Numbers]:
    """How many units some lines are about, and each line's unit as a number from 0, in order."""
    if _ascends(unit) and bool(changes(unit).all()):
        return len(unit), np.arange(len(unit))
    known, places = np.unique(unit, return_inverse=True)
    return len(known), places


def different(labels: Numbers) -> Numbers:
    """The classes that labels are of; of other numbers the least and the greatest are enough."""
    if labels.dtype == np.int64:
        return np.flatnonzero(np.bincount(labels))
    return np.unique([labels.min(), labels.max()]) if len(labels) else labels


def _ascends(unit: Numbers) -> bool:
    # most lines come in the order of their units, which is seen at a glance
    return bool((unit[1:] >= unit[:-1]).all())
