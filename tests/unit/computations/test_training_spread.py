"""A training cut over shards is the training on one worker: same units, same model, same words."""

import functools
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn import datasets

from cleanroom.errors import DataMismatch, RunRefused
from cleanroom.manifest.model import Manifest
from enclave.computations.registry import operations
from enclave.computations.training.reduced import fit_reduced
from enclave.computations.training.rounds import unheard
from enclave.computations.training.spread import spread
from tests.support.joined_trainings import FILLED, below, beside, people, tables_beside
from tests.support.shards import train_spread
from tests.support.trainings import LINE, feature, halves, piles, train, training_plain

fit = functools.partial(fit_reduced, after_round=unheard)


def tables_of(bunch, cut, task):
    """Tables and manifest of a bundled set, with holes in its first feature."""
    names = [f"c{number}" for number in range(bunch.data.shape[1])]
    frame = pd.DataFrame(bunch.data, columns=names)
    holes = np.random.default_rng(5).random(len(frame)) < 0.1
    frame.loc[holes, "c0"] = None
    frame["c1"] = 3.5  # a column that never varies
    left, right = names[:cut], names[cut:]
    columns = [feature("c0", nullable=True), *map(feature, left[1:])]
    if task == "regression":
        frame["label"] = bunch.target.astype(float)
        label = feature("label", role="label")
    else:
        frame["label"] = bunch.target.astype(str)
        values = sorted(set(frame["label"]))
        label = {"name": "label", "type": "string", "role": "label", "values": values}
    how = {**LINE, "missing": "mean", "task": task}
    plain = training_plain([*columns, label], [*map(feature, right)], how)
    return halves(frame, [*left, "label"], right), plain


SETS = {
    "two classes": (datasets.load_breast_cancer, 15, "classification"),
    "three classes": (datasets.load_wine, 6, "classification"),
    "a number": (datasets.load_diabetes, 5, "regression"),
}


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("name", SETS)
def test_coefficients_of_shards_are_those_of_one_worker(name, workers):
    load, cut, task = SETS[name]
    tables, plain = tables_of(load(), cut, task)
    alone = train(plain, tables).model.description
    together = train_spread(plain, tables, fit, workers).model.description
    for part in ("coefficients", "intercepts", "fills"):
        one, many = (np.array(getattr(each.linear, part)) for each in (alone, together))
        assert np.abs(one - many).max() < 1e-8, part
    assert together.features == alone.features


@pytest.mark.parametrize("name", SETS)
def test_metrics_and_importance_of_shards_are_those_of_one_worker(name):
    load, cut, task = SETS[name]
    tables, plain = tables_of(load(), cut, task)
    alone, together = train(plain, tables), train_spread(plain, tables, fit, 3)
    assert together.metrics == pytest.approx(alone.metrics, abs=2e-6)
    assert together.table("importance").select([0, 1]) == alone.table("importance").select([0, 1])


def test_few_steps_of_the_search_are_the_same_steps():
    load, cut, task = SETS["two classes"]
    tables, plain = tables_of(load(), cut, task)
    plain["computations"]["model"]["parameters"] = {"iterations": {"min": 1, "max": 100}}
    three = {"iterations": 3}
    alone = train(plain, tables, three).model.description.linear
    together = train_spread(plain, tables, fit, 2, three).model.description.linear
    assert np.abs(np.array(alone.coefficients) - np.array(together.coefficients)).max() < 1e-8


def test_more_workers_than_rows_leave_some_without():
    load, cut, task = SETS["two classes"]
    tables, plain = tables_of(load(), cut, task)
    plain["computations"]["model"]["max_rows"] = 60
    few = train_spread(plain, tables, fit, 64)
    assert few.metrics == pytest.approx(train(plain, tables).metrics, abs=2e-6)


def test_a_row_that_breaks_a_rule_ends_the_run_whether_it_is_joined_or_not():
    load, cut, task = SETS["two classes"]
    tables, plain = tables_of(load(), cut, task)
    bad = tables["right"].slice(0, 1).to_pylist()[0] | {"id": 123_456_789, "c20": float("inf")}
    tables["right"] = pa.concat_tables(
        [tables["right"], pa.Table.from_pylist([bad], tables["right"].schema)]
    )
    with pytest.raises(DataMismatch, match="not finite"):
        train_spread(plain, tables, fit, 2)


@pytest.mark.parametrize("only", ["0", "1"])
def test_a_constant_label_withholds_everything_over_shards(only):
    load, cut, task = SETS["two classes"]
    tables, plain = tables_of(load(), cut, task)
    left = tables["left"]
    place = left.column_names.index("label")
    tables["left"] = left.set_column(place, "label", pa.array([only] * left.num_rows))
    assert train_spread(plain, tables, fit, 2).withheld == {"quality", "importance", "model"}


def test_points_and_comparisons_of_shards_are_those_of_one_worker():
    load, cut, task = SETS["two classes"]
    tables, plain = tables_of(load(), cut, task)
    both = {"recipients": ["bank", "shop"], "compare": "alone", "decimals": 6}
    plain["computations"]["model"]["outputs"] = {
        "quality": {"kind": "metrics", "min_test": 10, **both},
        "curves": {"kind": "evaluation", "min_bin": 10, **both},
    }
    alone, together = train(plain, tables), train_spread(plain, tables, fit, 3)
    for output in ("quality", "curves"):
        one, many = (each.table(output).to_pandas() for each in (alone, together))
        pd.testing.assert_frame_equal(one, many, atol=2e-6)
        assert set(many["owners"]) == {"bank", "shop", "bank, shop"}


@pytest.mark.parametrize("join", ["left", "concat"])
@pytest.mark.parametrize("workers", [2, 5])
def test_joins_without_a_match_are_cut_over_shards_too(join, workers):
    if join == "left":
        plain, tables = beside(FILLED), tables_beside()
    else:
        plain, tables = below({**LINE, "duplicates": "all"}), piles(people(), 150, shared=30)
    alone, together = train(plain, tables), train_spread(plain, tables, fit, workers)
    one, many = (np.array(each.model.description.linear.coefficients) for each in (alone, together))
    assert np.abs(one - many).max() < 1e-8
    assert together.metrics == pytest.approx(alone.metrics, abs=2e-6)
    assert [each.reached for each in together.released] == [each.reached for each in alone.released]


def test_noise_is_not_cut_whatever_the_manifest_was_checked_for():
    """The rules refuse such a manifest; the cut does not rely on it."""
    load, cut, task = SETS["two classes"]
    tables, plain = tables_of(load(), cut, task)
    manifest = Manifest.from_plain(plain)
    computation = manifest.computations["model"]
    plan = operations[computation.op].plan(computation, manifest.datasets, {})
    lesson = replace(plan.lesson, noise=object())
    with pytest.raises(RunRefused, match="is for one worker"):
        spread(plan, lesson, tables["left"], 2)
