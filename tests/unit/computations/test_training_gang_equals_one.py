"""Weights and folds over shards are those of one worker: same units, same models, same numbers."""

import functools

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cleanroom.errors import DataMismatch
from enclave.computations.training import fitting
from enclave.computations.training.examples import classes_of, examples, features_of
from enclave.computations.training.folds import crossed
from enclave.computations.training.grown import fit_grown
from enclave.computations.training.reduced import fit_reduced
from enclave.computations.training.rounds import unheard
from tests.support.joined_trainings import LABEL, people
from tests.support.shards import spreading, train_spread
from tests.support.trainings import (
    LINE,
    TREES,
    feature,
    halves,
    pooled,
    train,
    training_plain,
    units_that_test,
)

ROWS, FOLDS = 600, 3
WEIGHT = {"name": "w", "type": "float64", "role": "weight", "bounds": ["0", "1000"]}
KIND = {"name": "kind", "type": "string", "role": "label", "values": ["a", "b", "c"]}
NUMBER = feature("number", role="label")
LABELS = {
    "two classes": (LABEL, "classification"),
    "three classes": (KIND, "classification"),
    "a number": (NUMBER, "regression"),
}
reduced, grown = (functools.partial(fit, after_round=unheard) for fit in (fit_reduced, fit_grown))


def frame_of(decimals=9):
    """Numbers with gaps, labels of every kind, and weights of which some are nothing."""
    chance = np.random.default_rng(9)
    frame = people(ROWS).round(decimals)
    frame["number"] = 3 * frame["a"] - frame["b"] * frame["c"]
    frame["kind"] = np.array(["a", "b", "c"])[np.digitize(frame["number"], [-1, 1])]
    frame["w"] = chance.integers(0, 4, ROWS) * 0.75
    frame.loc[chance.random(ROWS) < 0.1, "c"] = None
    return frame


def plain_of(how, label=LABEL, **more):
    right = [feature("b"), feature("c", nullable=True)]
    return training_plain([feature("a"), label, WEIGHT], right, {**how, **more})


def tables_of(label=LABEL, decimals=9):
    return halves(frame_of(decimals), ["a", label["name"], "w"], ["b", "c"])


def line_of(name, **more):
    label, task = LABELS[name]
    plain = plain_of({**LINE, "missing": "mean", "task": task}, label, **more)
    return plain, tables_of(label)


def numbers(model):
    return {
        part: np.array(getattr(model, part)) for part in ("coefficients", "intercepts", "fills")
    }


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("name", LABELS)
def test_weighted_coefficients_of_shards_are_those_of_one_worker(name, workers):
    plain, tables = line_of(name)
    one, many = train(plain, tables), train_spread(plain, tables, reduced, workers)
    found, expected = (numbers(each.model.description.linear) for each in (many, one))
    for part in expected:
        assert np.abs(found[part] - expected[part]).max() < 1e-8, part
    assert many.metrics == pytest.approx(one.metrics, abs=2e-6)


def test_weighted_coefficients_of_shards_are_scikit_learns():
    """The oracle joins with pandas, and repeats no code of the room."""
    plain, tables = line_of("two classes")
    rows = pooled(tables)
    rows = rows[~units_that_test(len(rows))]
    known = rows["c"].notna()
    mean = np.average(rows["c"][known], weights=rows["w"][known])
    matrix = rows[["a", "b", "c"]].fillna({"c": mean})
    line = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, tol=1e-8))
    weights = {
        f"{step}__sample_weight": rows["w"] for step in ("standardscaler", "logisticregression")
    }
    line.fit(matrix, rows["bought"], **weights)
    found = train_spread(plain, tables, reduced, 3).model.description.linear.coefficients
    assert np.abs(np.array(found) - line[1].coef_ / line[0].scale_).max() < 1e-8


@pytest.mark.parametrize("light", [0.0, 1e-6])
def test_one_heavy_unit_over_shards_is_not_a_group(light):
    frame = frame_of()
    frame["w"] = light
    frame.loc[:4, "w"] = 1000.0
    plain = plain_of({**LINE, "missing": "mean"})
    tables = halves(frame, ["a", "bought", "w"], ["b", "c"])
    together = train_spread(plain, tables, reduced, 2)
    assert together.withheld == {"quality", "importance", "model"}
    assert [each.reached for each in together.released] == [
        each.reached for each in train(plain, tables).released
    ]


