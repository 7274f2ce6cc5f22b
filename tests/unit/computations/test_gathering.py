"""Matrices straight from columns: what one value at a time would give, wherever it lies."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanroom.dataset.features import Feature, matrix
from cleanroom.manifest.model import Split
from enclave.computations.gathering import Taken, gathered
from enclave.computations.training import drawing
from enclave.computations.training.samples import Arranged, Sample, arrangement
from enclave.computations.training.units import count, different, numbered

VALUES = ["card", "cash", "none"]
ROWS = 10_000


def named(column, values=None):
    return Feature(input="left", column=column, owner="bank", values=values)


def columns(chance):
    """A column of each kind with gaps, in pieces of uneven length."""
    gaps = chance.random(ROWS) < 0.1
    made = {
        "float": pa.array(chance.normal(size=ROWS), mask=gaps),
        "whole": pa.array(chance.integers(-(2**60), 2**60, ROWS), mask=gaps),
        "truth": pa.array(chance.random(ROWS) < 0.5, mask=gaps),
        "text": pa.array(chance.choice(VALUES, ROWS), mask=gaps),
    }
    cuts = [0, 1, 4_000, 4_000, ROWS]
    return {
        name: pa.chunked_array([array[a:b] for a, b in pairwise(cuts)])
        for name, array in made.items()
    }


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_gathered_matrix_is_the_matrix_of_the_joined_columns(dtype):
    chance = np.random.default_rng(1)
    given_columns = columns(chance)
    # more columns than one cache line of the matrix holds
    features = [named(name, VALUES if name == "text" else None) for name in [*given_columns] * 7]
    rows = chance.integers(-1, ROWS, 9_000)
    taken = [Taken(each, [given_columns[each.column]], rows) for each in features]
    positions = pa.array(rows, mask=rows < 0)
    joined = {f"left.{name}": column.take(positions) for name, column in given_columns.items()}
    expected = matrix(features, joined, dtype)
    found = gathered(taken, len(rows), dtype)
    assert found.flags.c_contiguous
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, expected)
    assert np.isnan(found[rows < 0]).all()


def test_columns_below_each_other_are_one_column():
    first, second = pa.chunked_array([[1.0, None]]), pa.chunked_array([[3.0]])
    rows = np.array([2, 1, 0, -1])
    found = Taken(named("a"), [first, second], rows).numbers
    np.testing.assert_array_equal(found, [3.0, np.nan, 1.0, np.nan])


def test_rows_of_an_empty_column_are_gaps():
    empty = pa.chunked_array([], pa.float64())
    assert np.isnan(Taken(named("a"), [empty], np.array([-1, -1])).numbers).all()


def test_all_rows_in_order_are_all_rows():
    column = pa.chunked_array([[1, 2], [3]])
    np.testing.assert_array_equal(Taken(named("a"), [column], None).numbers, [1.0, 2.0, 3.0])


@settings(max_examples=40)
@given(st.integers(0, 300), st.integers(5, 50), st.integers(0, 5))
def test_who_tests_is_who_is_drawn_first(units, percent, seed):
    split = Split(test_percent=percent, seed=seed)
    first = drawing.drawn(units, split)[: (units * percent + 50) // 100]
    assert sorted(first) == np.flatnonzero(drawing.test_units(units, split)).tolist()


def test_of_units_with_the_same_word_the_first_are_drawn_first(monkeypatch):
    words = np.array([5, 1, 3, 3, 3, 9, 3, 9], dtype=np.uint64)
    monkeypatch.setattr(drawing, "_words", lambda *_: words)
    tested = drawing.test_units(len(words), Split(test_percent=50, seed=1))
    assert np.flatnonzero(tested).tolist() == [1, 2, 3, 4]


@settings(max_examples=60)
@given(st.lists(st.integers(-5, 20)), st.booleans())
def test_units_are_numbered_and_counted_whatever_their_order(unit, ascending):
    lines = np.array(sorted(unit) if ascending else unit, dtype=np.int64)
    known, places = numbered(lines)
    expected, inverse = np.unique(lines, return_inverse=True)
    assert known == count(lines, None) == len(expected)
    assert places.tolist() == inverse.tolist()


@settings(max_examples=60)
@given(st.lists(st.integers(0, 3), min_size=1), st.lists(st.integers(0, 3), min_size=1))
def test_arranged_rows_are_chosen_in_the_joined_order(first, second):
    length = min(len(first), len(second))
    joint, other = np.array(first[:length]), np.array(second[:length])
    rows, labels = np.arange(2.0 * length).reshape(-1, 2), np.arange(length)
    order, place = arrangement(joint)
    every = Arranged(Sample(rows[order], labels[order], labels[order] / 2), place)
    assert every.weights.tolist() == (labels / 2).tolist()
    for roles in (joint, other):
        for role in range(4):
            chosen = every.chosen(roles == role)
            assert chosen.labels.tolist() == labels[roles == role].tolist()
            assert chosen.rows.tolist() == rows[roles == role].tolist()
            assert chosen.weights.tolist() == (labels[roles == role] / 2).tolist()


def test_what_stands_together_is_not_copied():
    roles = np.array([1, 2, 1, 1, 2])
    order, place = arrangement(roles)
    every = Arranged(Sample(np.ones((5, 2))[order], order, None), place)
    for role in (1, 2):
        assert np.shares_memory(every.chosen(roles == role).rows, every.sample.rows)


def test_of_numbers_the_least_and_the_greatest_differ():
    assert different(np.array([3, 1, 1, 3])).tolist() == [1, 3]
    assert different(np.array([0.5, -1.0, 0.1])).tolist() == [-1.0, 0.5]
    assert different(np.array([0.5, 0.5])).tolist() == [0.5]
    assert not len(different(np.array([])))
