"""Trainings over one input whole, and over rows below each other: again the pooled model."""

import numpy as np
import pytest
import xgboost
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cleanroom.errors import DataMismatch, ManifestRule
from enclave.computations.registry import operations
from enclave.computations.threads import THREADS
from tests.support.joined_trainings import (
    COLUMNS,
    FILLED,
    LABEL,
    LEFT,
    ROWS,
    below,
    beside,
    people,
    tables_beside,
)
from tests.support.trainings import (
    BOOSTED,
    LINE,
    TREES,
    description_of,
    feature,
    piles,
    pooled,
    train,
    training_plain,
    units_that_test,
)


def trees_of(rows, names, test, labels, objective="binary:logistic"):
    given = {**BOOSTED, "objective": objective}
    matrix = xgboost.DMatrix(
        rows[COLUMNS][~test].to_numpy(np.float32),
        label=rows[labels][~test].to_numpy(float),
        feature_names=names,
        nthread=THREADS,
    )
    return bytes(xgboost.train(given, matrix, 40).save_raw(raw_format="ubj"))


def test_trees_of_a_left_join_are_the_pooled_trees_bit_for_bit():
    tables = tables_beside()
    joint = train(beside({**TREES, **LEFT}), tables)
    rows = pooled(tables, "left")
    assert len(rows) == tables["left"].num_rows == ROWS + 50
    names = ["left.a", "right.b", "right.c"]
    assert joint.model_bytes[1] == trees_of(rows, names, units_that_test(len(rows)), "bought")


def test_coefficients_of_a_left_join_are_the_pooled_ones_with_means_in_the_gaps():
    tables = tables_beside()
    joint = train(beside(FILLED), tables)
    rows = pooled(tables, "left")
    test = units_that_test(len(rows))
    known = rows[COLUMNS].fillna(rows[COLUMNS][~test].mean())
    oracle = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, tol=1e-8))
    oracle.fit(known[~test], rows["bought"][~test])
    own_units = oracle[1].coef_ / oracle[0].scale_
    found = np.array(joint.model.description.linear.coefficients)
    assert np.abs(found - own_units).max() < 1e-8


@pytest.mark.parametrize("partitions", [2, 5])
@pytest.mark.parametrize("how", [{**TREES, **LEFT}, FILLED], ids=["trees", "line"])
def test_a_left_join_is_the_same_for_every_partitioning(how, partitions):
    tables = tables_beside()
    again = train(beside(how), tables, partitions=partitions)
    assert again.model_bytes == train(beside(how), tables).model_bytes


def test_the_left_input_need_not_be_the_first():
    tables = tables_beside()
    plain = training_plain(
        [feature("b"), feature("c")],
        [feature("a"), LABEL],
        {**TREES, "join": "left", "left": "right"},
    )
    joint = train(plain, {"left": tables["right"], "right": tables["left"]})
    rows = pooled(tables, "left")
    rows = rows[["b", "c", "a", "bought"]].rename(columns={"b": "a", "c": "b", "a": "c"})
    names = ["left.b", "left.c", "right.a"]
    assert joint.model_bytes[1] == trees_of(rows, names, units_that_test(len(rows)), "bought")


def test_trees_of_stacked_rows_are_the_pooled_trees_bit_for_bit():
    tables = piles(people(), 150)
    joint = train(below(TREES), tables)
    rows = pooled(tables, "concat")
    assert joint.model_bytes[1] == trees_of(rows, COLUMNS, units_that_test(len(rows)), "bought")


def test_coefficients_of_stacked_rows_are_the_pooled_ones():
    frame = people()
    frame["bought"] = frame["a"] * 3 - frame["b"] + frame["c"] ** 2
    tables = piles(frame, 150)
    joint = train(below({**LINE, "task": "regression"}, feature("bought", role="label")), tables)
    rows = pooled(tables, "concat")
    test = units_that_test(len(rows))
    oracle = make_pipeline(StandardScaler(), Ridge()).fit(
        rows[COLUMNS][~test], rows["bought"][~test]
    )
    found = np.array(joint.model.description.linear.coefficients)
    assert np.abs(found - oracle[1].coef_ / oracle[0].scale_).max() < 1e-8


@pytest.mark.parametrize("partitions", [2, 5])
def test_stacked_rows_are_the_same_for_every_partitioning(partitions):
    tables = piles(people(), 150, shared=30)
    again = train(below(TREES), tables, partitions=partitions)
    assert again.model_bytes == train(below(TREES), tables).model_bytes


def test_of_a_unit_that_two_parties_have_the_first_row_counts():
    once, twice = (train(below(TREES), piles(people(), 150, shared=n)) for n in (0, 30))
    assert twice.model_bytes == once.model_bytes


def test_a_unit_that_two_parties_have_never_learns_and_tests():
    tables = piles(people(), 150, shared=30)
    joint = train(below({**TREES, "duplicates": "all"}), tables)
    rows = pooled(tables, "concat")
    test = units_that_test(ROWS)[rows["id"]]
    assert test.sum() > units_that_test(ROWS).sum()
    assert joint.model_bytes[1] == trees_of(rows, COLUMNS, test, "bought")


def test_importance_of_stacked_rows_is_told_of_all_owners_together():
    table = train(below(TREES), piles(people(), 150)).table("importance")
    assert table.select(["owner", "column"]).to_pylist() == [
        {"owner": "bank, shop", "column": name} for name in COLUMNS
    ]


def test_a_model_of_stacked_rows_takes_plain_columns():
    joint = train(below(LINE), piles(people(), 150))
    told = description_of(joint)
    assert (told["label"], told["label_owner"]) == ("bought", None)
    assert {(each["input"], each["owner"]) for each in told["features"]} == {(None, None)}
    assert joint.model.predict({name: [0.5] for name in COLUMNS}).sum() == pytest.approx(1)
    with pytest.raises(DataMismatch, match="feature 'b' is missing"):
        joint.model.predict({"a": [1.0], "c": [1.0]})


def test_columns_of_another_order_are_stacked_by_name():
    tables = piles(people(), 150)
    plain = below(TREES)
    plain["datasets"]["baskets"]["columns"].reverse()
    assert train(plain, tables).model_bytes == train(below(TREES), tables).model_bytes


def test_a_column_that_an_input_lacks_stacks_nothing():
    plain = below(TREES)
    plain["computations"]["model"]["inputs"]["right"]["columns"].remove("c")
    with pytest.raises(ManifestRule, match="column 'c' is not read by every input"):
        train(plain, piles(people(), 150))
    assert "train.gbdt" in operations
