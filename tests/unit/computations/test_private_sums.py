"""Sums over rows are exact whole numbers, and no row changes them by more than is said."""

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanroom.errors import InternalError
from cleanroom.manifest.model import Column
from enclave.computations.privacy.accounting import (
    allowed_rho,
    require_within,
    spent_epsilon,
    step_rhos,
)
from enclave.computations.privacy.grid import (
    LARGEST_WEIGHT,
    MOST_COLUMNS,
    ONE,
    moment_length,
    moments,
    rounded,
    scale_of,
    scores,
    square_of,
    weighed,
)
from enclave.computations.privacy.lines import CHANCE_ONE, CHANCES
from enclave.computations.privacy.noise import gaussian, gaussian_scale

COLUMNS = [
    Column(name="age", type="int64", role="feature", bounds=["0", "100"]),
    Column(name="kind", type="string", role="feature", values=["a", "b", "c"]),
    Column(name="late", type="bool", role="feature"),
    Column(name="wealth", type="float64", role="feature", bounds=["-0.1", "0.7"]),
]
WIDTH = 6
DELTA = Decimal("0.000000001")


def rows_of(ages, kinds, lates, wealths):
    one_of_three = np.eye(3)[np.array(kinds, dtype=int)]
    return np.column_stack([ages, one_of_three, lates, wealths]).astype(np.float64)


numbers = st.floats(-1e30, 1e30) | st.just(math.nan)
any_rows = st.lists(
    st.tuples(numbers, st.integers(0, 2), st.sampled_from([0.0, 1.0]), numbers), max_size=12
).map(lambda rows: rows_of(*zip(*rows, strict=True)) if rows else np.empty((0, WIDTH)))


@given(any_rows)
def test_no_row_is_longer_than_its_scale_says(rows):
    scale = scale_of(COLUMNS)
    vectors = scale.vectors(rows)
    assert vectors.shape == (len(rows), 1 + WIDTH)
    for vector in vectors:
        exact = [int(each) for each in vector]
        assert sum(each * each for each in exact) <= scale.length**2
        assert vector.tolist() == exact


@given(any_rows)
def test_no_row_changes_the_moments_by_more_than_their_length(rows):
    vectors = scale_of(COLUMNS).vectors(rows)
    whole = moments(vectors)
    for out in range(len(rows)):
        without = moments(np.delete(vectors, out, axis=0))
        change = [a - b for a, b in zip(whole, without, strict=True)]
        assert sum(each * each for each in change) <= moment_length(len(COLUMNS) + 1) ** 2


@given(any_rows, st.lists(st.integers(-CHANCE_ONE, CHANCE_ONE), min_size=12, max_size=12))
def test_no_row_changes_a_slope_by_more_than_its_length(rows, residues):
    scale = scale_of(COLUMNS)
    vectors, residues = scale.vectors(rows), np.array(residues[: len(rows)], dtype=np.int64)
    whole = weighed(vectors, residues)
    for out in range(len(rows)):
        without = weighed(np.delete(vectors, out, axis=0), np.delete(residues, out))
        change = [a - b for a, b in zip(whole, without, strict=True)]
        assert sum(each * each for each in change) <= (CHANCE_ONE * scale.length) ** 2


@settings(max_examples=25)
@given(any_rows, st.randoms(use_true_random=False))
def test_sums_are_those_of_whole_numbers_in_any_order(rows, chance):
    vectors = scale_of(COLUMNS).vectors(rows)
    exact = [[int(each) for each in vector] for vector in vectors]
    upper = [(a, b) for a in range(1 + WIDTH) for b in range(a, 1 + WIDTH)]
    assert moments(vectors) == [sum(each[a] * each[b] for each in exact) for a, b in upper]
    order = list(range(len(rows)))
    chance.shuffle(order)
    assert moments(vectors[order]) == moments(vectors)


def test_the_largest_scores_are_exact():
    vector = np.full((3, MOST_COLUMNS), float(ONE))
    weights = rounded(np.full(MOST_COLUMNS, 1e9))
    assert weights[0] == LARGEST_WEIGHT
    assert scores(vector, weights).tolist() == [ONE * LARGEST_WEIGHT * MOST_COLUMNS] * 3
    assert ONE * LARGEST_WEIGHT * MOST_COLUMNS < 2**53


def test_what_is_missing_is_in_the_middle_and_what_is_outside_at_its_bound():
    vectors = scale_of(COLUMNS).vectors(
        np.array([[math.nan] * WIDTH, [150, 0, 1, 0, 1, -9], [0, 1, 0, 0, 0, 0.3]])
    )
    assert (vectors / ONE).tolist() == [
        [1, 0, 0, 0, 0, 0, 0],
        [1, 1, 0, 1, 0, 1, -1],
        [1, -1, 1, 0, 0, -1, 0],
    ]


def test_a_square_has_both_halves():
    assert square_of([ONE * ONE * each for each in (1, 2, 3)], 2).tolist() == [[1, 2], [2, 3]]


def test_chances_are_between_none_and_all():
    assert (CHANCES[0], CHANCES[-1]) == (5, CHANCE_ONE - 5)
    assert (np.diff(CHANCES) >= 0).all()


@pytest.mark.parametrize("rho", [0.01, 0.5])
def test_gaussian_noise_has_the_deviation_of_its_cost(rho):
    drawn = gaussian([10**12] * 20_000, 3 * ONE, rho)
    deviation = math.sqrt(sum((each - 10**12) ** 2 for each in drawn) / len(drawn))
    assert deviation == pytest.approx(3 * ONE / math.sqrt(2 * rho), rel=0.05)
    assert gaussian_scale(3 * ONE, rho) == pytest.approx(3 * ONE / math.sqrt(2 * rho), rel=1e-8)


@pytest.mark.parametrize("epsilon", ["0.000001", "0.01", "1", "5", "100", "1000"])
def test_the_budget_of_a_run_is_used_and_not_exceeded(epsilon):
    rho = allowed_rho(Decimal(epsilon), DELTA)
    spent = spent_epsilon([rho], DELTA)
    assert spent <= Decimal(epsilon)
    assert spent > Decimal(epsilon) * Decimal("0.999")
    # the textbook's conversion (Bun and Steinke 2016, proposition 1.3) is never better
    assert rho + 2 * math.sqrt(rho * math.log(1 / float(DELTA))) >= float(epsilon)


@pytest.mark.parametrize("steps", [1, 20, 999])
def test_steps_share_what_one_draw_would_cost(steps):
    rho = allowed_rho(Decimal(1), DELTA)
    rhos = step_rhos(rho, steps, 0.3)
    assert len(rhos) == 1 + steps
    assert sum(rhos) == pytest.approx(rho, rel=1e-12)
    assert require_within(rhos, Decimal(1), DELTA) == rhos
    with pytest.raises(InternalError, match="more than its epsilon"):
        require_within([*rhos, rho], Decimal(1), DELTA)
