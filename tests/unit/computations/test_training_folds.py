"""Cross-validation gives what scikit-learn gives on pooled rows cut alike, and changes no model."""

import numpy as np
import pytest
import xgboost
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from enclave.computations.threads import THREADS
from tests.support.joined_trainings import below, beside, people
from tests.support.trainings import LINE, TREES, halves, piles, pooled, train, units_that_test

ROWS, FOLDS = 800, 5
COLUMNS = ["a", "b", "c"]
STOPS = {**TREES, "early_stopping": {"rounds": 5}}
CUT = {"computations__model__folds": FOLDS}


def tables_of(frame=None):
    return halves(people(ROWS) if frame is None else frame, ["a", "bought"], ["b", "c"])


def parts_of(units):
    """Oracle: the part of each unit, -1 for those that test."""
    order = np.argsort(np.random.PCG64(7).random_raw(units), kind="stable")
    order = order[~units_that_test(units)[order]]
    part = np.full(units, -1)
    part[order] = np.arange(len(order)) % FOLDS
    return part, order


def lines_say(part, rows):
    """Oracle: probabilities of each part by a line that was fitted without it."""
    for number in range(FOLDS):
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, tol=1e-8))
        learns = (part >= 0) & (part != number)
        model.fit(rows[COLUMNS][learns], rows["bought"][learns])
        yield part == number, model.predict_proba(rows[COLUMNS][part == number])[:, 1]


def trees_say(part, order, rows):
    """Oracle: likewise by trees that were stopped on a fifth of the others."""
    given = {
        "tree_method": "hist",
        "max_depth": 4,
        "learning_rate": 0.3,
        "seed": 7,
        "nthread": THREADS,
        "objective": "binary:logistic",
    }
    known, label = rows[COLUMNS].to_numpy(np.float32), rows["bought"].to_numpy(float)
    for number in range(FOLDS):
        others = order[part[order] != number]
        held = others[: (len(others) * 20 + 50) // 100]
        grows = np.setdiff1d(others, held)
        model = xgboost.train(
            given,
            xgboost.DMatrix(known[grows], label[grows]),
            40,
            evals=[(xgboost.DMatrix(known[held], label[held]), "validation")],
            early_stopping_rounds=5,
            verbose_eval=False,
        )
        best = model[: model.best_iteration + 1]
        yield part == number, best.predict(xgboost.DMatrix(known[part == number]))


@pytest.mark.parametrize("how", [LINE, STOPS], ids=["line", "trees"])
def test_metrics_over_folds_are_the_pooled_ones(how):
    tables = tables_of()
    metrics = train(beside(how), tables, **CUT).metrics
    rows = pooled(tables)
    part, order = parts_of(len(rows))
    told = lines_say(part, rows) if how is LINE else trees_say(part, order, rows)
    judged = [(rows["bought"][which], said) for which, said in told]
    for name, values in {
        "accuracy": [accuracy_score(truth, said > 0.5) for truth, said in judged],
        "log_loss": [log_loss(truth, said) for truth, said in judged],
    }.items():
        assert metrics[f"cv_{name}_mean"] == pytest.approx(np.mean(values), abs=1e-5)
        assert metrics[f"cv_{name}_std"] == pytest.approx(np.std(values), abs=1e-5)


@pytest.mark.parametrize("how", [LINE, STOPS], ids=["line", "trees"])
def test_folds_change_neither_the_model_nor_its_own_metrics(how):
    tables = tables_of()
    plain, cut = train(beside(how), tables), train(beside(how), tables, **CUT)
    assert cut.model_bytes == plain.model_bytes
    assert {name: cut.metrics[name] for name in plain.metrics} == plain.metrics


def test_a_unit_of_several_rows_is_in_one_fold():
    tables = piles(people(ROWS), 300, shared=250)
    how = {**LINE, "duplicates": "all"}
    metrics = train(below(how), tables, **CUT).metrics
    rows = pooled(tables, "concat")
    part, _ = parts_of(ROWS)
    judged = list(lines_say(part[rows["id"]], rows))
    values = [accuracy_score(rows["bought"][which], said > 0.5) for which, said in judged]
    assert metrics["cv_accuracy_mean"] == pytest.approx(np.mean(values), abs=1e-5)


def test_folds_of_few_units_are_not_told():
    smallest = ROWS * 3 // 4 // FOLDS
    told, untold = (
        train(beside(LINE), tables_of(), computations__model__outputs__quality__min_test=n, **CUT)
        for n in (smallest, smallest + 1)
    )
    assert told.metrics["cv_accuracy_mean"] > 0.5
    assert untold.metrics["cv_accuracy_mean"] is None
    assert untold.metrics["cv_accuracy_std"] is None
    assert untold.metrics["accuracy"] == told.metrics["accuracy"]


def test_a_fold_that_teaches_nothing_leaves_the_run_as_it_is():
    frame = people(ROWS)
    tables = tables_of(frame)
    rows = pooled(tables)
    part, order = parts_of(len(rows))
    frame["bought"] = False
    lonely = [*order[part[order] == 0][:1], np.flatnonzero(part == -1)[0]]
    frame.loc[rows["id"][lonely], "bought"] = True
    metrics = train(beside(LINE), tables_of(frame), **CUT).metrics
    assert metrics["accuracy"] > 0.9
    assert metrics["cv_accuracy_mean"] is None


def test_the_metrics_of_a_comparison_carry_the_folds_of_the_joint_model():
    plain = beside({**LINE, "folds": FOLDS})
    plain["computations"]["model"]["outputs"]["quality"]["compare"] = "alone"
    lines = train(plain, tables_of()).table("quality").to_pylist()
    crossed = {line["owners"] for line in lines if line["metric"].startswith("cv_")}
    assert crossed == {"bank, shop"}
