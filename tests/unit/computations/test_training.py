"""What a training takes, refuses, withholds and gives."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import xgboost

from cleanroom.errors import DataMismatch, OutputTooLarge, ParameterOutOfRange
from enclave.demo.credit import credit
from tests.support.trainings import (
    LINE,
    TREES,
    description_of,
    feature,
    halves,
    pooled,
    train,
    training_plain,
    units_that_test,
)

LABEL = {"name": "bought", "type": "bool", "role": "label"}
PAYMENT = feature("payment", "string", values=["card", "cash", "later"])
ROWS = 400


def people(rows=ROWS, seed=5):
    """A frame with numbers, texts and a label that depends on them."""
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "income": chance.integers(0, 1000, rows),
            "rate": chance.normal(size=rows).round(6),
            "payment": np.array(["card", "cash", "later"])[chance.integers(0, 3, rows)],
        }
    )
    risk = frame["rate"] + (frame["payment"] == "later") + frame["income"] / 500 - 1
    frame["bought"] = chance.random(rows) < 1 / (1 + np.exp(-3 * risk))
    return frame


def plain_of(how, **columns):
    left = [feature("income", "int64"), LABEL]
    return training_plain(left, [feature("rate", **columns), {**PAYMENT, **columns}], how)


def tables_of(frame, **more):
    return halves(frame, ["income", "bought"], ["rate", "payment"], **more)


CREDIT_LEFT = [
    feature("income", "int64"),
    feature("balance"),
    feature("overdrafts", "int64"),
    feature("months", "int64"),
    feature("product", "string", values=["car", "card", "home", "none"]),
    {"name": "defaulted", "type": "bool", "role": "label"},
]
CREDIT_RIGHT = [
    feature("spend", "int64"),
    feature("visits", "int64"),
    feature("returns"),
    feature("late", "bool"),
    feature("payment", "string", values=["card", "cash", "later"]),
]


def test_a_bank_and_a_shop_predict_credit_better_together():
    made = credit(10_000, overlap=7_000, seed=7)
    numbers = {
        name: pa.array([int(text[8:].partition("@")[0]) for text in table["email"].to_pylist()])
        for name, table in (("left", made.bank), ("right", made.shop))
    }
    tables = {
        "left": made.bank.append_column("id", numbers["left"]),
        "right": made.shop.append_column("id", numbers["right"]),
    }
    plain = training_plain(CREDIT_LEFT, CREDIT_RIGHT, {**TREES, "learning_rate": "0.1"})
    joint = train(plain, tables, {"rounds": 100}).metrics["auc"]
    rows = pooled(tables)
    test = units_that_test(len(rows))
    alone = [area_alone(rows, columns, test) for columns in (CREDIT_LEFT[:-1], CREDIT_RIGHT)]
    assert joint >= 0.86
    assert alone == pytest.approx([0.80, 0.71], abs=0.03)


def area_alone(rows, columns, test):
    from sklearn.metrics import roc_auc_score

    names = [column["name"] for column in columns]
    known = pd.get_dummies(rows[names]).astype(np.float32).to_numpy()
    labels = rows["defaulted"].to_numpy(float)
    given = {"objective": "binary:logistic", "max_depth": 4, "learning_rate": 0.1}
    model = xgboost.train(given, xgboost.DMatrix(known[~test], labels[~test]), 100)
    return roc_auc_score(labels[test], model.predict(xgboost.DMatrix(known[test])))


@pytest.mark.parametrize("how", [LINE, TREES], ids=["line", "trees"])
def test_an_exported_model_predicts_what_the_metrics_were_measured_on(how):
    tables = tables_of(people())
    joint = train(plain_of(how), tables)
    rows = pooled(tables)
    test = units_that_test(len(rows))
    names = {"income": "left", "rate": "right", "payment": "right"}
    features = pa.table({f"{side}.{name}": rows[name][test] for name, side in names.items()})
    said = joint.model.predict(features)
    assert said.shape == (test.sum(), 2)
    right = said.argmax(axis=1) == rows["bought"][test]
    assert right.mean() == pytest.approx(joint.metrics["accuracy"], abs=1e-6)


def test_texts_become_indicators_in_declared_order():
    description = description_of(train(plain_of(LINE), tables_of(people())))
    assert [each["values"] for each in description["features"]] == [
        None,
        None,
        ["card", "cash", "later"],
    ]
    model = train(plain_of(TREES), tables_of(people())).model
    assert model.booster.feature_names == [
        "left.income",
        "right.rate",
        "right.payment=card",
        "right.payment=cash",
        "right.payment=later",
    ]


def test_importance_names_each_column_once_with_its_owner():
    table = train(plain_of(TREES), tables_of(people())).table("importance")
    assert table.select(["owner", "column"]).to_pylist() == [
        {"owner": "bank", "column": "left.income"},
        {"owner": "shop", "column": "right.rate"},
        {"owner": "shop", "column": "right.payment"},
    ]
    assert sum(table["share"].to_pylist()) == pytest.approx(1, abs=1e-5)


def test_metrics_and_shares_are_rounded_to_the_signed_decimals():
    outputs = {
        "computations__model__outputs__quality__decimals": 2,
        "computations__model__outputs__importance__decimals": 1,
    }
    joint = train(plain_of(TREES), tables_of(people()), **outputs)
    assert all(value == round(value, 2) for value in joint.metrics.values())
    assert all(value == round(value, 1) for value in joint.table("importance")["share"].to_pylist())


def test_the_same_inputs_give_the_same_model_for_every_partitioning():
    tables = tables_of(people())
    found = {train(plain_of(TREES), tables, partitions=count).model_bytes for count in (1, 2, 5)}
    assert len(found) == 1


def test_another_seed_tests_other_units():
    tables = tables_of(people())
    other = {"computations__model__split__seed": 8}
    assert (
        train(plain_of(LINE), tables).model_bytes
        != train(plain_of(LINE), tables, **other).model_bytes
    )


def test_a_unit_with_several_rows_never_learns_and_tests():
    frame = people(60)
    tables = tables_of(frame)
    tables["right"] = pa.concat_tables([tables["right"], tables["right"]])
    twice = train(plain_of({**LINE, "duplicates": "all"}), tables)
    rows, doubled = pooled(tables_of(frame)), pooled(tables)
    test = units_that_test(len(rows))
    tests = doubled["id"].isin(rows["id"][test])
    assert twice.model.description.linear.fills[1] == pytest.approx(doubled["rate"][~tests].mean())
    assert len(doubled) == 2 * len(rows)


def test_a_missing_value_takes_its_own_branch_in_trees():
    frame = people()
    frame.loc[::7, "rate"] = None
    frame.loc[::5, "payment"] = None
    joint = train(plain_of(TREES, nullable=True), tables_of(frame))
    assert joint.metrics["accuracy"] > 0.7


def test_a_missing_value_counts_as_the_mean_of_the_training_rows():
    frame = people()
    frame.loc[::7, "rate"] = None
    tables = tables_of(frame)
    joint = train(plain_of({**LINE, "missing": "mean"}, nullable=True), tables)
    rows = pooled(tables)
    test = units_that_test(len(rows))
    fills = joint.model.description.linear.fills
    assert fills[1] == pytest.approx(rows["rate"][~test].mean())


@pytest.mark.parametrize(
    "parameters", [{"rounds": 301}, {"rounds": 0}, {"max_depth": 11}, {"l2": 1}]
)
def test_a_parameter_outside_its_signed_range_is_refused(parameters):
    with pytest.raises(ParameterOutOfRange, match=r"expected 1 to|are unknown"):
        train(plain_of(TREES), tables_of(people()), parameters)


def test_fewer_test_units_than_signed_withhold_the_metrics_alone():
    change = {"computations__model__outputs__quality__min_test": ROWS}
    joint = train(plain_of(TREES), tables_of(people()), **change)
    assert joint.withheld == {"quality"}
    assert joint.table("quality").num_rows == 0


def test_fewer_units_than_the_group_withhold_everything_and_train_nothing():
    joint = train(plain_of(TREES), tables_of(people(9)))
    assert joint.withheld == {"quality", "importance", "model"}
    assert joint.table("model").num_rows == 0


def test_no_row_in_common_withholds_everything():
    tables = tables_of(people())
    strangers = tables["right"]["id"].to_numpy() + 10_000_000
    tables["right"] = tables["right"].set_column(0, "id", pa.array(strangers))
    assert train(plain_of(TREES), tables).withheld == {"quality", "importance", "model"}


@pytest.mark.parametrize("how", [LINE, TREES], ids=["line", "trees"])
def test_a_constant_label_withholds_everything(how):
    frame = people()
    frame["bought"] = True
    assert train(plain_of(how), tables_of(frame)).withheld == {"quality", "importance", "model"}


def test_a_model_larger_than_signed_is_refused():
    with pytest.raises(OutputTooLarge, match="longer than 1024 bytes"):
        train(
            plain_of(TREES),
            tables_of(people()),
            computations__model__outputs__model__max_bytes=1024,
        ).table("model")


def test_only_the_first_joined_rows_are_used():
    tables = tables_of(people())
    few = train(plain_of(LINE), tables, computations__model__max_rows=100)
    first = pooled(tables)["id"][:100]
    alone = {
        side: table.filter(pa.array(np.isin(table["id"], first))) for side, table in tables.items()
    }
    assert few.model_bytes == train(plain_of(LINE), alone).model_bytes


def test_a_prediction_needs_every_feature_as_it_was():
    model = train(plain_of(LINE), tables_of(people())).model
    rows = {"left.income": [1], "right.rate": [0.5], "right.payment": ["card"]}
    assert model.predict(rows).sum() == pytest.approx(1)
    with pytest.raises(DataMismatch, match=r"feature 'right.payment' is missing"):
        model.predict({name: rows[name] for name in ("left.income", "right.rate")})
    with pytest.raises(DataMismatch, match="has a text that is not listed"):
        model.predict({**rows, "right.payment": ["gold"]})
    with pytest.raises(DataMismatch, match="has a number that is not finite"):
        model.predict({**rows, "right.rate": [float("inf")]})


def test_a_saved_model_is_what_xgboost_reads(tmp_path):
    model = train(plain_of(TREES), tables_of(people())).model
    saved = model.save(tmp_path / "model.ubj")
    again = xgboost.Booster(model_file=saved)
    assert again.get_dump() == model.booster.get_dump()
    assert "gbdt, classification of 'left.bought' from 3 features" in repr(model)


@pytest.mark.parametrize(
    ("how", "chosen", "signed"),
    [
        (TREES, {"learning_rate": "0.05", "subsample": "0.5"}, "0.05"),
        (TREES, {"min_child_weight": "2.5", "colsample_bytree": "0.5"}, "2.5"),
        (LINE, {"l2": "0.5"}, "0.5"),
    ],
    ids=["rate", "child", "line"],
)
def test_a_decimal_that_is_chosen_is_as_one_that_is_signed(how, chosen, signed):
    tables = tables_of(people())
    ranges = {name: {"min": "0.01", "max": "1000"} for name in chosen}
    parameters = {**how.get("parameters", {}), **ranges}
    free = plain_of({**how, "parameters": parameters})
    fixed = plain_of({**how, **chosen})
    assert signed in chosen.values()
    assert train(free, tables, chosen).model_bytes == train(fixed, tables).model_bytes
    assert train(fixed, tables).model_bytes != train(plain_of(how), tables).model_bytes