@pytest.mark.parametrize("who", [7, 1_000_000])
def test_a_poisoned_weight_ends_a_run_over_shards_whether_it_matches_or_not(who):
    plain, tables = line_of("two classes")
    weights = tables["left"]["w"].to_numpy().copy()
    weights[tables["left"]["id"].to_numpy() == who] = np.inf
    place = tables["left"].column_names.index("w")
    tables["left"] = tables["left"].set_column(place, "w", pa.array(weights))
    with pytest.raises(DataMismatch, match=r"'left.w' has a number that is not finite"):
        train_spread(plain, tables, reduced, 2)


@pytest.mark.parametrize("workers", [2, 5])
@pytest.mark.parametrize("name", LABELS)
def test_folds_over_shards_are_those_of_one_worker(name, workers):
    """Not rounded: what a gate lets through has six decimals at most."""
    plain, tables = line_of(name, folds=FOLDS)
    cut = spreading(plain, tables, workers)
    lesson, features = cut.lesson, features_of(cut.lesson)
    names = [name for feature in features for name in feature.names]
    seen = examples(cut.plan, lesson, cut.found, tables)
    fit = functools.partial(fitting.fit_linear, after_round=unheard)
    one = crossed(fit, seen, lesson, classes_of(lesson), names)
    many = crossed(reduced, cut.seen, lesson, classes_of(lesson), names)
    assert many.fewest == one.fewest
    assert len(many.folds) == FOLDS
    for metric in one.folds[0]:
        assert dict(many.lines(metric)) == pytest.approx(dict(one.lines(metric)), abs=1e-8)


def test_rows_that_were_drawn_for_one_worker_are_drawn_for_shards():
    plain, tables = line_of("two classes", folds=FOLDS)
    cut = spreading(plain, tables, 4)
    seen = examples(cut.plan, cut.lesson, cut.found, tables)
    assert np.array_equal(cut.seen.divided.divisions.roles, seen.divided.divisions.roles)
    shards = [shard.roles for shard in cut.seen.gang.shards]
    assert np.array_equal(np.concatenate(shards, axis=1), seen.divided.divisions.roles)
    for one, many in zip([seen, *seen.folds()], [cut.seen, *cut.seen.folds()], strict=True):
        assert np.array_equal(one.truth, many.truth)
        assert np.array_equal(one.tested, many.tested)
        assert np.array_equal(one.worth, many.worth)
        assert one.test_units == many.test_units > 0
    assert len(cut.seen.divided.divisions.roles) == 1 + FOLDS


# --- trees, whose ranks are processes in a network of their own -----------------------------------


TEN = {"rounds": 10}


def test_weighted_trees_of_shards_are_those_of_one_worker():
    """With so few distinct values that every shard sees the same cuts."""
    plain, tables = plain_of(TREES), tables_of(decimals=1)
    one, many = train(plain, tables, TEN), train_spread(plain, tables, grown, 2, TEN)
    found, expected = (trees_of(each) for each in (many, one))
    pd.testing.assert_frame_equal(found, expected, rtol=1e-5, atol=1e-6)
    assert many.metrics == pytest.approx(one.metrics, abs=1e-5)


def test_weighted_trees_of_many_values_are_as_good_over_shards():
    """Each shard sketches 300 different values of its own: the cuts differ, the quality hardly."""
    plain, tables = plain_of(TREES), tables_of()
    one, many = train(plain, tables, TEN), train_spread(plain, tables, grown, 2, TEN)
    assert many.metrics == pytest.approx(one.metrics, abs=0.05)
    assert many.metrics["auc"] > 0.7


def test_folds_of_trees_over_shards_are_those_of_one_worker():
    """Weighted, with a curve of the joint model, and stopped by rows of each fold's own."""
    both = {"recipients": ["bank", "shop"], "decimals": 6, "min_test": 10}
    plain = plain_of({**TREES, "folds": 2, "early_stopping": {"rounds": 3}})
    plain["computations"]["model"]["outputs"]["course"] = {"kind": "curve", **both}
    tables = tables_of(decimals=1)
    one, many = train(plain, tables, TEN), train_spread(plain, tables, grown, 2, TEN)
    assert {"cv_auc_mean", "cv_auc_std"} <= many.metrics.keys()
    assert many.metrics == pytest.approx(one.metrics, abs=1e-5)
    found, expected = (each.table("course").to_pandas() for each in (many, one))
    pd.testing.assert_frame_equal(found, expected, atol=1e-5)


def trees_of(trained):
    """Every split and leaf, as a frame."""
    return trained.model.booster.trees_to_dataframe()


def test_weights_of_nothing_withhold_everything_over_shards():
    plain = plain_of(TREES)
    tables = halves(frame_of().assign(w=0.0), ["a", "bought", "w"], ["b", "c"])
    assert train_spread(plain, tables, grown, 2).withheld == {"quality", "importance", "model"}
