import secrets

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from cleanroom.errors import ComputationFailed, MemoryShort
from enclave.computations import intersect as kernel
from enclave.computations.keys import key_table
from tests.support.intersections import (
    emails,
    expected_lines,
    overlap,
    rows_plan,
    run,
)
from tests.support.mutants import assert_mutant_is_caught

SIZE = 30_000


def people(numbers):
    return pa.table({"id": emails(numbers), "v": pa.array(numbers)})


@pytest.fixture(scope="module")
def tables():
    draw = np.random.default_rng(7)
    return [people(draw.integers(low, low + SIZE, SIZE)) for low in (0, SIZE // 2, SIZE // 3)]


@pytest.mark.parametrize("partitions", [1, 2, 9])
def test_three_parties_count_what_duckdb_counts_on_pooled_plaintext(tables, partitions):
    a, b, c = tables
    query = "select count(*) from (select id from a intersect select id from b intersect select id from c)"
    with duckdb.connect() as engine:
        for name, table in (("a", a), ("b", b), ("c", c)):
            engine.register(name, table)
        (expected,) = engine.execute(query).fetchone()
    assert overlap(["id"], [a, b, c], partitions) == expected > 1000


@pytest.mark.parametrize("partitions", [1, 5])
def test_all_combinations_are_those_of_a_pandas_merge(tables, partitions):
    a, b = (
        pd.DataFrame({"id": table["id"].to_pylist(), "row": range(SIZE)}) for table in tables[:2]
    )
    merged = a.merge(b, on="id").sort_values(["row_x", "row_y"])
    released = run(rows_plan(["id"], tables[:2], duplicates="all"), tables[:2], partitions)[0]
    assert released.table["a.id"].to_pylist() == merged["id"].tolist()
    assert (
        released.table["b.v"].to_pylist()
        == tables[1]["v"].take(merged["row_y"].tolist()).to_pylist()
    )


def test_inputs_without_rows_share_nothing():
    empty = people(np.arange(0))
    assert overlap(["id"], [empty, people(np.arange(9))]) == 0
    assert overlap(["id"], [people(np.arange(9)), empty]) == 0
    assert overlap(["id"], [empty, empty]) == 0


def test_a_missing_key_matches_nothing_not_even_another_missing_key():
    table = pa.table({"id": pa.array([None, None, "x"])})
    assert overlap(["id"], [table, table]) == 1


def test_texts_are_compared_by_their_bytes():
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    here, there = pa.table({"id": [composed, "A"]}), pa.table({"id": [decomposed, "a"]})
    assert overlap(["id"], [here, there]) == 0


def test_columns_of_a_key_do_not_run_into_each_other():
    here = pa.table({"x": ["ab", "a"], "y": ["c", "bc"]})
    there = pa.table({"x": ["a", "abc"], "y": ["bc", ""]})
    assert overlap(["x", "y"], [here, there]) == 1


def test_keys_that_differ_in_one_late_byte_stay_apart():
    numbers = np.arange(2000)
    stem = "the same long beginning of a key that does not fit into a prefix "
    here = pa.table({"id": [f"{stem}{number:06d}a" for number in numbers]})
    there = pa.table({"id": [f"{stem}{number:06d}{'ab'[number % 2]}" for number in numbers]})
    assert overlap(["id"], [here, there]) == 1000


def test_one_key_that_fills_both_inputs_is_one_unit():
    heavy = pa.table({"id": ["same"] * 50_000 + ["other"], "v": range(50_001)})
    assert overlap(["id"], [heavy, heavy], partitions=4) == 2


def test_a_key_with_many_rows_on_both_sides_costs_no_more_than_its_limit():
    """10^10 combinations: only the first are ever written."""
    heavy = pa.table({"id": ["same"] * 100_000, "v": range(100_000)})
    plan = rows_plan(["id"], [heavy, heavy], duplicates="all", limit=3)
    released = run(plan, [heavy, heavy])[0]
    assert released.table["a.v"].to_pylist() == [0, 0, 0]
    assert released.table["b.v"].to_pylist() == [0, 1, 2]


def test_key_columns_of_different_types_are_refused():
    here = key_table(pa.table({"id": pa.array([1], pa.int32())}), ["id"])
    there = key_table(pa.table({"id": pa.array([1], pa.int64())}), ["id"])
    with pytest.raises(ComputationFailed, match="differ in type between the inputs"):
        kernel.intersect([here, there], bytes(32))


def test_more_rows_than_a_partition_holds_ask_for_more_partitions(monkeypatch):
    monkeypatch.setattr(kernel, "MOST_ROWS", 3)
    keys = key_table(people(np.arange(2)), ["id"])
    with pytest.raises(MemoryShort, match="use more partitions"):
        kernel.intersect([keys, keys], bytes(32))


def test_the_answer_does_not_depend_on_the_secret():
    keys = [key_table(people(np.arange(low, low + 5000)), ["id"]) for low in (0, 2500)]
    found = [kernel.intersect(keys, secrets.token_bytes(32)) for _ in range(3)]
    assert {each.units for each in found} == {2500}
    assert all((each.members == found[0].members).all() for each in found)


def colliding_keys_are_told_apart():
    """With every hash equal, only the comparison of the keys tells units apart."""
    here, there = people(np.arange(0, 60)), people(np.arange(40, 100))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "hash_keys", lambda frame, _: np.zeros(frame.height, np.uint64))
        released = run(rows_plan(["id"], [here, there]), [here, there])[0]
    lines = expected_lines(["id"], [here, there], "first")
    assert released.table["b.v"].to_pylist() == [there["v"][line[1]].as_py() for line in lines]


def test_colliding_keys_are_told_apart():
    assert colliding_keys_are_told_apart() is None


@pytest.mark.parametrize("duplicates", ["first", "all"])
@pytest.mark.parametrize("piece", [7, 50, 1000], ids=["crumbs", "pieces", "whole"])
def test_stretches_and_pieces_of_any_length_give_the_same_answer(monkeypatch, duplicates, piece):
    monkeypatch.setattr(kernel, "STRETCH", 64)
    monkeypatch.setattr(kernel, "BATCH", 16)
    honest = kernel.hash_keys
    monkeypatch.setattr(
        kernel, "hash_keys", lambda frame, key: honest(frame, key) & np.uint64(0xFF << 56)
    )
    draw = np.random.default_rng(11)
    whole = [people(draw.integers(low, low + 400, 500)) for low in (0, 100, 200)]
    cut = [
        pa.concat_tables([table.slice(start, piece) for start in range(0, 500, piece)])
        for table in whole
    ]
    released = run(rows_plan(["id"], cut, duplicates=duplicates), cut)[0]
    lines = expected_lines(["id"], whole, duplicates)
    assert len(lines) > 50
    for number, name in enumerate("abc"):
        expected = [whole[number]["v"][line[number]].as_py() for line in lines]
        assert released.table[f"{name}.v"].to_pylist() == expected


def test_the_collision_test_notices_a_kernel_that_trusts_its_hash(monkeypatch):
    assert_mutant_is_caught(
        monkeypatch,
        "enclave.computations.intersect:_unequal",
        lambda left, _: np.zeros(left.height, np.bool_),
        colliding_keys_are_told_apart,
    )
