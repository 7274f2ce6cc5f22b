"""Points of an evaluation are those of scikit-learn on the same test rows, in enough units each."""

import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score, roc_curve

from enclave.computations.threads import THREADS
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

LABEL = {"name": "bought", "type": "bool", "role": "label"}
KINDS = {"name": "kind", "type": "string", "role": "label", "values": ["a", "b", "c", "rare"]}
BOTH = ["bank", "shop"]
NAMES = ["income", "rate", "size"]
ROUNDING = 0.5e-6
EVALUATION = {"kind": "evaluation", "recipients": BOTH, "decimals": 6, "min_bin": 10}


def people(rows=1200):
    chance = np.random.default_rng(9)
    frame = pd.DataFrame(
        {
            "income": chance.integers(0, 8, rows),
            "rate": chance.normal(size=rows).round(6),
            "size": chance.normal(size=rows).round(6),
        }
    )
    risk = frame["rate"] + frame["income"] / 4 - 1 + frame["rate"] * frame["size"]
    frame["bought"] = chance.random(rows) < 1 / (1 + np.exp(-2 * risk))
    frame["kind"] = np.where(risk > 1, "a", np.where(risk > 0, "b", "c"))
    frame.loc[chance.permutation(rows)[:20], "kind"] = "rare"
    return frame


def plain_of(how, label=LABEL, **output):
    left = [feature("income", "int64"), label]
    outputs = {
        "curves": {**EVALUATION, **output},
        "quality": {"kind": "metrics", "recipients": BOTH, "decimals": 6, "min_test": 10},
        "model": {"kind": "model", "recipients": ["bank"]},
    }
    return training_plain(left, [feature("rate"), feature("size")], {**how, "outputs": outputs})


def tables_of(frame=None, label="bought"):
    return halves(people() if frame is None else frame, ["income", label], ["rate", "size"])


def oracle(tables, model):
    """Oracle: the pooled test rows and what the exported model says of them."""
    rows = pooled(tables)
    rows = rows[units_that_test(len(rows))]
    columns = {"left.income": "income", "right.rate": "rate", "right.size": "size"}
    return rows, model.predict({name: rows[column] for name, column in columns.items()})


def alone(tables, columns):
    """Oracle: what trees over `columns` of the pooled rows say of the test rows."""
    rows = pooled(tables)
    test = units_that_test(len(rows))
    given = {
        "objective": "binary:logistic",
        "max_depth": 4,
        "min_child_weight": 1,
        "nthread": THREADS,
    }
    known, labels = rows[columns].to_numpy(np.float32), rows["bought"].to_numpy(np.float32)
    model = xgboost.train(given, xgboost.DMatrix(known[~test], labels[~test]), 40)
    return labels[test], model.predict(xgboost.DMatrix(known[test])).astype(float)


@pytest.mark.parametrize("how", [LINE, TREES], ids=["line", "trees"])
def test_the_points_of_roc_are_scikit_learns(how):
    tables = tables_of()
    trained = train(plain_of(how), tables)
    points = trained.table("curves").to_pandas()
    rows, said = oracle(tables, trained.model)
    fpr, tpr, _ = roc_curve(rows["bought"], said[:, 1], drop_intermediate=False)
    known = np.column_stack([fpr, tpr])
    for point in points[["fpr", "tpr"]].to_numpy():
        assert np.abs(known - point).max(axis=1).min() <= ROUNDING
    assert len(points) == 20
    assert set(points["owners"]) == {"bank, shop"}
    assert set(points["class"]) == {"true"}
    assert points.iloc[-1][["share", "tpr", "fpr"]].tolist() == [1, 1, 1]


@pytest.mark.parametrize("how", [LINE, TREES], ids=["line", "trees"])
def test_lift_and_calibration_are_those_of_the_sorted_test_rows(how):
    tables = tables_of()
    trained = train(plain_of(how), tables)
    points = trained.table("curves").to_pandas()
    rows, said = oracle(tables, trained.model)
    order = np.argsort(-said[:, 1], kind="stable")
    truth, scores = rows["bought"].to_numpy()[order], said[order, 1]
    ends = (points["share"] * len(truth)).round().astype(int).to_numpy()
    for start, end, point in zip([0, *ends[:-1]], ends, points.itertuples(), strict=True):
        assert end - start >= 10
        assert point.said == pytest.approx(scores[start:end].mean(), abs=2e-6)
        assert point.found == pytest.approx(truth[start:end].mean(), abs=ROUNDING)
        assert point.tpr == pytest.approx(truth[:end].sum() / truth.sum(), abs=ROUNDING)
        assert end == len(scores) or scores[end - 1] > scores[end]


