"""Joins that need no match equal what plain Python says, however rows are partitioned."""

import itertools
import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enclave.computations import intersect as kernel
from enclave.computations import joins
from enclave.computations.keys import key_table
from enclave.computations.matches import UNIT, place
from enclave.computations.partition import partition
from tests.support.intersections import units_by_rows
from tests.support.random_tables import cases

MOST = 60


def spread(on, tables, count, secret):
    """For each partition the key tables of all inputs."""
    cut = [partition(key_table(table, on), count, secret) for table in tables]
    return [[each[slot] for each in cut] for slot in range(count)]


def columns_of(found, inputs):
    return [found.column(name).to_pylist() for name in (UNIT, *map(place, range(inputs)))]


def left_oracle(on, tables, left, duplicates):
    """Lines of a left join: unit, then a row of each input or None."""
    known = [units_by_rows(on, table) for table in tables]
    first = known[left]
    made = []
    for unit, rows in first.items():
        sides = [
            known[each].get(unit, [None]) if each != left else rows for each in range(len(tables))
        ]
        if duplicates == "first":
            sides = [side[:1] for side in sides]
        made += [(rows[0], *line) for line in itertools.product(*sides)]
    order = [left, *(each for each in range(len(tables)) if each != left)]
    blank = -1
    made.sort(key=lambda line: [blank if line[1 + n] is None else line[1 + n] for n in order])
    return made


def stacked_oracle(on, tables, duplicates):
    """Lines of all inputs: the unit's first row in any, then a row of one input."""
    seen, made = {}, []
    for number, table in enumerate(tables):
        rows = sorted(
            (row, unit) for unit, all_ in units_by_rows(on, table).items() for row in all_
        )
        for row, unit in rows:
            leader = seen.setdefault(unit, (number, row))
            if duplicates == "all" or leader == (number, row):
                line = [row if each == number else None for each in range(len(tables))]
                made.append(((leader[0] << 48) + leader[1], *line))
    return made


@settings(max_examples=60, deadline=None)
@given(
    case=cases(most=3),
    count=st.sampled_from([1, 2, 5]),
    duplicates=st.sampled_from(["first", "all"]),
    left=st.integers(0, 1),
)
def test_a_left_join_has_every_unit_of_its_input(case, count, duplicates, left):
    on, tables = case
    secret = secrets.token_bytes(32)
    parts = [
        joins.left_lines(keys, left, secret, duplicates, MOST)
        for keys in spread(on, tables, count, secret)
    ]
    found = joins.combine_left(parts, left).slice(0, MOST)
    expected = left_oracle(on, tables, left, duplicates)[:MOST]
    assert list(zip(*columns_of(found, len(tables)), strict=True)) == expected


@settings(max_examples=60, deadline=None)
@given(
    case=cases(most=4),
    count=st.sampled_from([1, 2, 5]),
    duplicates=st.sampled_from(["first", "all"]),
)
def test_stacked_rows_are_those_of_all_inputs_in_order(case, count, duplicates):
    on, tables = case
    secret = secrets.token_bytes(32)
    parts = [
        joins.stacked_lines(keys, secret, duplicates, MOST)
        for keys in spread(on, tables, count, secret)
    ]
    found = joins.combine_stacked(parts).slice(0, MOST)
    expected = stacked_oracle(on, tables, duplicates)[:MOST]
    assert list(zip(*columns_of(found, len(tables)), strict=True)) == expected


@settings(max_examples=20, deadline=None)
@given(case=cases(most=3), duplicates=st.sampled_from(["first", "all"]))
def test_keys_of_equal_hashes_are_still_told_apart(case, duplicates):
    on, tables = case
    secret = secrets.token_bytes(32)
    (keys,) = spread(on, tables, 1, secret)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "hash_keys", lambda frame, _: frame.hash_rows(0).to_numpy() * 0)
        left = joins.combine_left([joins.left_lines(keys, 0, secret, duplicates, MOST)], 0)
        stacked = joins.combine_stacked([joins.stacked_lines(keys, secret, duplicates, MOST)])
    assert (
        list(zip(*columns_of(left, len(tables)), strict=True))
        == left_oracle(on, tables, 0, duplicates)[:MOST]
    )
    assert (
        list(zip(*columns_of(stacked, len(tables)), strict=True))
        == stacked_oracle(on, tables, duplicates)[:MOST]
    )
