"""Rows below each other: each owner's rows alone teach what a plain model of them learns."""

import functools

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import xgboost
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score, roc_curve
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from enclave.computations.training.grown import fit_grown
from enclave.computations.training.reduced import fit_reduced
from enclave.computations.training.rounds import unheard
from tests.support.joined_trainings import COLUMNS, below, people
from tests.support.shards import train_spread
from tests.support.trainings import BOOSTED, LINE, TREES, piles, pooled, train, units_that_test

ROWS, CUT = 800, 300
STOPS = {**TREES, "early_stopping": {"rounds": 5}}
BOTH = {"recipients": ["bank", "shop"], "decimals": 6, "min_test": 10}
OUTPUTS = {
    "quality": {"kind": "metrics", "compare": "alone", **BOTH},
    "curves": {"kind": "evaluation", "compare": "alone", "min_bin": 5, **BOTH},
    "model": {"kind": "model", "recipients": ["bank"]},
}
METRICS = {
    "accuracy": lambda truth, said: accuracy_score(truth, said > 0.5),
    "auc": roc_auc_score,
    "log_loss": log_loss,
}


def plain_of(how, **outputs):
    return below({**how, "outputs": {**OUTPUTS, **outputs}})


def joined_rows(tables, duplicates="first"):
    """Oracle: the stacked rows that count, whose each is, and whether its unit tests."""
    rows = pooled(tables, "concat")
    rows["owner"] = np.repeat(["bank", "shop"], [tables[side].num_rows for side in tables])
    if duplicates == "first":
        rows = rows.drop_duplicates("id").reset_index(drop=True)
    number = rows["id"].map({unit: place for place, unit in enumerate(rows["id"].unique())})
    units = rows["id"].nunique()
    return rows, units_that_test(units)[number], number.to_numpy()


def line_says(rows, learns, tests):
    """Oracle: what a plain line of some rows says of others."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, tol=1e-8))
    model.fit(rows[COLUMNS][learns], rows["bought"][learns])
    return model.predict_proba(rows[COLUMNS][tests])[:, 1]


def trees_say(rows, learns, tests, held=None):
    """Oracle: likewise of trees, which may be stopped by rows of the same owner."""
    known, label = rows[COLUMNS].to_numpy(np.float32), rows["bought"].to_numpy(np.float32)
    stops = {}
    if held is not None:
        matrix = xgboost.DMatrix(known[held], label[held])
        stops = {"evals": [(matrix, "held")], "early_stopping_rounds": 5, "verbose_eval": False}
    model = xgboost.train(BOOSTED, xgboost.DMatrix(known[learns], label[learns]), 40, **stops)
    if held is not None:
        model = model[: model.best_iteration + 1]
    return model.predict(xgboost.DMatrix(known[tests])).astype(float)


def told_of(trained, owner):
    table = trained.table("quality").to_pandas()
    own = table[table["owners"] == owner]
    return dict(zip(own["metric"], own["value"], strict=True))


def same(told, truth, said, within=2e-6):
    return told == pytest.approx(
        {k: judge(truth, said) for k, judge in METRICS.items()}, abs=within
    )


@pytest.mark.parametrize("duplicates", ["first", "all"])
@pytest.mark.parametrize("how", [LINE, TREES], ids=["line", "trees"])
def test_metrics_of_each_owners_rows_alone_are_those_of_a_plain_model(how, duplicates):
    """Of a unit that both have the bank's row counts, or every row; it never learns and tests."""
    tables = piles(people(ROWS), CUT, shared=90)
    trained = train(plain_of({**how, "duplicates": duplicates}), tables)
    rows, tests, _ = joined_rows(tables, duplicates)
    assert list(dict.fromkeys(trained.table("quality")["owners"].to_pylist())) == [
        "bank, shop",
        "bank",
        "shop",
    ]
    says = line_says if how is LINE else trees_say
    for owner in ("bank", "shop"):
        said = says(rows, ~tests & (rows["owner"] == owner), tests)
        assert same(told_of(trained, owner), rows["bought"][tests], said), owner
    said = says(rows, ~tests, tests)
    assert same(told_of(trained, "bank, shop"), rows["bought"][tests], said)


