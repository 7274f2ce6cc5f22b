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

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import polars as pl
import pyarrow as pa

from cleanroom.errors import MemoryShort
from enclave.computations.failure import Reason, value_free
from enclave.computations.keys import key_frame, require_same_types
from enclave.computations.partition import hash_keys, seed

MOST_ROWS = (1 << 32) - 1
"""A partition holds at most this many rows of all inputs: two row numbers share one word."""
SLICE = 1 << 20
"""Words that are looked at in one go; 8 MiB stay in the processor's cache."""


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
    if min(keys.num_rows for keys in inputs) == 0:
        return _shared(np.empty(0, np.uint64), starts)
    bits = int(starts[-1]).bit_length()
    frames, words = _sorted_words(inputs, starts, bits, seed(secret, "intersect"))
    candidates = _complete(*_runs(words, bits), starts)
    del words
    return _verified(frames, candidates, starts)


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


def _sorted_words(
    inputs: Sequence[pa.Table], starts: np.ndarray, bits: int, key: int
) -> tuple[list[pl.DataFrame], np.ndarray]:
    """Step 1 and the sort: the keys as frames, and hash and row number in one sorted array."""
    words = np.empty(starts[-1], dtype=np.uint64)

    def fill(place: int) -> pl.DataFrame:
        frame = key_frame(inputs[place])
        part = words[starts[place] : starts[place + 1]]
        hashes = hash_keys(frame, key)
        for start in range(0, len(part), SLICE):
            stop = min(start + SLICE, len(part))
            numbers = np.arange(starts[place] + start, starts[place] + stop, dtype=np.uint64)
            high = hashes[start:stop] >> np.uint64(bits)
            np.bitwise_or(high << np.uint64(bits), numbers, out=part[start:stop])
        return frame

    with ThreadPoolExecutor(len(inputs)) as pool:
        frames = list(pool.map(fill, range(len(inputs))))
    words.sort()
    return frames, words


def _runs(words: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Step 2: row numbers of all rows that share their hash with another, run after run.

    Returns:
        The row numbers (`uint32`) and, for each, whether it begins a run; by run, then by number.
    """
    numbers, begins = [], []
    for start in range(0, len(words), SLICE):
        before = words[max(start - 1, 0) : start]
        piece = np.concatenate([before, words[start : start + SLICE + 1]])
        joined = np.zeros(len(piece) + 1, dtype=np.bool_)
        np.less((piece[1:] ^ piece[:-1]) >> np.uint64(bits), 1, out=joined[1:-1])
        own = slice(len(before), len(before) + min(SLICE, len(words) - start))
        with_previous, with_next = joined[own], joined[own.start + 1 : own.stop + 1]
        kept = np.flatnonzero(with_previous | with_next)
        mask = np.uint64((1 << bits) - 1)
        numbers.append((piece[own][kept] & mask).astype(np.uint32))
        begins.append(~with_previous[kept])
    return np.concatenate(numbers), np.concatenate(begins)


def _complete(numbers: np.ndarray, begins: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Keep the runs with a row of every input, as sorted words: leader, then member.

    Within a run rows are ordered by number, hence by input: inputs are counted by their changes.
    """
    heads = np.flatnonzero(begins)
    lengths = np.diff(heads, append=len(numbers))
    if not len(heads):
        return np.empty(0, dtype=np.uint64)
    fresh = begins | changes(input_of(numbers, starts))
    full = np.add.reduceat(fresh, heads, dtype=np.uint8) == len(starts) - 1
    leaders = np.repeat(numbers[heads], lengths)
    others = np.flatnonzero(np.repeat(full, lengths) & ~begins)
    words = leaders[others].astype(np.uint64) << np.uint64(32)
    words |= numbers[others]
    words.sort()
    return words


def _verified(frames: list[pl.DataFrame], words: np.ndarray, starts: np.ndarray) -> Shared:
    """Step 3: only what is equal byte for byte stays together."""
    candidates = _shared(words, starts)
    differs = _differing(frames, candidates)
    if not differs.any():
        return candidates
    mixed = np.isin(candidates.leaders, np.unique(candidates.leaders[differs]))
    regrouped = _regrouped(frames, candidates.leaders[mixed], candidates.members[mixed], starts)
    return _shared(np.sort(np.concatenate([words[~mixed], regrouped])), starts)


def _differing(frames: list[pl.DataFrame], candidates: Shared) -> np.ndarray:
    """Which members have another key than their leader."""
    differs = np.zeros(len(candidates.members), dtype=np.bool_)
    places = input_of(candidates.members, candidates.starts)
    for place, frame in enumerate(frames):
        chosen = np.flatnonzero(places == place) if len(frames) > 2 or place == 0 else None
        own = np.flatnonzero(places == place) if chosen is None else chosen
        if not len(own):
            continue
        left = candidates.leaders[own]
        right = candidates.members[own] - np.uint32(candidates.starts[place])
        for name in frame.columns:
            unequal = frames[0][name].gather(left) != frame[name].gather(right)
            differs[own] |= unequal.to_numpy()
    return differs


def _regrouped(
    frames: list[pl.DataFrame], leaders: np.ndarray, members: np.ndarray, starts: np.ndarray
) -> np.ndarray:
    """Group rows of runs with several keys by the keys themselves; sorted words as `_complete`."""
    numbers = np.unique(np.concatenate([leaders, members]))
    places = input_of(numbers, starts)
    parts = [
        frame[numbers[places == place] - np.uint32(starts[place])]
        for place, frame in enumerate(frames)
    ]
    rows = pl.concat(parts).with_columns(pl.Series("__number", numbers))
    grouped = rows.select(
        "__number", pl.col("__number").min().over(frames[0].columns).alias("__leader")
    ).sort("__leader", "__number")
    return _complete(
        grouped["__number"].to_numpy(), changes(grouped["__leader"].to_numpy()), starts
    )


def _shared(words: np.ndarray, starts: np.ndarray) -> Shared:
    leaders = (words >> np.uint64(32)).astype(np.uint32)
    return Shared(leaders, words.astype(np.uint32), starts)
