"""Which rows of all inputs have the same key: the exact kernel for one partition.

1. Each row becomes one 64-bit word: the high bits of a keyed hash of its key, then its number.
2. The words of all inputs are sorted together (numpy's vectorised sort, no lock held); rows with
   equal keys are now neighbours, *runs*. A run that misses some input is dropped.
3. Every row of a run is compared, byte for byte, with the run's first row, its *leader*. Runs in
   which different keys fell on the same hash are grouped again by the keys themselves.

The hash only brings rows together: equality is decided by the keys alone. Time and memory are
linear in the rows (the sort's logarithm aside), whatever the number of inputs, matches, duplicates
or collisions. This module knows neither outputs nor owners.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import polars as pl
import pyarrow as pa

from cleanroom.errors import MemoryShort
from enclave.computations.failure import Reason, value_free
from enclave.computations.keys import ROW, key_frame, require_same_types
from enclave.computations.partition import hash_keys, seed

MOST_ROWS = (1 << 32) - 1
"""A partition holds at most this many rows of all inputs: two row numbers share one word."""
BATCH = 1 << 17
"""Rows that are hashed, or compared, in one go: what they need stays in the processor's cache."""
RANGE = 1 << 20
"""Words that are sorted and searched in one go, in the mean; 8 MiB."""
THREADS = pl.thread_pool_size()
"""Threads of one partition: as many as the engine below takes for itself in this process."""
_NO_WORDS = np.empty(0, dtype=np.uint64)


@dataclass(frozen=True, slots=True)
class Shared:
    """Units that are in every input of one partition.

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
        """How many distinct units are in every input."""
        return int(np.count_nonzero(changes(self.leaders)))


@value_free(Reason.MATCH)
def intersect(inputs: Sequence[pa.Table], secret: bytes) -> Shared:
    """Find the units that have a row in every input.

    Args:
        inputs: the same partition of each input, at least two, as `partition` returned them.
        secret: the run's 32 secret bytes.

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
    pairs = _pairs(batches, bits, starts)
    del batches
    return _verified(inputs, pairs, starts)


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
    with ThreadPoolExecutor(THREADS) as pool:
        tasks = [
            pool.submit(_words, batch, number, bits, key)
            for keys, start in zip(inputs, starts[:-1].tolist(), strict=True)
            for batch, number in _numbered(keys, start)
        ]
        return [task.result() for task in tasks]


def _words(batch: pa.RecordBatch, number: int, bits: int, key: int) -> np.ndarray:
    """The sorted words of consecutive rows, of which the first has this number."""
    high = hash_keys(key_frame(batch), key) >> np.uint64(bits)
    numbers = np.arange(number, number + len(high), dtype=np.uint64)
    words: np.ndarray = (high << np.uint64(bits)) | numbers
    words.sort()
    return words


def _pairs(batches: Sequence[np.ndarray], bits: int, starts: np.ndarray) -> np.ndarray:
    """Step 2: sorted words of leader and member, from all runs with a row of every input.

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
        return _complete(*_runs(words, bits), starts)

    with ThreadPoolExecutor(THREADS) as pool:
        pairs = np.concatenate([_NO_WORDS, *pool.map(of_range, range(ranges))])
    pairs.sort()
    return pairs


def _runs(words: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers of all rows that share their hash with another, and which of them begin a run."""
    joined = np.zeros(len(words) + 1, dtype=np.bool_)
    np.less((words[1:] ^ words[:-1]) >> np.uint64(bits), 1, out=joined[1:-1])
    kept = np.flatnonzero(joined[:-1] | joined[1:])
    numbers = words[kept] & np.uint64((1 << bits) - 1)
    return numbers.astype(np.uint32), ~joined[kept]


