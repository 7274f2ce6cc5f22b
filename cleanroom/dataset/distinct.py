"""How many values of a column occur more than once, in bounded memory.

Counting is exact while the distinct values fit a budget; beyond it the count says that it is only
a lower bound. Nothing is written to disk.
"""

import pyarrow as pa
import pyarrow.compute as pc

MOST_REMEMBERED = 1 << 30
"""Distinct values of one column kept while counting, in bytes; twice that while merging."""
FIRST_MERGE = 64 << 20
"""Distinct values of single batches wait until there are so many, in bytes."""


class Duplicates:
    """Counts values seen before; merges in doubling steps, so the work stays n log n.

    Args:
        most: budget for distinct values, in bytes.
    """

    def __init__(self, most: int = MOST_REMEMBERED) -> None:
        self._most = most
        self._seen: list[pa.Array] = []
        self._values = 0
        self._merged = 0
        self.complete = True
        """False once the budget was used up: the count is then a lower bound."""

    def add(self, array: pa.Array) -> None:
        """Take the next values of the column; nulls do not count."""
        if not self.complete:
            return
        self._values += len(array) - array.null_count
        self._seen.append(pc.unique(array.drop_null()))
        if sum(part.nbytes for part in self._seen[1:]) > max(self._merged, FIRST_MERGE):
            self._merge()

    def count(self) -> int:
        """Values seen so far that are equal to an earlier one."""
        self._merge()
        return self._values - sum(len(part) for part in self._seen)

    def _merge(self) -> None:
        if len(self._seen) > 1:
            self._seen = [pc.unique(pa.chunked_array(self._seen))]
        self._merged = sum(part.nbytes for part in self._seen)
        self.complete = self._merged <= self._most
