"""Rows with weights: the pooled weighted model, and gates that weights cannot open."""

import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score

from enclave.computations.threads import THREADS
from enclave.computations.training.units import count
from tests.support.trainings import (
    BOOSTED,
    LINE,
    TREES,
    feature,
    halves,
    pooled,
    train,
    training_plain,
    units_that_test,
)

LABEL = {"name": "bought", "type": "bool", "role": "label"}
WEIGHT = {"name": "w", "type": "float64", "role": "weight", "bounds": ["0", "1000"]}
ROWS = 400


def people(weights=None):
    chance = np.random.default_rng(5)
    frame = pd.DataFrame(chance.normal(size=(ROWS, 2)), columns=["a", "b"])
    frame["bought"] = chance.random(ROWS) < 1 / (1 + np.exp(-2 * frame["a"] * frame["b"]))
    frame["w"] = chance.integers(1, 4, ROWS).astype(float) if weights is None else weights
    return frame


def plain_of(how, label=LABEL):
    return training_plain([feature("a"), label, WEIGHT], [feature("b")], how)


def tables_of(frame):
    return halves(frame, ["a", "bought", "w"], ["b"])


def test_weighted_trees_are_the_pooled_weighted_trees_bit_for_bit():
    tables = tables_of(people())
    joint = train(plain_of(TREES), tables)
    rows = pooled(tables)
    test = units_that_test(len(rows))
    given = BOOSTED
    matrix = xgboost.DMatrix(
        rows[["a", "b"]][~test].to_numpy(np.float32),
        label=rows["bought"][~test].to_numpy(float),
        weight=rows["w"][~test],
        feature_names=["left.a", "right.b"],
        nthread=THREADS,
    )
    alone = xgboost.train(given, matrix, 40)
    assert joint.model_bytes[1] == bytes(alone.save_raw(raw_format="ubj"))
    said = alone.predict(
        xgboost.DMatrix(
            rows[["a", "b"]][test].to_numpy(np.float32), feature_names=["left.a", "right.b"]
        )
    )
    hits = accuracy_score(rows["bought"][test], said > 0.5, sample_weight=rows["w"][test])
    assert joint.metrics["accuracy"] == pytest.approx(hits, abs=1e-6)


def test_a_row_of_weight_two_counts_as_that_row_twice():
    frame = people()
    frame["bought"] = 3 * frame["a"] - frame["b"] + frame["a"] ** 2
    tables = tables_of(frame)
    how = {**LINE, "task": "regression"}
    joint = train(plain_of(how, feature("bought", role="label")), tables)
    rows = pooled(tables)
    rows = rows[~units_that_test(len(rows))]
    twice = rows.loc[rows.index.repeat(rows["w"].astype(int))]
    known = twice[["a", "b"]]
    spread = known.std(ddof=0)
    alone = Ridge().fit((known - known.mean()) / spread, twice["bought"])
    found = np.array(joint.model.description.linear.coefficients)
    assert np.abs(found - alone.coef_ / spread.to_numpy()).max() < 1e-8


def test_a_missing_value_counts_as_the_weighted_mean():
    frame = people()
    frame.loc[::5, "b"] = None
    plain = training_plain(
        [feature("a"), LABEL, WEIGHT], [feature("b", nullable=True)], {**LINE, "missing": "mean"}
    )
    tables = tables_of(frame)
    rows = pooled(tables)
    rows = rows[~units_that_test(len(rows))].dropna()
    fills = train(plain, tables).model.description.linear.fills
    assert fills[1] == pytest.approx(np.average(rows["b"], weights=rows["w"]))


@pytest.mark.parametrize("how", [LINE, TREES], ids=["line", "trees"])
def test_weights_of_nothing_withhold_everything(how):
    trained = train(plain_of(how), tables_of(people(np.zeros(ROWS))))
    assert trained.withheld == {"quality", "importance", "model"}


def test_test_units_without_weight_withhold_the_metrics_alone():
    tables = tables_of(people(np.ones(ROWS)))
    order = pooled(tables)["id"].to_numpy()
    weights = np.ones(ROWS)
    weights[order[units_that_test(ROWS)]] = 0
    trained = train(plain_of(TREES), tables_of(people(weights)))
    assert trained.withheld == {"quality"}


@pytest.mark.parametrize("weight", [0.1, 1.0, 3.3, 1e6])
def test_equal_weights_count_as_none(weight):
    unit = np.arange(10_007) % 9_999
    assert count(unit, None) == 9_999
    assert count(np.arange(997), np.full(997, weight)) == 997


def test_a_weight_at_its_bounds_is_a_weight_like_any_other():
    weights = np.ones(ROWS)
    weights[7] = 1000.0
    trained = train(
        plain_of(LINE),
        tables_of(people(weights)),
        computations__model__outputs={
            "model": {"kind": "model", "recipients": ["bank"], "gate": {"min_group": 1}}
        },
    )
    assert trained.withheld == set()
