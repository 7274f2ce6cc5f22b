"""Lines that need no match: one input whole with what others know of it, or all inputs in a row.

Both are found by the kernel of the intersection: it brings rows with equal keys together, and what
it leaves over are units of a single row. A row that misses its identity names no unit and is left
out here, too. Lines are the same for every partitioning.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pyarrow as pa

from cleanroom.errors import MemoryShort
from enclave.computations.failure import Reason, value_free
from enclave.computations.intersect import MOST_ROWS, Shared, input_of, intersect
from enclave.computations.keys import ROW, plain, require_same_types, rows_of
from enclave.computations.matches import UNIT, combine_lines, lines, place

LINE = "line"
"""Column of a table of stacked lines: where each stands among all."""
_INPUT = 48
"""The bit from which on a stacked line names its input; below it, the row's position."""
_LEADER = np.uint64(32)


def left_lines(
    inputs: Sequence[pa.Table],
    left: int,
    secret: bytes,
    duplicates: Literal["first", "all"],
    most: int,
) -> pa.Table:
    """Every unit of one input, with its rows in the others where they have any.

    Args:
        inputs: the same partition of each input.
        left: which of them is whole.
        secret: the run's 32 secret bytes.
        duplicates: as for `lines`.
        most: as for `lines`.

    Returns:
        As for `lines`; `place(i)` is null where input `i` does not have the unit.
    """
    order = [left, *(each for each in range(len(inputs)) if each != left)]
    ordered = [inputs[each] for each in order]
    found = lines(_completed(intersect(ordered, secret, need=1)), ordered, duplicates, most)
    return found.rename_columns([UNIT, *map(place, order)])


def combine_left(parts: Sequence[pa.Table], left: int) -> pa.Table:
    """The left lines of all partitions, in the order of the left input's rows."""
    names = sorted(parts[0].column_names)
    return combine_lines([part.select(names) for part in parts], by=place(left))


@value_free(Reason.MATCH)
def stacked_lines(
    inputs: Sequence[pa.Table], secret: bytes, duplicates: Literal["first", "all"], most: int
) -> pa.Table:
    """The rows of all inputs, one below the other, and which of them are of one unit.

    Args:
        inputs: the same partition of each input.
        secret: the run's 32 secret bytes.
        duplicates: whether of a unit's rows in all inputs only the first counts.
        most: only the first so many lines are written.

    Returns:
        `UNIT`, then `place(i)` for each input, null in all but one, then `LINE`.
    """
    require_same_types(inputs)
    names = [name for name in inputs[0].column_names if name != ROW]
    bare = [pa.table([plain(each.column(name)) for name in names], names=names) for each in inputs]
    stacked = pa.concat_tables(bare).append_column(ROW, pa.array(_codes(inputs)))
    shared = intersect([stacked], secret, need=1)
    leader = np.arange(stacked.num_rows)
    leader[shared.members] = shared.leaders
    counts = leader == np.arange(len(leader)) if duplicates == "first" else leader >= 0
    kept = np.flatnonzero(counts)[:most]
    codes = stacked.column(ROW).to_numpy()
    return _stack(codes[leader[kept]], codes[kept], len(inputs))


def combine_stacked(parts: Sequence[pa.Table]) -> pa.Table:
    """The stacked lines of all partitions, in the order of the inputs, then of their rows."""
    together = pa.concat_tables(parts).combine_chunks()
    order = np.argsort(together.column(LINE).to_numpy(), kind="stable")
    return together.take(pa.array(order)).drop_columns(LINE)


def _codes(inputs: Sequence[pa.Table]) -> np.ndarray:
    """A number for each row of all inputs, ordered by input, then by row; `int64`."""
    return np.concatenate([(each << _INPUT) + rows_of(keys) for each, keys in enumerate(inputs)])


def _stack(units: np.ndarray, codes: np.ndarray, inputs: int) -> pa.Table:
    rows = codes & ((1 << _INPUT) - 1)
    columns = {UNIT: pa.array(units)}
    for each in range(inputs):
        columns[place(each)] = pa.array(rows, mask=codes >> _INPUT != each)
    return pa.table({**columns, LINE: pa.array(codes)})


def _completed(shared: Shared) -> Shared:
    """Units of the first input alone too; each with a row behind the last where it has none.

    Raises:
        MemoryShort: there are no numbers left for those rows.
    """
    most, others = int(shared.starts[1]), range(1, shared.inputs)
    if shared.starts[-1] + len(others) > MOST_ROWS:
        raise MemoryShort("a partition has more than 2^32 - 1 rows: use more partitions")
    leads = np.ones(most, dtype=np.bool_)
    leads[shared.members[shared.members < most]] = False
    inputs = input_of(shared.members, shared.starts)
    # every input but the first is one row longer: its last one stands for no row
    words = [_words(shared.leaders, shared.members + np.maximum(inputs, 1) - np.uint32(1))]
    starts = shared.starts + np.maximum(np.arange(len(shared.starts)) - 1, 0)
    for each in others:
        lacks = leads.copy()
        lacks[shared.leaders[inputs == each]] = False
        absent = np.flatnonzero(lacks)
        words.append(_words(absent, np.full(len(absent), starts[each + 1] - 1)))
    together = np.concatenate(words)
    together.sort()
    return Shared((together >> _LEADER).astype(np.uint32), together.astype(np.uint32), starts)


def _words(leaders: np.ndarray, members: np.ndarray) -> np.ndarray:
    """One word of leader and member each, in the order of leaders, then of members."""
    words: np.ndarray = (leaders.astype(np.uint64) << _LEADER) | members.astype(np.uint64)
    return words
