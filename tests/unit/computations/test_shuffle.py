import numpy as np
import pyarrow as pa
import pytest

from cleanroom.errors import ComputationFailed
from enclave.computations.keys import ROW, key_table, plain_type, rows_of
from enclave.computations.partition import (
    ROWS_PER_PARTITION,
    gather_blocks,
    partition,
    partitions_for,
    seed,
)
from tests.support.intersections import emails

SECRET, OTHER = bytes(32), bytes(31) + b"\1"


def keys_of(rows, first_row=0):
    return key_table(pa.table({"id": emails(np.arange(rows))}), ["id"], first_row)


def test_every_row_lands_in_one_partition_and_keeps_its_place_there():
    parts = partition(keys_of(1000), 7, SECRET)
    rows = [part[ROW].to_pylist() for part in parts]
    assert sorted(row for part in rows for row in part) == list(range(1000))
    assert all(part == sorted(part) for part in rows)


def test_partitions_are_of_similar_size():
    sizes = [part.num_rows for part in partition(keys_of(20_000), 10, SECRET)]
    assert min(sizes) > 1700
    assert max(sizes) < 2300


def test_equal_keys_of_different_inputs_land_in_the_same_partition():
    here = partition(keys_of(500), 5, SECRET)
    there = partition(keys_of(500).take(pa.array(range(499, -1, -1))), 5, SECRET)
    assert [set(part["id"].to_pylist()) for part in here] == [
        set(part["id"].to_pylist()) for part in there
    ]


def test_another_secret_spreads_the_rows_otherwise():
    here, there = (partition(keys_of(500), 2, secret)[0] for secret in (SECRET, OTHER))
    assert here["id"].to_pylist() != there["id"].to_pylist()


def test_blocks_of_an_input_give_the_partitions_of_the_whole():
    whole = partition(keys_of(100), 3, SECRET)
    table = pa.table({"id": emails(np.arange(100))})
    blocks = [
        partition(key_table(table.slice(start, 40), ["id"], start), 3, SECRET)
        for start in (0, 40, 80)
    ]
    assert [part.to_pydict() for part in gather_blocks(blocks, 3)] == [
        part.to_pydict() for part in whole
    ]


def test_a_partition_has_memory_of_its_own():
    """A slice that is sent to a task would carry the rows of all the other partitions."""
    parts = partition(keys_of(10_000), 10, SECRET)
    assert sum(part.get_total_buffer_size() for part in parts) < 1.5 * keys_of(10_000).nbytes


def test_types_survive_the_shuffle():
    table = pa.table({"id": ["x"], "at": pa.array([1], pa.timestamp("us", tz="UTC"))})
    keys = key_table(table, ["id", "at"])
    (schema,) = {part.schema for part in partition(keys, 4, SECRET)}
    assert [plain_type(kind) for kind in keys.schema.types] + [pa.int64()] == schema.types


def test_blocks_with_and_without_missing_keys_are_numbered_together():
    table = pa.table({"id": ["a", "b", None, "d", "e", "f"]})
    blocks = [[key_table(table.slice(start, 2), ["id"], start)] for start in (0, 2, 4)]
    (keys,) = gather_blocks(blocks, 1)
    assert keys.to_pydict() == {"id": ["a", "b", "d", "e", "f"], ROW: [0, 1, 3, 4, 5]}


def test_whole_blocks_follow_each_other_without_being_numbered():
    table = pa.table({"id": ["a", "b", "c"]})
    blocks = [[key_table(table.slice(start, 2), ["id"], start)] for start in (0, 2)]
    (keys,) = gather_blocks(blocks, 1)
    assert keys.column_names == ["id"]
    assert rows_of(keys).tolist() == [0, 1, 2]


@pytest.mark.parametrize("count", [0, -1, 65_537])
def test_an_impossible_number_of_partitions_is_refused(count):
    with pytest.raises(ComputationFailed, match="could not be partitioned"):
        partition(keys_of(3), count, SECRET)


def test_a_secret_of_another_length_is_refused():
    with pytest.raises(ValueError, match="has 32 bytes"):
        seed(b"short", "partition")


def test_seeds_of_different_purposes_differ():
    assert seed(SECRET, "partition") != seed(SECRET, "intersect")


@pytest.mark.parametrize(
    ("rows", "workers", "expected"),
    [
        (0, 1, 1),
        (ROWS_PER_PARTITION, 1, 1),
        (ROWS_PER_PARTITION + 1, 1, 2),
        (10, 4, 4),
        (4 * ROWS_PER_PARTITION + 1, 4, 8),
    ],
)
def test_partitions_follow_rows_and_workers(rows, workers, expected):
    assert partitions_for(rows, workers) == expected