def _complete(numbers: np.ndarray, begins: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Words of leader and member, from the runs with a row of every input.

    Within a run rows are ordered by number, hence by input: inputs are counted by their changes.
    """
    heads = np.flatnonzero(begins)
    if not len(heads):
        return _NO_WORDS
    lengths = np.diff(heads, append=len(numbers))
    fresh = begins | changes(input_of(numbers, starts))
    full = np.add.reduceat(fresh, heads, dtype=np.uint8) == len(starts) - 1
    others = np.flatnonzero(np.repeat(full, lengths) & ~begins)
    leaders = np.repeat(numbers[heads[full]], lengths[full] - 1)
    words: np.ndarray = (leaders.astype(np.uint64) << np.uint64(32)) | numbers[others]
    return words


def _verified(inputs: Sequence[pa.Table], pairs: np.ndarray, starts: np.ndarray) -> Shared:
    """Step 3: only what is equal byte for byte stays together."""
    candidates = _shared(pairs, starts)
    differs = _differing(inputs, candidates)
    if not differs.any():
        return candidates
    mixed = _same_leader(candidates.leaders, differs)
    numbers = np.unique(np.concatenate([candidates.leaders[mixed], candidates.members[mixed]]))
    regrouped = _regrouped(inputs, numbers, starts)
    return _shared(np.sort(np.concatenate([pairs[~mixed], regrouped])), starts)


def _same_leader(leaders: np.ndarray, marked: np.ndarray) -> np.ndarray:
    """Which members have a leader that some marked member has; leaders are sorted."""
    found = np.unique(leaders[marked])
    steps = np.zeros(len(leaders) + 1, dtype=np.int8)
    steps[np.searchsorted(leaders, found, side="left")] += 1
    steps[np.searchsorted(leaders, found, side="right")] -= 1
    return np.cumsum(steps[:-1], dtype=np.int8).astype(np.bool_)


def _differing(inputs: Sequence[pa.Table], candidates: Shared) -> np.ndarray:
    """Which members have another key than their leader.

    Leaders are in order of the first input, which is walked batch by batch; members may be
    anywhere, so the keys of all of them are at hand.
    """
    members = _MemberKeys.read(inputs, candidates)
    differs = np.zeros(len(candidates.members), dtype=np.bool_)

    def compare(batch: pa.RecordBatch, number: int) -> None:
        bounds = np.searchsorted(candidates.leaders, [number, number + batch.num_rows])
        part = slice(*bounds)
        left, numbers = candidates.leaders[part] - np.uint32(number), candidates.members[part]
        keys, places = key_frame(batch), input_of(numbers, candidates.starts)
        for place in np.unique(places):
            own = np.flatnonzero(places == place)
            unequal = _unequal(keys[left[own]], members.of(place, numbers[own]))
            differs[bounds[0] + own] = unequal

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda each: compare(*each), _numbered(inputs[0], 0)))
    return differs


def _numbered(keys: pa.Table, start: int) -> Iterator[tuple[pa.RecordBatch, int]]:
    """Batches of a key table, each with the number of its first row."""
    for batch in keys.to_batches(max_chunksize=BATCH):
        yield batch, start
        start += batch.num_rows


@dataclass(frozen=True, slots=True)
class _MemberKeys:
    """The keys of all members: of other rows nothing more is read."""

    frames: list[pl.DataFrame]
    """For each input, the keys of its members in order."""
    rank: np.ndarray
    """For each row number, how many members stand before it or there; `uint32`."""
    starts: np.ndarray
    """See `Shared.starts`."""

    @classmethod
    def read(cls, inputs: Sequence[pa.Table], candidates: Shared) -> "_MemberKeys":
        chosen = np.zeros(candidates.starts[-1], dtype=np.bool_)
        chosen[candidates.members] = True

        def chosen_keys(keys: pa.Table, start: int) -> pl.DataFrame:
            parts = [
                key_frame(batch).filter(pl.Series(chosen[number : number + batch.num_rows]))
                for batch, number in _numbered(keys, start)
            ]
            return pl.concat([key_frame(keys.slice(0, 0)), *parts], rechunk=True)

        with ThreadPoolExecutor(THREADS) as pool:
            frames = list(pool.map(chosen_keys, inputs, candidates.starts[:-1].tolist()))
        return cls(frames, np.cumsum(chosen, dtype=np.uint32), candidates.starts)

    def of(self, place: int, numbers: np.ndarray) -> pl.DataFrame:
        """The keys of members with these numbers, all of input `place`."""
        start = int(self.starts[place])
        before = int(self.rank[start - 1]) if start else 0
        keys: pl.DataFrame = self.frames[place][self.rank[numbers] - np.uint32(before + 1)]
        return keys


def _regrouped(inputs: Sequence[pa.Table], numbers: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Group rows of runs with several keys by the keys themselves; words of leader and member."""
    chosen = np.zeros(starts[-1], dtype=np.bool_)
    chosen[numbers] = True
    parts = [
        key_frame(keys.filter(pa.array(chosen[start:stop])))
        for keys, (start, stop) in zip(inputs, pairwise(starts), strict=True)
    ]
    rows = pl.concat(parts).with_columns(pl.Series(ROW, numbers))
    leader = pl.col(ROW).min().over(parts[0].columns)
    grouped = rows.select(ROW, leader.alias("leader")).sort("leader", ROW)
    return _complete(grouped[ROW].to_numpy(), changes(grouped["leader"].to_numpy()), starts)


def _unequal(left: pl.DataFrame, right: pl.DataFrame) -> np.ndarray:
    """Where two frames of equal columns differ in any column."""
    different = np.zeros(left.height, dtype=np.bool_)
    for name in left.columns:
        different |= (left[name] != right[name]).to_numpy()
    return different


def _shared(pairs: np.ndarray, starts: np.ndarray) -> Shared:
    leaders = (pairs >> np.uint64(32)).astype(np.uint32)
    return Shared(leaders, pairs.astype(np.uint32), starts)
