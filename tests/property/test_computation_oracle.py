"""Intersections of random tables equal what plain Python says, however they are partitioned."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enclave.computations import intersect as kernel
from enclave.computations import partition as shuffle
from tests.support.intersections import (
    expected_lines,
    expected_table,
    overlap,
    rows_plan,
    run,
    units_by_rows,
)
from tests.support.random_tables import cases


@settings(max_examples=70, deadline=None)
@given(case=cases(), partitions=st.sampled_from([1, 2, 3, 8]))
def test_a_count_is_the_number_of_distinct_shared_keys(case, partitions):
    on, tables = case
    found = [units_by_rows(on, table) for table in tables]
    assert overlap(on, tables, partitions) == len(set(found[0]).intersection(*found[1:]))


@settings(max_examples=70, deadline=None)
@given(
    case=cases(most=3),
    partitions=st.sampled_from([1, 2, 5]),
    duplicates=st.sampled_from(["first", "all"]),
)
def test_rows_are_those_of_the_oracle_in_its_order(case, partitions, duplicates):
    on, tables = case
    released = run(rows_plan(on, tables, duplicates=duplicates), tables, partitions)[0]
    expected = expected_table(tables, expected_lines(on, tables, duplicates))
    own = {name for name in expected if name.startswith("a.") or name.endswith(".v")}
    assert {name: released.table[name].to_pylist() for name in own} == {
        name: expected[name] for name in own
    }


@settings(max_examples=35, deadline=None)
@given(case=cases(most=3), limit=st.integers(0, 40), partitions=st.sampled_from([1, 4]))
def test_a_limit_keeps_the_first_lines(case, limit, partitions):
    on, tables = case
    released = run(rows_plan(on, tables, duplicates="all", limit=limit), tables, partitions)[0]
    expected = expected_table(tables, expected_lines(on, tables, "all")[:limit])
    assert released.table["a.v"].to_pylist() == expected["a.v"]
    assert released.table["b.v"].to_pylist() == expected["b.v"]


@pytest.mark.parametrize("values", [1, 2, 5])
@settings(max_examples=35, deadline=None)
@given(
    case=cases(most=4),
    duplicates=st.sampled_from(["first", "all"]),
    partitions=st.sampled_from([1, 3]),
)
def test_colliding_hashes_change_nothing(values, case, duplicates, partitions):
    """Exactness: with a hash of very few values almost every run mixes different keys."""
    on, tables = case
    with pytest.MonkeyPatch.context() as patch:
        poor = poor_hash(values)
        patch.setattr(kernel, "hash_keys", poor)
        patch.setattr(shuffle, "hash_keys", poor)
        released = run(rows_plan(on, tables, duplicates=duplicates), tables, partitions)[0]
        count = overlap(on, tables, partitions)
    lines = expected_lines(on, tables, duplicates)
    assert released.table["b.v"].to_pylist() == expected_table(tables, lines)["b.v"]
    assert count == len({line[0] for line in expected_lines(on, tables, "first")})


def poor_hash(values):
    """A hash function with that many values; equal keys still hash alike."""
    good = shuffle.hash_keys

    def poor(frame, seed):
        return (good(frame, seed) % values) << 62

    return poor


@settings(max_examples=25, deadline=None)
@given(case=cases())
def test_small_batches_and_ranges_give_the_same(case):
    on, tables = case
    whole = overlap(on, tables)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "BATCH", 3)
        patch.setattr(kernel, "RANGE", 4)
        assert overlap(on, tables) == whole
