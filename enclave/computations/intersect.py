"""Which rows of all inputs have the same key: the exact kernel for one partition.

1. Each row becomes one 64-bit word: the high bits of a keyed hash of its key, then its number.
2. The words of all inputs are sorted together (numpy's vectorised sort, no lock held); rows with
   equal keys are now neighbours, *runs*. A run without a row of the first input, or of too few
   inputs, is dropped.
3. Every row of a run is compared, byte for byte, with the run's first row, its *leader*. Runs in
   which different keys fell on the same hash are grouped again by the keys themselves.

The hash only brings rows together: equality is decided by the keys alone. Time and memory are
linear in the rows (the sort's logarithm aside), whatever the number of inputs, matches, duplicates
or collisions. This module knows neither outputs nor owners.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from cleanroom.errors import MemoryShort
from enclave.computations.failure import Reason, value_free
from enclave.computations.keys import ROW, key_frame, require_same_types
from enclave.computations.partition import hash_keys, seed
from enclave.computations.threads import THREADS, on_threads

MOST_ROWS = (1 << 32) - 1
"""A partition holds at most this many rows of all inputs: two row numbers share one word."""
BATCH = 1 << 17
"""Rows that are hashed in one go: what they need stays in the processor's cache."""
STRETCH = 1 << 20
"""Rows of each side of a tile in which keys are compared; 28 MB with e-mail keys."""
RANGE = 1 << 20
"""Words that are sorted and searched in one go, in the mean; 8 MiB."""
_NO_WORDS = np.empty(0, dtype=np.uint64)
_LOW = np.uint64((1 << 32) - 1)
_LAST = np.uint64((1 << 64) - 1)
"""No pair: `MOST_ROWS` leaves the last row number unused."""
_NO_NUMBERS = np.empty(0, dtype=np.uint32)


@dataclass(frozen=True, slots=True)
class Shared:
    """Units that are in the first and in so many other inputs of one partition as was asked for.

    Rows are numbered over all inputs: input `i` has the numbers `starts[i]` up to `starts[i + 1]`.
    The arrays list every row of a shared unit but its leader, ordered by leader, then by number.
    """

    leaders: np.ndarray
    """The number of the unit's first row, always a row of input 0; names the unit; `uint32`."""
    members: np.ndarray
    """The number of another row of the same unit; `uint32`."""
    starts: np.ndarray
    """The number of the first row of each input, then the number of all rows; `int64`."""

    @property
    def inputs(self) -> int:
        """How many inputs there are."""
        return len(self.starts) - 1

    @property
    def units(self) -> int:
        """How many distinct units there are."""
        return int(np.count_nonzero(changes(self.leaders)))


@value_free(Reason.MATCH)
def intersect(inputs: Sequence[pa.Table], secret: bytes, need: int = 0) -> Shared:
    """Find the units that have a row in every input.

    Args:
        inputs: the same partition of each input, as `partition` returned them.
        secret: the run's 32 secret bytes.
        need: instead, units with a row in the first and in so many inputs in all; with 1, units
            with a single row are left out.

    Raises:
        ComputationFailed: key columns differ in type, or the engine stopped.
        MemoryShort: the partition has more than `MOST_ROWS` rows.
    """
    require_same_types(inputs)
    starts = np.cumsum([0, *(keys.num_rows for keys in inputs)], dtype=np.int64)
    if starts[-1] > MOST_ROWS:
        raise MemoryShort("a partition has more than 2^32 - 1 rows: use more partitions")
    bits = int(starts[-1]).bit_length()
    batches = _sorted_batches(inputs, starts, bits, seed(secret, "intersect"))
    need = need or len(inputs)
    pairs = _pairs(batches, bits, starts, need)
    del batches
    return _verified(inputs, pairs, starts, need)


def changes(values: np.ndarray) -> np.ndarray:
    """True where a value differs from the one before it, and at the first."""
    changed = np.empty(len(values), dtype=np.bool_)
    changed[:1] = True
    np.not_equal(values[1:], values[:-1], out=changed[1:])
    return changed


