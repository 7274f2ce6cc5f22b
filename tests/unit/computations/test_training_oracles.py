"""A joint model is the pooled model: the same trees bit for bit, the same coefficients to 1e-8."""

import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn import datasets
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from enclave.computations.threads import THREADS
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


def parts_of(bunch, cut):
    """A bundled set as one frame, and the names of its left and right columns."""
    names = [f"c{number}" for number in range(bunch.data.shape[1])]
    return pd.DataFrame(bunch.data, columns=names), names[:cut], names[cut:]


def classified(bunch, cut, how):
    """Tables and manifest of a bundled classification; the left party has the label."""
    frame, left, right = parts_of(bunch, cut)
    frame["label"] = bunch.target.astype(str)
    values = sorted(set(frame["label"]))
    label = {"name": "label", "type": "string", "role": "label", "values": values}
    plain = training_plain([*map(feature, left), label], [*map(feature, right)], how)
    return halves(frame, [*left, "label"], right), plain, [*left, *right]


def measured(bunch, cut, how):
    """Tables and manifest of a bundled regression; the right party has the label."""
    frame, left, right = parts_of(bunch, cut)
    frame["label"] = bunch.target
    label = feature("label", role="label")
    plain = training_plain(
        [*map(feature, left)], [*map(feature, right), label], {"task": "regression", **how}
    )
    return halves(frame, left, [*right, "label"]), plain, [*left, *right]


def logistic_oracle(tables, names):
    rows = pooled(tables)
    test = units_that_test(len(rows))
    steps = LogisticRegression(C=1.0, max_iter=1000, tol=1e-8)
    model = make_pipeline(StandardScaler(), steps).fit(rows[names][~test], rows["label"][~test])
    return model, rows[names][test], rows["label"][test]


def own_units(model):
    scaler, fitted = model[0], model[1]
    return np.atleast_2d(fitted.coef_) / scaler.scale_


def boosted_oracle(tables, names, objective, labels, **settings):
    rows = pooled(tables)
    test = units_that_test(len(rows))
    given = {**BOOSTED, "objective": objective, **settings}
    sides = {name: "left" if name in tables["left"].column_names else "right" for name in names}
    matrix = xgboost.DMatrix(
        rows[names][~test].to_numpy(np.float32),
        label=labels(rows)[~test],
        feature_names=[f"{sides[name]}.{name}" for name in names],
        nthread=THREADS,
    )
    return xgboost.train(given, matrix, 40)


def test_trees_of_two_parties_are_the_pooled_trees_bit_for_bit():
    tables, plain, names = classified(datasets.load_breast_cancer(), 15, TREES)
    joint = train(plain, tables)
    alone = boosted_oracle(
        tables, names, "binary:logistic", lambda rows: (rows["label"] == "1").to_numpy(float)
    )
    assert joint.model_bytes[1] == bytes(alone.save_raw(raw_format="ubj"))
    assert joint.metrics["accuracy"] >= 0.94


def test_trees_of_a_regression_are_the_pooled_trees_bit_for_bit():
    tables, plain, names = measured(datasets.load_diabetes(), 5, TREES)
    joint = train(plain, tables)
    alone = boosted_oracle(
        tables, names, "reg:squarederror", lambda rows: rows["label"].to_numpy(float)
    )
    assert joint.model_bytes[1] == bytes(alone.save_raw(raw_format="ubj"))


def test_trees_of_several_classes_are_the_pooled_trees_bit_for_bit():
    tables, plain, names = classified(datasets.load_wine(), 6, TREES)
    joint = train(plain, tables)
    alone = boosted_oracle(
        tables,
        names,
        "multi:softprob",
        lambda rows: rows["label"].astype(int).to_numpy(),
        num_class=3,
    )
    assert joint.model_bytes[1] == bytes(alone.save_raw(raw_format="ubj"))
    assert joint.metrics["accuracy"] >= 0.9


@pytest.mark.parametrize("partitions", [1, 3])
def test_coefficients_of_a_classification_are_the_pooled_ones(partitions):
    tables, plain, names = classified(datasets.load_breast_cancer(), 15, LINE)
    joint = train(plain, tables, partitions=partitions)
    model, rows, labels = logistic_oracle(tables, names)
    found = np.array(joint.model.description.linear.coefficients)
    assert np.abs(found - own_units(model)).max() < 1e-8
    assert joint.metrics["accuracy"] == pytest.approx(
        accuracy_score(labels, model.predict(rows)), abs=1e-6
    )


def test_coefficients_of_several_classes_are_the_pooled_ones():
    tables, plain, names = classified(datasets.load_wine(), 6, LINE)
    joint = train(plain, tables)
    model, _, _ = logistic_oracle(tables, names)
    found = np.array(joint.model.description.linear.coefficients)
    assert np.abs(found - own_units(model)).max() < 1e-8


def test_coefficients_of_a_regression_are_the_pooled_ones():
    tables, plain, names = measured(datasets.load_diabetes(), 5, LINE)
    joint = train(plain, tables)
    rows = pooled(tables)
    test = units_that_test(len(rows))
    model = make_pipeline(StandardScaler(), Ridge(alpha=1.0))
    model.fit(rows[names][~test], rows["label"][~test])
    found = np.array(joint.model.description.linear.coefficients)
    assert np.abs(found - own_units(model)).max() < 1e-8
    assert joint.metrics["r2"] == pytest.approx(
        r2_score(rows["label"][test], model.predict(rows[names][test])), abs=1e-6
    )


def test_halves_of_digits_together_are_read_better_than_each_alone():
    bunch = datasets.load_digits()
    pixels = np.arange(64).reshape(8, 8)
    order = np.concatenate([pixels[:, :4].ravel(), pixels[:, 4:].ravel()])
    bunch.data = bunch.data[:, order]
    tables, plain, names = classified(bunch, 32, {**LINE, "l2": "10"})
    accuracy = train(plain, tables).metrics["accuracy"]
    rows = pooled(tables)
    test = units_that_test(len(rows))
    alone = [
        make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
        .fit(rows[side][~test], rows["label"][~test])
        .score(rows[side][test], rows["label"][test])
        for side in (names[:32], names[32:])
    ]
    assert accuracy >= 0.96 > max(alone)


def test_diabetes_is_explained_better_together_than_by_each_alone():
    tables, plain, names = measured(datasets.load_diabetes(), 4, LINE)
    rows = pooled(tables)
    together, first, second = [], [], []
    for seed in range(10):
        split = {"computations__model__split__seed": seed}
        together.append(train(plain, tables, **split).metrics["r2"])
        test = units_that_test(len(rows), seed=seed)
        for side, scores in ((names[:4], first), (names[4:], second)):
            alone = make_pipeline(StandardScaler(), Ridge())
            alone.fit(rows[side][~test], rows["label"][~test])
            scores.append(alone.score(rows[side][test], rows["label"][test]))
    assert np.mean(together) >= 0.48
    assert max(np.mean(first), np.mean(second)) < 0.40
