"""What a run of `predict` or `evaluate` says is what the plain library says of pooled rows."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn import metrics

from cleanroom.errors import DataMismatch, ModelRefused, OutputTooLarge
from tests.support.predictions import (
    CLASSES,
    WARDS,
    evaluation_plain,
    opened,
    people,
    prediction_plain,
    released,
    said,
    scores,
    table,
    ubj,
)


def answers(classes):
    return [f"probability.{name}" for name in CLASSES[classes]] if classes else ["value"]


@pytest.mark.parametrize("partitions", [1, 3])
@pytest.mark.parametrize("classes", [0, 2, 3])
def test_scores_of_one_table_are_those_of_the_library(classes, partitions):
    frame = people()
    found = scores(prediction_plain(classes), {"rows": table(frame)}, ubj(classes), partitions)
    assert found["rows.id"].tolist() == frame["id"].tolist()
    np.testing.assert_array_equal(found[answers(classes)], said(classes, frame).round(4))


@pytest.mark.parametrize("partitions", [1, 3])
@pytest.mark.parametrize("classes", [0, 3])
def test_scores_of_joined_tables_are_those_of_pooled_rows(classes, partitions):
    frame = people()
    own, theirs = frame.iloc[:300], frame.iloc[100:].sample(frac=1, random_state=1)
    tables = {"rows": table(own, "id", "age", "dose"), "other": table(theirs, "id", "ward")}
    found = scores(prediction_plain(classes, joined=True), tables, ubj(classes), partitions)
    pooled = own[["id", "age", "dose"]].merge(theirs[["id", "ward"]], on="id", how="inner")
    assert found["rows.id"].tolist() == pooled["id"].tolist()
    np.testing.assert_array_equal(found[answers(classes)], said(classes, pooled).round(4))


def test_the_class_alone_may_be_told():
    frame = people()
    plain = prediction_plain(3, computations__score__outputs__scores__columns=["class", "rows.id"])
    found = scores(plain, {"rows": table(frame)}, ubj(3))
    likeliest = np.array(CLASSES[3])[said(3, frame).argmax(axis=1)]
    assert list(found.columns) == ["class", "rows.id"]
    assert found["class"].tolist() == likeliest.tolist()


def test_a_row_that_stands_twice_is_scored_twice_and_counts_as_one_unit():
    frame = pd.concat([people(12), people(12)])
    plain = prediction_plain(computations__score__outputs__scores__gate={"min_group": 13})
    (one,) = released(plain, {"rows": table(frame)}, ubj())
    assert one.suppressed
    plain = prediction_plain(computations__score__outputs__scores__gate={"min_group": 12})
    assert len(scores(plain, {"rows": table(frame)}, ubj())) == 24


def test_more_rows_than_an_output_may_have_are_refused():
    plain = prediction_plain(computations__score__outputs__scores__max_rows=399)
    with pytest.raises(OutputTooLarge, match="more than 399 rows"):
        released(plain, {"rows": table(people())}, ubj())


def test_a_model_is_judged_in_the_run_again():
    with pytest.raises(ModelRefused, match="truncated"):
        released(prediction_plain(), {"rows": table(people())}, ubj()[:-1])


@pytest.mark.parametrize("who", [15, 405])
def test_a_row_that_breaks_the_rules_ends_the_run_alike_whether_it_matches_or_not(who):
    frame = people()
    own, theirs = frame[frame["id"] < 400], frame[frame["id"] < 500].copy()
    theirs.loc[theirs["id"] == who, "ward"] = "canary"
    tables = {"rows": table(own, "id", "age", "dose"), "other": table(theirs, "id", "ward")}
    with pytest.raises(DataMismatch, match="has a text that is not listed") as refused:
        released(prediction_plain(joined=True), tables, ubj())
    assert "canary" not in str(refused.value)


def test_rows_without_any_value_of_a_feature_are_scored():
    frame = people(30)
    frame["dose"] = pd.Series([None] * 30, dtype="float64")
    found = scores(prediction_plain(0), {"rows": table(frame)}, ubj(0))
    np.testing.assert_array_equal(found[["value"]], said(0, frame).round(4))


def labelled(classes):
    frame = people()
    chance = np.random.default_rng(2)
    told = said(classes, frame)
    if not classes:
        frame["truth"] = told[:, 0] + chance.normal(size=len(frame)) / 9
        return frame
    noisy = np.where(
        chance.random(len(frame)) < 0.2,
        chance.integers(0, classes, len(frame)),
        told.argmax(axis=1),
    )
    frame["truth"] = np.array(CLASSES[classes])[noisy]
    return frame


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_an_evaluation_tells_the_metrics_of_the_library(classes):
    frame = labelled(classes)
    plain = evaluation_plain(classes)
    bank, shop = released(plain, {"rows": table(frame)}, ubj(classes))
    assert (bank.recipient, shop.recipient) == ("bank", "shop")
    found = opened(plain, bank).set_index("metric")["value"].to_dict()
    told = said(classes, frame)
    if not classes:
        expected = {
            "rmse": metrics.root_mean_squared_error(frame["truth"], told[:, 0]),
            "r2": metrics.r2_score(frame["truth"], told[:, 0]),
        }
    else:
        told = told / told.sum(axis=1, keepdims=True)
        truth = np.array([CLASSES[classes].index(name) for name in frame["truth"]])
        expected = {
            "accuracy": metrics.accuracy_score(truth, told.argmax(axis=1)),
            "auc": metrics.roc_auc_score(
                truth, told[:, 1] if classes == 2 else told, multi_class="ovr"
            ),
            "log_loss": metrics.log_loss(truth, told, labels=range(classes)),
        }
    assert found == pytest.approx(expected, abs=1e-6)


def test_metrics_of_few_units_are_withheld():
    plain = evaluation_plain()
    frame = labelled(2).head(99)
    assert all(one.suppressed for one in released(plain, {"rows": table(frame)}, ubj()))


def test_wards_are_encoded_in_the_order_that_the_manifest_lists():
    assert sorted(WARDS) == WARDS
    frame = people(20).assign(ward="west")
    found = scores(prediction_plain(0), {"rows": table(frame)}, ubj(0))
    assert found["value"].tolist() == said(0, frame)[:, 0].round(4).tolist()
    assert isinstance(table(frame), pa.Table)
