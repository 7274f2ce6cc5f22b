"""Somebody sees noisy results and tells from them whether one person was in the data."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from cleanroom.manifest.model import Column, CountNoise, Network
from enclave.computations.matches import UNIT
from enclave.computations.privacy import descent, grid, layers, lines, noise, trial
from enclave.computations.registry import operations
from enclave.computations.release import release
from tests.support.distinguishing import (
    bound,
    gaussian_bound,
    rightly_pointed,
    rightly_told,
    slack,
)
from tests.support.intersections import count_plan

TRIALS = 40_000


@pytest.mark.parametrize("epsilon", ["0.1", "0.5", "2"])
def test_noisy_counts_of_neighbours_are_told_apart_no_more_often_than_epsilon_allows(epsilon):
    lower = noise.laplace([0] * TRIALS, Decimal(epsilon))
    higher = noise.laplace([1] * TRIALS, Decimal(epsilon))
    told = rightly_told(lower, higher, low=0)
    assert told <= bound(float(epsilon)) + slack(2 * TRIALS)


def counted(units, trials, min_group=1):
    """What the gate lets out of a noisy count: a number, or -1000 where it is withheld."""
    plan = count_plan(["id"], min_group=min_group)
    plan = type(plan)(
        plan.op,
        plan.inputs,
        plan.rules,
        noise={"size": CountNoise(mechanism="laplace", epsilon="0.5")},
    )
    found = pa.table({UNIT: pa.array([units], pa.int64())})
    shown = []
    for _ in range(trials):
        ((rule, outcome),) = operations[plan.op].outcomes(plan, found, {})
        (released,) = release(outcome, rule)
        shown.append(-1000 if released.suppressed else released.table["overlap"][0].as_py())
    return shown


def test_released_counts_of_neighbours_are_told_apart_no_more_often_than_epsilon_allows():
    told = rightly_told(counted(1000, 600), counted(1001, 600), low=1000)
    assert told <= bound(0.5) + slack(1200)


def test_whether_a_count_is_withheld_tells_no_more_than_the_count():
    """One person is the difference between below and above the threshold."""
    told = rightly_told(counted(99, 600, min_group=100), counted(100, 600, min_group=100), low=99)
    assert told <= bound(0.5) + slack(1200)


def test_every_recipient_gets_the_same_draw():
    """Two draws could be averaged: each party would know more than the run was charged for."""
    plan = count_plan(["id"])
    plan = type(plan)(
        plan.op,
        plan.inputs,
        tuple(rule_for_two(rule) for rule in plan.rules),
        noise={"size": CountNoise(mechanism="laplace", epsilon="0.01")},
    )
    found = pa.table({UNIT: pa.array([100_000], pa.int64())})
    for _ in range(20):
        ((rule, outcome),) = operations[plan.op].outcomes(plan, found, {})
        first, second = release(outcome, rule)
        assert first.table.equals(second.table)


def rule_for_two(rule):
    return type(rule)(
        rule.output,
        ("ann", "bea"),
        rule.columns,
        rule.min_group,
        rule.round_to,
        rule.max_rows,
        rule.max_bytes,
        rule.aggregate,
    )


# --- a training ----------------------------------------------------------------------------------

FEATURES = [
    Column(name="wealth", type="float64", role="feature", bounds=["0", "10"]),
    Column(name="late", type="bool", role="feature"),
    Column(name="kind", type="string", role="feature", values=["a", "b"]),
]
CROWD = np.array([[5.0, 0, 1, 0], [1, 1, 0, 1], [9, 0, 0, 1]] * 10)
LOUDEST = np.array([[10.0, 1, 1, 0]])
"""Somebody at every bound: nobody changes sums by more."""
RHO = 0.5


def crowds():
    """Vectors without and with the loudest person."""
    scale = grid.scale_of(FEATURES)
    return scale, scale.vectors(CROWD), scale.vectors(np.vstack([CROWD, LOUDEST]))


def told_apart(low, high, sensitivity, trials=600):
    drawn = [
        [noise.gaussian(each, sensitivity, RHO) for _ in range(trials)] for each in (low, high)
    ]
    return rightly_pointed(*drawn, low, high)


def test_moments_with_and_without_the_loudest_person_look_alike():
    scale, without, with_ = crowds()
    length = lines.moment_length(scale.places + 1)
    told = told_apart(grid.moments(without), grid.moments(with_), length)
    assert told <= gaussian_bound(RHO) + slack(1200)


def test_a_step_with_and_without_the_loudest_person_looks_alike():
    """Their residue is as large as one can be: certain of one class, of the other one in truth."""
    scale, without, with_ = crowds()
    residues = np.array([*[100] * len(without), lines.CHANCE_ONE])
    low, high = grid.weighed(without, residues[:-1]), grid.weighed(with_, residues)
    told = told_apart(low, high, lines.CHANCE_ONE * scale.length)
    assert told <= gaussian_bound(RHO) + slack(1200)


def gradients(task):
    """A step's sums without and with somebody of whom the network thinks the opposite, surely."""
    _, without, with_ = crowds()
    weights = [each * 8 for each in descent.first_weights([4, 3, 1], seed=1)]
    network = layers.WholeNetwork(layers.whole_weights(weights), "tanh")
    residues = layers.by_chance if task == "classification" else layers.by_distance
    labels = np.full(len(with_), float(grid.ONE))
    labels[-1] = -8.0 * np.sign(network.scores(with_)[-1]) * grid.ONE
    if task == "classification":
        labels[-1] = float(grid.ONE) * (labels[-1] > 0)
    low = network.gradient(without, labels[:-1], residues)
    return low, network.gradient(with_, labels, residues)