def test_a_unit_that_both_have_teaches_whose_row_is_first():
    tables = piles(people(ROWS), CUT, shared=90)
    shop = tables["right"].to_pandas()
    again = shop["id"] < CUT
    shop.loc[again, "bought"] = ~shop.loc[again, "bought"]
    shop.loc[again, COLUMNS] = 7.0
    other = {**tables, "right": pa.Table.from_pandas(shop, preserve_index=False)}
    once, changed = (train(plain_of(LINE), each) for each in (tables, other))
    assert once.table("quality") == changed.table("quality")
    assert once.model_bytes == changed.model_bytes


def test_points_of_each_owners_rows_alone_are_scikit_learns():
    tables = piles(people(ROWS), CUT)
    points = train(plain_of(TREES), tables).table("curves").to_pandas()
    rows, tests, _ = joined_rows(tables)
    for owner in ("bank", "shop"):
        said = trees_say(rows, ~tests & (rows["owner"] == owner), tests)
        fpr, tpr, _ = roc_curve(rows["bought"][tests], said, drop_intermediate=False)
        own = points[points["owners"] == owner][["fpr", "tpr"]].to_numpy()
        assert len(own) >= 2
        for point in own:
            assert np.abs(np.column_stack([fpr, tpr]) - point).max(axis=1).min() <= 2e-6


def test_each_owners_trees_stop_by_rows_of_that_owner():
    tables = piles(people(ROWS), CUT)
    trained = train(plain_of(STOPS), tables)
    rows, tests, _ = joined_rows(tables)
    order = np.argsort(np.random.PCG64(7).random_raw(ROWS), kind="stable")
    others = order[~tests[order]]
    held = np.isin(np.arange(ROWS), others[: (len(others) * 20 + 50) // 100])
    for owner in ("bank", "shop"):
        own = (rows["owner"] == owner).to_numpy()
        said = trees_say(rows, own & ~tests & ~held, tests, own & held)
        assert same(told_of(trained, owner), rows["bought"][tests], said), owner


def test_a_comparison_of_rows_changes_nothing_about_the_joint_model():
    tables = piles(people(ROWS), CUT)
    quality = {"kind": "metrics", **BOTH}
    with_it, without = (
        train(plain_of(LINE, **more), tables) for more in ({}, {"quality": quality})
    )
    assert with_it.model_bytes == without.model_bytes
    assert with_it.metrics.keys() == without.metrics.keys()
    assert told_of(with_it, "bank, shop") == without.metrics


@pytest.mark.parametrize("how", [LINE, TREES, STOPS], ids=["line", "trees", "stopped"])
def test_rows_of_one_owner_that_teach_nothing_alone_leave_the_joint_run_as_it_is(how):
    frame = people(ROWS)
    frame.loc[CUT:, "bought"] = True
    tables = piles(frame, CUT)
    trained = train(plain_of(how), tables)
    assert trained.withheld == set()
    assert set(told_of(trained, "shop")) == set(METRICS)
    assert set(trained.table("quality").filter(owned(trained, "shop"))["value"].to_pylist()) == {
        None
    }
    # the shop's units are all of one class: points of the bank's model would tell that of them
    assert set(trained.table("curves")["owners"].to_pylist()) == {"bank, shop"}
    assert not any(value is None for value in told_of(trained, "bank, shop").values())
    rows, tests, _ = joined_rows(tables)
    if how is not STOPS:
        says = line_says if how is LINE else trees_say
        said = says(rows, ~tests & (rows["owner"] == "bank"), tests)
        assert same(told_of(trained, "bank"), rows["bought"][tests], said)


def owned(trained, owner):
    owners = trained.table("quality")["owners"].to_pylist()
    return pa.array([each == owner for each in owners])


# --- over shards ----------------------------------------------------------------------------------


FITS = {
    "line": (LINE, functools.partial(fit_reduced, after_round=unheard), {}),
    "trees": (TREES, functools.partial(fit_grown, after_round=unheard), {"rounds": 5}),
}


@pytest.mark.parametrize("kind", FITS)
def test_rows_alone_over_two_shards_are_those_of_one_worker(kind):
    """All the bank's rows are on the first shard: the second learns along without any."""
    how, fit, few = FITS[kind]
    tables = piles(people(ROWS).round(1), ROWS // 3, shared=40)
    plain = plain_of({**how, "duplicates": "all"})
    one, two = train(plain, tables, few), train_spread(plain, tables, fit, 2, few)
    for output in ("quality", "curves"):
        pd.testing.assert_frame_equal(
            one.table(output).to_pandas(), two.table(output).to_pandas(), atol=2e-6
        )
    assert set(two.table("quality")["owners"].to_pylist()) == {"bank", "shop", "bank, shop"}
