"""A matrix of features straight from the inputs' columns, each taken at rows of its own.

No column is joined first: a value is read where it lies and written where it stands, several
columns at a time. Whether the values are lawful was judged before, over whole columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa

from cleanroom.dataset.features import Feature, Matrix, numbers_of, places, write
from enclave.computations.threads import on_threads

CACHE_LINE = 64
"""Bytes that the processor writes at once."""
STRETCH = 1 << 12
"""Lines that are turned from columns into rows in one go: they stay in the cache."""
Rows = np.ndarray[Any, np.dtype[np.int64]]
"""Positions of rows in a column; -1 for no row."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A feature, its column, and which rows of it are taken."""

    feature: Feature
    pieces: Sequence[pa.ChunkedArray]
    """The column; in several pieces where it is that of several inputs, one below the other."""
    rows: Rows | None
    """None for all of them, in order."""

    @property
    def numbers(self) -> Matrix:
        """What `numbers_of` says of the rows that are taken; NaN for no row."""
        read = [numbers_of(self.feature, piece) for piece in self.pieces]
        if self.rows is None:
            return read[0] if len(read) == 1 else np.concatenate(read)
        # the last number stands for no row
        gaps = [np.full(1, np.nan)] if bool((self.rows < 0).any()) else []
        whole = np.concatenate([*read, *gaps]) if gaps or len(read) > 1 else read[0]
        return whole.take(self.rows)


def gathered(columns: Sequence[Taken], lines: int, dtype: type[np.floating[Any]]) -> Matrix:
    """The matrix of some features.

    Args:
        columns: in the order of the model.
        lines: how many rows each of them takes.
        dtype: of the numbers.

    Returns:
        Lines by `Feature.names`, in C order; NaN where a value is missing.
    """
    ends = list(places([column.feature for column in columns]))
    filled = np.empty((lines, ends[-1].stop), dtype=dtype)
    numbered = list(zip(columns, ends, strict=True))
    # columns that share a cache line of the matrix are written together
    groups = groupby(numbered, lambda each: each[1].start * filled.itemsize // CACHE_LINE)

    def fill(group: list[tuple[Taken, slice]]) -> None:
        start, stop = group[0][1].start, group[-1][1].stop
        beside = np.empty((stop - start, lines), dtype=dtype)
        for column, place in group:
            rows = beside[place.start - start : place.stop - start]
            write(column.feature, column.numbers, rows.T)
        for line in range(0, lines, STRETCH):
            filled[line : line + STRETCH, start:stop] = beside[:, line : line + STRETCH].T

    on_threads(fill, [list(group) for _, group in groups])
    return filled