TASKS = ("classification", "regression")


@pytest.mark.parametrize("task", TASKS)
def test_a_step_of_a_network_with_and_without_the_loudest_person_looks_alike(task):
    low, high = gradients(task)
    assert told_apart(low, high, layers.LONGEST) <= gaussian_bound(RHO) + slack(1200)


@pytest.mark.parametrize("task", TASKS)
def test_the_loudest_person_changes_a_network_as_much_as_anybody_may(task):
    """Else the tests above would pass without noise enough."""
    low, high = gradients(task)
    length = sum((b - a) ** 2 for a, b in zip(low, high, strict=True))
    assert (layers.LONGEST * 0.99) ** 2 < length <= layers.LONGEST**2


def test_means_and_deviations_with_and_without_the_loudest_person_look_alike():
    scale, without, with_ = crowds()
    length = descent.spread_length(scale.places)
    told = told_apart(grid.spreads(without), grid.spreads(with_), length)
    assert told <= gaussian_bound(RHO) + slack(1200)


def test_what_a_network_says_of_somebody_does_not_depend_on_who_else_is_asked():
    """Else one person more would move others from cell to cell of a noisy test."""
    _, _, with_ = crowds()
    fitted = a_network_fit(with_)
    together = fitted.says(with_)
    assert together.tolist() == [float(fitted.says(row[np.newaxis])[0]) for row in with_]


def first_drawn(fit, vectors, monkeypatch):
    """What a fit passes to the noise first: its sums, and how much it says that one row changes."""
    seen = []

    def watching(sums, sensitivity, _rho):
        seen.append((list(sums), sensitivity))
        return list(sums)

    with monkeypatch.context() as patch:
        for module in (descent, lines, trial):
            patch.setattr(module, "gaussian", watching)
        fit(vectors)
    return seen[0]


def a_logistic_fit(vectors):
    labels, scale = np.zeros(len(vectors)), grid.scale_of(FEATURES)
    return lines.logistic(vectors, labels, scale=scale, l2=1.0, rhos=[1.0, 1.0])


def a_ridge_fit(vectors):
    labels, scale = np.full(len(vectors), float(grid.ONE)), grid.scale_of(FEATURES)
    return lines.ridge(vectors, labels, scale=scale, label=(0.0, 1.0), l2=1.0, rho=1.0)


def a_network_fit(vectors, task="classification"):
    labels, scale = np.full(len(vectors), float(grid.ONE)), grid.scale_of(FEATURES)
    network = Network(hidden=[3], activation="tanh")
    declared = descent.Declared(network, task, (0.0, 1.0), rate=1.0, l2=0.01, seed=1)
    return descent.descend(vectors, labels, scale=scale, declared=declared, rhos=[1.0, 1.0])


def a_network_fit_of_numbers(vectors):
    return a_network_fit(vectors, "regression")


def a_test_of_errors(vectors):
    weights, scale = np.zeros(vectors.shape[1]), grid.scale_of(FEATURES)
    line = lines.NoisyLine(weights, scale, (0.0, 1.0), "regression", 1)
    return trial.by_moments(line, vectors, np.full(len(vectors), float(-grid.ONE)), 1.0)


@pytest.mark.parametrize(
    "fit", [a_logistic_fit, a_ridge_fit, a_network_fit, a_network_fit_of_numbers, a_test_of_errors]
)
def test_no_sum_is_changed_by_more_than_its_noise_is_drawn_for(fit, monkeypatch):
    _, without, with_ = crowds()
    low, said = first_drawn(fit, without, monkeypatch)
    high, same = first_drawn(fit, with_, monkeypatch)
    assert said == same
    assert sum((b - a) ** 2 for a, b in zip(low, high, strict=True)) <= said**2
