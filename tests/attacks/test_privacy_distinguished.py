"""Somebody sees noisy results and tells from them whether one person was in the data."""

from decimal import Decimal

import pyarrow as pa
import pytest

from cleanroom.manifest.model import CountNoise
from enclave.computations.matches import UNIT
from enclave.computations.privacy import noise
from enclave.computations.registry import operations
from enclave.computations.release import release
from tests.support.distinguishing import bound, rightly_told, slack
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
