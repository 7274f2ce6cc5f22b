"""The shuffle: a keyed hash of the key's bytes says in which partition a row is intersected.

Equal keys meet in the same partition, whichever input, block or worker they come from. The hash
is keyed with a secret that is drawn for the run *after* its inputs are fixed, so no party can aim
rows at one partition. The hash only spreads work: it never decides whether two keys are equal.
"""

import hashlib
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import polars as pl
import pyarrow as pa

from enclave.computations.failure import Reason, failed, value_free
from enclave.computations.keys import ROW, key_frame, rows_of, with_rows

SECRET_LENGTH = 32
"""Bytes of the run's secret; the caller draws them with `secrets.token_bytes`."""
ROWS_PER_PARTITION = 1 << 25
"""How many rows of all inputs together one partition should hold; about 2 GB with e-mail keys."""

MOST_PARTITIONS = 1 << 16
"""Partition numbers have 16 bits."""


def partitions_for(rows: int, workers: int = 1) -> int:
    """How many partitions to cut `rows` (of all inputs together) into.

    A multiple of `workers`, and so many that each holds at most about `ROWS_PER_PARTITION`.
    """
    rounds = -(-max(rows, 1) // (ROWS_PER_PARTITION * workers))
    return rounds * workers


def seed(secret: bytes, purpose: str) -> int:
    """A 64-bit seed for one purpose; different purposes have unrelated seeds."""
    if len(secret) != SECRET_LENGTH:
        raise ValueError(f"a run's secret has {SECRET_LENGTH} bytes")
    named = hashlib.blake2b(purpose.encode(), key=secret, digest_size=8)
    return int.from_bytes(named.digest(), "big")


def hash_keys(frame: pl.DataFrame, seed: int) -> np.ndarray:
    """A seeded 64-bit hash of each row's key; `uint64`.

    NOTE: equal keys hash alike only under the same version of Polars: a gang runs one image.
    """
    if frame.width == 1:
        return frame.to_series().hash(seed).to_numpy()
    return frame.hash_rows(seed).to_numpy()


@value_free(Reason.PARTITION)
def partition(keys: pa.Table, count: int, secret: bytes) -> list[pa.Table]:
    """Spread the rows of a key table over `count` tables by their keys; order is kept in each.

    Args:
        keys: what `key_table` returned for an input or a block of it.
        count: number of partitions, 1 to `MOST_PARTITIONS`; the same for all inputs of the run.
        secret: the run's 32 secret bytes.

    Returns:
        `count` tables of the same columns, each with memory of its own.
    """
    if count == 1:
        return [keys]
    if not 1 < count <= MOST_PARTITIONS:
        raise failed(Reason.PARTITION)
    frame = key_frame(keys)
    order, bounds = _spread(hash_keys(frame, seed(secret, "partition")), count)
    numbered = frame.with_columns(pl.Series(ROW, rows_of(keys)))
    return [numbered[order[start:stop]].to_arrow() for start, stop in pairwise(bounds)]


def _spread(hashes: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers ordered by partition, and where each partition begins and ends in them."""
    slots = ((hashes >> np.uint64(32)) * np.uint64(count)) >> np.uint64(32)
    # 16-bit integers have a radix sort, which is also the stable one
    order = np.argsort(slots.astype(np.uint16), kind="stable")
    bounds = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(slots.astype(np.int64), minlength=count), out=bounds[1:])
    return order.astype(np.uint32), bounds


@value_free(Reason.PARTITION)
def gather_blocks(blocks: Sequence[Sequence[pa.Table]], count: int) -> list[pa.Table]:
    """Put the partitions of an input's consecutive blocks together, each in order of the input."""
    return [_joined([block[slot] for block in blocks]) for slot in range(count)]


def _joined(parts: Sequence[pa.Table]) -> pa.Table:
    """One table; blocks that are whole follow each other, so that the first says where all are."""
    if all(ROW not in part.column_names for part in parts):
        first = parts[0].schema.metadata
        bare = [part.replace_schema_metadata(None) for part in parts]
        return pa.concat_tables(bare).replace_schema_metadata(first)
    return pa.concat_tables([with_rows(part) for part in parts])