def input_of(numbers: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Which input each numbered row belongs to; `uint8`."""
    found = np.zeros(len(numbers), dtype=np.uint8)
    for start in starts[1:-1]:
        found += numbers >= start
    return found


def _sorted_batches(
    inputs: Sequence[pa.Table], starts: np.ndarray, bits: int, key: int
) -> list[np.ndarray]:
    """Step 1: the words of all rows, each batch sorted for itself."""
    batches = (
        numbered
        for keys, start in zip(inputs, starts[:-1].tolist(), strict=True)
        for numbered in _numbered(keys, start, BATCH)
    )
    return on_threads(lambda numbered: _words(*numbered, bits, key), batches)


def _words(batch: pa.RecordBatch, number: int, bits: int, key: int) -> np.ndarray:
    """The sorted words of consecutive rows, of which the first has this number."""
    high = hash_keys(key_frame(batch), key) >> np.uint64(bits)
    numbers = np.arange(number, number + len(high), dtype=np.uint64)
    words: np.ndarray = (high << np.uint64(bits)) | numbers
    words.sort()
    return words


def _pairs(batches: Sequence[np.ndarray], bits: int, starts: np.ndarray, need: int) -> np.ndarray:
    """Step 2: sorted words of leader and member, from all runs with rows of enough inputs.

    Ranges of hashes are sorted and searched one by one, each small enough for the cache.
    """
    ranges = max(1, int(starts[-1]) // RANGE)
    # a range begins at a multiple of 2^bits: no run is cut
    begins = [((each << 64) // ranges >> bits) << bits for each in range(1, ranges)]
    cuts = [
        [0, *np.searchsorted(batch, np.array(begins, dtype=np.uint64)), len(batch)]
        for batch in batches
    ]

    def of_range(each: int) -> np.ndarray:
        pieces = [
            batch[cut[each] : cut[each + 1]] for batch, cut in zip(batches, cuts, strict=True)
        ]
        words = np.concatenate([_NO_WORDS, *pieces])
        words.sort()
        return _complete(*_runs(words, bits), starts, need)

    pairs = np.concatenate([_NO_WORDS, *on_threads(of_range, range(ranges))])
    pairs.sort()
    return pairs


def _runs(words: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers of all rows that share their hash with another, and which of them begin a run."""
    joined = np.zeros(len(words) + 1, dtype=np.bool_)
    np.less(words[1:] ^ words[:-1], np.uint64(1 << bits), out=joined[1:-1])
    kept = np.flatnonzero(joined[:-1] | joined[1:])
    numbers = words[kept] & np.uint64((1 << bits) - 1)
    return numbers.astype(np.uint32), ~joined[kept]


def _complete(numbers: np.ndarray, begins: np.ndarray, starts: np.ndarray, need: int) -> np.ndarray:
    """Words of leader and member, from the runs with a row of the first and of enough inputs.

    Within a run rows are ordered by number, hence by input: inputs are counted by their changes.
    """
    heads = np.flatnonzero(begins)
    if not len(heads):
        return _NO_WORDS
    lengths = np.diff(heads, append=len(numbers))
    fresh = begins | changes(input_of(numbers, starts))
    full = np.add.reduceat(fresh, heads, dtype=np.uint8) >= need
    full &= numbers[heads] < starts[1]
    others = np.flatnonzero(np.repeat(full, lengths) & ~begins)
    leaders = np.repeat(numbers[heads[full]], lengths[full] - 1)
    words: np.ndarray = (leaders.astype(np.uint64) << np.uint64(32)) | numbers[others]
    return words


def _verified(
    inputs: Sequence[pa.Table], pairs: np.ndarray, starts: np.ndarray, need: int
) -> Shared:
    """Step 3: only what is equal byte for byte stays together. Writes over `pairs`."""
    mixed = np.flatnonzero(_led(pairs, _misled(inputs, pairs, starts)))
    if len(mixed):
        leaders, members = pairs[mixed] >> np.uint64(32), pairs[mixed] & _LOW
        numbers = np.unique(np.concatenate([leaders, members])).astype(np.uint32)
        regrouped = _regrouped(inputs, numbers, starts, need)
        # a run of mixed keys has more members than all units that it falls into
        pairs[mixed] = _LAST
        pairs[mixed[: len(regrouped)]] = regrouped
        pairs.sort()
        pairs = pairs[: len(pairs) - len(mixed) + len(regrouped)]
    return Shared((pairs >> np.uint64(32)).astype(np.uint32), pairs.astype(np.uint32), starts)


def _led(pairs: np.ndarray, leaders: np.ndarray) -> np.ndarray:
    """Which members have one of these leaders; pairs are sorted, the leaders distinct."""
    steps = np.zeros(len(pairs) + 1, dtype=np.int8)
    words = leaders.astype(np.uint64) << np.uint64(32)
    steps[np.searchsorted(pairs, words)] += 1
    steps[np.searchsorted(pairs, words | _LOW, side="right")] -= 1
    return np.cumsum(steps[:-1], dtype=np.int8).astype(np.bool_)


def _misled(inputs: Sequence[pa.Table], pairs: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """The leaders that have a member with another key; distinct row numbers, `uint32`.

    Keys are compared tile by tile, a stretch of the first input against a stretch of any: both
    sides of a tile stay near the processor, and of no key a second copy is kept.
    """
    most = min(STRETCH, max(BATCH, -(-inputs[0].num_rows // (2 * THREADS))))
    others = [
        stretch
        for keys, start in zip(inputs, starts[:-1].tolist(), strict=True)
        for stretch in _stretches(keys, start, STRETCH)
    ]

    def of_stretch(stretch: tuple[pa.RecordBatch, int]) -> np.ndarray:
        batch, start = stretch
        bounds = np.array([start, start + batch.num_rows], dtype=np.uint64) << np.uint64(32)
        part = pairs[slice(*np.searchsorted(pairs, bounds))]
        by_member = (part << np.uint64(32)) | (part >> np.uint64(32))
        by_member.sort()
        return _led_astray(batch, start, by_member, others)

    astray = on_threads(of_stretch, _stretches(inputs[0], 0, most))
    return np.unique(np.concatenate([_NO_NUMBERS, *astray]))


def _led_astray(
    batch: pa.RecordBatch,
    start: int,
    by_member: np.ndarray,
    others: Sequence[tuple[pa.RecordBatch, int]],
) -> np.ndarray:
    """Leaders in `batch`, which begins at row `start`, that have a member with another key."""
    ends = np.array([first + other.num_rows for other, first in others], dtype=np.uint64)
    cuts = [0, *np.searchsorted(by_member, ends << np.uint64(32))]
    members = (by_member >> np.uint64(32)).astype(np.uint32)
    leaders = by_member.astype(np.uint32)
    astray = [_NO_NUMBERS]
    for (other, first), (begin, end) in zip(others, pairwise(cuts), strict=True):
        left = batch.take(pa.array(leaders[begin:end] - np.uint32(start)))
        right = other.take(pa.array(members[begin:end] - np.uint32(first)))
        astray.append(leaders[begin:end][_unequal(left, right)])
    return np.concatenate(astray)


def _numbered(keys: pa.Table, start: int, most: int) -> Iterator[tuple[pa.RecordBatch, int]]:
    """Batches of a key table of at most so many rows, each with the number of its first row."""
    for batch in keys.to_batches(max_chunksize=most):
        yield batch, start
        start += batch.num_rows


def _stretches(keys: pa.Table, start: int, most: int) -> list[tuple[pa.RecordBatch, int]]:
    """The key columns in long batches; a table of many small pieces is put together first."""
    bare = keys.drop_columns(ROW) if ROW in keys.column_names else keys
    found = list(_numbered(bare, start, most))
    if len(found) > 4 * (1 + keys.num_rows // most):
        return list(_numbered(bare.combine_chunks(), start, most))
    return found


def _regrouped(
    inputs: Sequence[pa.Table], numbers: np.ndarray, starts: np.ndarray, need: int
) -> np.ndarray:
    """Group rows of runs with several keys by the keys themselves; words of leader and member."""
    parts = []
    for keys, start in zip(inputs, starts[:-1].tolist(), strict=True):
        for batch, first in _numbered(keys, start, STRETCH):
            bounds = np.array([first, first + batch.num_rows], dtype=np.uint32)
            chosen = numbers[slice(*np.searchsorted(numbers, bounds))]
            parts.append(key_frame(batch.take(pa.array(chosen - np.uint32(first)))))
    rows = pl.concat(parts).with_columns(pl.Series(ROW, numbers))
    leader = pl.col(ROW).min().over(parts[0].columns)
    grouped = rows.select(ROW, leader.alias("leader")).sort("leader", ROW)
    begins = changes(grouped["leader"].to_numpy())
    return _complete(grouped[ROW].to_numpy(), begins, starts, need)


def _unequal(left: pa.RecordBatch, right: pa.RecordBatch) -> np.ndarray:
    """Where two batches of equal columns differ in any column."""
    different = np.zeros(left.num_rows, dtype=np.bool_)
    for name in left.schema.names:
        unequal = pc.not_equal(left.column(name), right.column(name))
        different |= unequal.to_numpy(zero_copy_only=False)
    return different