def test_rows_of_equal_score_are_never_told_apart():
    how = {
        **TREES,
        "parameters": {"rounds": {"min": 1, "max": 1}, "max_depth": {"min": 1, "max": 1}},
    }
    trained = train(plain_of(how, points=50), tables_of(), {"rounds": 1, "max_depth": 1})
    assert trained.table("curves").num_rows == 2


def test_a_class_of_few_test_units_has_no_points():
    tables = tables_of(label="kind")
    points = train(plain_of(TREES, KINDS), tables).table("curves").to_pandas()
    assert set(points["class"]) == {"a", "b", "c"}
    rows = pooled(tables)
    assert 0 < (rows["kind"][units_that_test(len(rows))] == "rare").sum() < 10


def test_a_regression_has_calibration_and_no_roc():
    frame = people()
    frame["kind"] = (frame["rate"] * 3 + frame["income"]).round(6)
    label = feature("kind", role="label")
    tables = tables_of(frame, "kind")
    trained = train(plain_of({**TREES, "task": "regression"}, label), tables)
    points = trained.table("curves").to_pandas()
    assert points[["tpr", "fpr"]].isna().all(axis=None)
    assert points["said"].is_monotonic_decreasing
    rows, _ = oracle(tables, trained.model)
    sizes = np.diff([0, *points["share"]])
    assert (points["found"] * sizes).sum() == pytest.approx(rows["kind"].mean(), abs=1e-4)


def test_fewer_test_units_than_signed_withhold_the_points_and_nothing_else():
    assert train(plain_of(LINE, min_test=301), tables_of()).withheld == {"curves"}
    assert train(plain_of(LINE, min_test=300), tables_of()).withheld == set()


def test_fewer_test_units_than_one_point_needs_withhold_them():
    assert train(plain_of(LINE, min_bin=200), tables_of()).withheld == {"curves"}


def test_units_of_many_rows_count_once_in_a_point():
    """Twelve rows of each unit: a point is about units, not about rows."""
    frame = people(240)
    tables = tables_of(frame)
    tables["right"] = tables["right"].take(np.repeat(np.arange(tables["right"].num_rows), 12))
    plain = plain_of({**LINE, "duplicates": "all"}, min_bin=15, points=50, min_test=50)
    points = train(plain, tables).table("curves")
    assert 2 <= points.num_rows <= 60 // 15


# --- joint against alone --------------------------------------------------------------------------


def test_metrics_of_each_owners_features_alone_are_those_of_pooled_rows():
    tables = tables_of()
    plain = plain_of(TREES)
    plain["computations"]["model"]["outputs"]["quality"]["compare"] = "alone"
    trained = train(plain, tables)
    table = trained.table("quality").to_pandas()
    assert list(dict.fromkeys(table["owners"])) == ["bank, shop", "bank", "shop"]
    for owners, columns in {"bank, shop": NAMES, "bank": NAMES[:1], "shop": NAMES[1:]}.items():
        labels, said = alone(tables, columns)
        found = table[table["owners"] == owners].set_index("metric")["value"]
        assert found["auc"] == pytest.approx(roc_auc_score(labels, said), abs=2e-6)
        assert found["accuracy"] == pytest.approx(accuracy_score(labels, said > 0.5), abs=2e-6)
        assert found["log_loss"] == pytest.approx(log_loss(labels, said), abs=2e-6)


def test_points_of_each_owners_features_alone_are_scikit_learns():
    tables = tables_of()
    points = train(plain_of(TREES, compare="alone"), tables).table("curves").to_pandas()
    for owner, columns in {"bank": NAMES[:1], "shop": NAMES[1:]}.items():
        fpr, tpr, _ = roc_curve(*alone(tables, columns), drop_intermediate=False)
        own = points[points["owners"] == owner][["fpr", "tpr"]].to_numpy()
        assert len(own) >= 2
        for point in own:
            assert np.abs(np.column_stack([fpr, tpr]) - point).max(axis=1).min() <= ROUNDING


def test_a_comparison_changes_nothing_about_the_joint_model():
    tables = tables_of()
    with_it, without = (train(plain_of(TREES, compare=c), tables) for c in ("alone", "none"))
    assert with_it.model_bytes == without.model_bytes
    assert with_it.metrics == without.metrics
    joint = with_it.table("curves").to_pandas().query("owners == 'bank, shop'")
    pd.testing.assert_frame_equal(joint, without.table("curves").to_pandas())
