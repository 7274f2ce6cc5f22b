"""Live values are lines of the curve that leaves at the end, told earlier, and nothing else is."""

import numpy as np
import pandas as pd
import pytest

from enclave.computations.training.live import MOST_ROUNDS, told_rounds
from tests.support.live import CURVE, told
from tests.support.trainings import TREES, feature, halves, train, training_plain

LABEL = {"name": "bought", "type": "bool", "role": "label"}


def tables():
    chance = np.random.default_rng(2)
    frame = pd.DataFrame({"a": chance.normal(size=600), "b": chance.normal(size=600)})
    frame["bought"] = chance.random(600) < 1 / (1 + np.exp(-2 * frame["a"] * frame["b"]))
    return halves(frame, ["a", "bought"], ["b"])


def plain_of(how=None, **curve):
    outputs = {
        "curve": {**CURVE, "decimals": 6, **curve},
        "quality": {"kind": "metrics", "recipients": ["bank"], "min_test": 10, "compare": "alone"},
        "model": {"kind": "model", "recipients": ["bank"]},
    }
    given = {**TREES, **(how or {}), "outputs": outputs}
    return training_plain([feature("a"), LABEL], [feature("b")], given)


def lines_of(values):
    return [(each.round, each.metric, each.part, each.value) for _, each in values]


def test_live_values_are_the_lines_of_the_curve_told_round_by_round():
    values, percents, outputs = told(plain_of(), tables())
    assert lines_of(values) == [tuple(row.values()) for row in outputs["curve"].to_pylist()]
    assert {each.part for _, each in values} == {"training", "test"}
    assert [percent for percent, _ in values] == [100 * each.round // 40 for _, each in values]
    assert percents == [100 * number // 40 for number in range(1, 41)]


def test_of_many_rounds_fifty_are_told_live():
    values, _, outputs = told(plain_of(), tables(), {"rounds": 120})
    assert len({each.round for _, each in values}) == MOST_ROUNDS
    assert set(lines_of(values)) < {tuple(row.values()) for row in outputs["curve"].to_pylist()}


@pytest.mark.parametrize(
    ("rounds", "first", "count"), [(3, [1, 2, 3], 3), (50, [1, 2, 3], 50), (1000, [20, 40, 60], 50)]
)
def test_rounds_are_told_at_even_distances_whatever_their_values(rounds, first, count):
    chosen = sorted(told_rounds(rounds))
    assert (chosen[:3], chosen[-1], len(chosen)) == (first, rounds, count)


def test_live_values_are_rounded_as_the_curve_is():
    values, _, _ = told(plain_of(decimals=1), tables())
    assert values
    assert all(round(each.value, 1) == each.value for _, each in values)


def test_a_training_that_stops_early_tells_its_validation_too():
    stopping = {"early_stopping": {"rounds": 3, "validation_percent": 20}}
    values, percents, outputs = told(plain_of(stopping), tables(), {"rounds": 50})
    assert {each.part for _, each in values} == {"training", "test", "validation"}
    assert lines_of(values) == [tuple(row.values()) for row in outputs["curve"].to_pylist()]
    assert percents[-1] < 100


@pytest.mark.parametrize(
    "closed",
    [{"live": False}, {"min_test": 151}, {"gate": {"min_group": 601}}],
    ids=["not-live", "few-test-units", "small-group"],
)
def test_nothing_is_told_while_the_gate_is_closed_but_how_far_it_is(closed):
    values, percents, outputs = told(plain_of(**closed), tables())
    assert values == []
    assert percents[-1] == 100
    assert ("curve" in outputs) == ("live" in closed)


def test_who_has_nobody_to_tell_trains_the_same():
    given = tables()
    _, _, outputs = told(plain_of(), given)
    assert train(plain_of(), given).table("curve") == outputs["curve"]
