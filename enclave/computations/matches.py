"""From shared units to lines of a result: which rows of the inputs stand beside each other.

A *line* names one row of every input, or none where a unit need not be there. With `duplicates:
first` each unit gives one line, of its first row in each input; with `all` it gives every
combination. Lines are in the order of the first input's rows, then of the second's and so on,
whatever the partitioning.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pyarrow as pa

from enclave.computations.failure import Reason, value_free
from enclave.computations.intersect import Shared, changes, input_of
from enclave.computations.keys import positions

UNIT = "unit"
"""Column of a line table: the position of the unit's first row in the first input; names it."""


def place(number: int) -> str:
    """The column of a line table with the row positions in input `number`, from 0."""
    return f"row_{number}"


@value_free(Reason.MATCH)
def lines(
    shared: Shared,
    inputs: Sequence[pa.Table],
    duplicates: Literal["first", "all"],
    most: int,
) -> pa.Table:
    """Write the shared units of one partition as lines of row positions.

    Args:
        shared: what `intersect` found in these very inputs; a row one behind the last of an input
            stands for no row.
        inputs: the partition's key tables, for the positions of their rows.
        duplicates: what becomes of a unit with several rows in an input.
        most: only the first so many lines are written; no more can ever be released.

    Returns:
        A table of `int64` columns: `UNIT`, then `place(i)` for each input, null for no row.
    """
    unit, numbers = _first(shared) if duplicates == "first" else _combinations(shared, most)
    rows = [
        _positions(keys, column[:most] - np.uint32(start))
        for column, start, keys in zip(numbers, shared.starts[:-1], inputs, strict=True)
    ]
    units = rows[0] if unit is numbers[0] else pa.array(positions(inputs[0], unit[:most]))
    names = [UNIT, *(place(number) for number in range(shared.inputs))]
    return pa.table([units, *rows], names=names)


def _positions(keys: pa.Table, places: np.ndarray) -> pa.Array:
    """Where rows stand in their input; null for the place behind the last row."""
    absent = places == keys.num_rows
    if not absent.any():
        return pa.array(positions(keys, places))
    found = np.zeros(len(places), dtype=np.int64)
    found[~absent] = positions(keys, places[~absent])
    return pa.array(found, mask=absent)


def _first(shared: Shared) -> tuple[np.ndarray, list[np.ndarray]]:
    """Units, and for each input the first row of each unit."""
    if len(shared.members) == shared.units and shared.inputs == 2:
        return shared.leaders, [shared.leaders, shared.members]
    inputs = input_of(shared.members, shared.starts)
    first = changes(shared.leaders) | changes(inputs)
    chosen = np.flatnonzero(first & (inputs > 0))
    rows = shared.members[chosen].reshape(-1, shared.inputs - 1)
    leaders = shared.leaders[chosen[:: shared.inputs - 1]]
    return leaders, [leaders, *rows.T]


def _combinations(shared: Shared, most: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Units and rows of the first `most` combinations.

    A row of the first input and all combinations of its unit's other rows are neighbours, so lines
    are cut before they are written: a key with a million rows on each side costs no more memory.
    """
    begins = changes(shared.leaders)
    heads = shared.leaders[begins]
    unit = np.concatenate([np.arange(len(heads)), np.cumsum(begins) - 1])
    number = np.concatenate([heads, shared.members])
    order = np.lexsort((number, unit))
    unit, number = unit[order], number[order]
    inputs = input_of(number, shared.starts)
    counts = [
        np.bincount(unit[inputs == each], minlength=len(heads)) for each in range(shared.inputs)
    ]
    repeats, line = _repeats(unit[inputs == 0], number[inputs == 0], counts[1:], most)
    ordinal = np.arange(len(line)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    of_unit = unit[inputs == 0][line]
    rows = [number[inputs == 0][line]]
    for each in range(shared.inputs - 1, 0, -1):
        own, count = number[inputs == each], counts[each]
        digit, ordinal = ordinal % count[of_unit], ordinal // count[of_unit]
        rows.insert(1, own[(np.cumsum(count) - count)[of_unit] + digit])
    return heads[of_unit], rows


def _repeats(
    unit: np.ndarray, number: np.ndarray, counts: Sequence[np.ndarray], most: int
) -> tuple[np.ndarray, np.ndarray]:
    """How often each row of the first input is repeated, in its order, at most `most` in all."""
    order = np.argsort(number, kind="stable")
    each = np.ones(len(order), dtype=np.int64)
    for count in counts:
        # clipped after each factor: below 2^63 for any `most` and row numbers of 32 bits
        each = np.minimum(each * np.minimum(count[unit[order]], most), most)
    before = np.minimum.accumulate(np.maximum(most - (np.cumsum(each) - each), 0))
    each = np.minimum(each, before)
    return each, np.repeat(order, each)


@value_free(Reason.COMBINE)
def combine_lines(parts: Sequence[pa.Table], by: str = place(0)) -> pa.Table:
    """Put the lines of all partitions together, in the order of the first input's rows.

    All lines of one row of the first input come from one partition and are in order there.

    Args:
        parts: the lines of each partition.
        by: the column of the first input's rows; none of them is null.
    """
    together = pa.concat_tables(parts).combine_chunks()
    first = together.column(by).to_numpy()
    if len(parts) == 1 and bool((first[1:] >= first[:-1]).all()):
        return together
    return together.take(pa.array(np.argsort(first, kind="stable")))
