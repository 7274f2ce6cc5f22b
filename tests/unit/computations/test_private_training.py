"""Trainings with noise: near the exact fit where ε is large, useful at 1, withheld where too few."""

from decimal import Decimal

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score

from cleanroom.errors import InternalError
from cleanroom.manifest.model import Manifest
from enclave.computations.privacy.accounting import allowed_rho, step_rhos
from enclave.computations.privacy.grid import ONE, WEIGHT_ONE, scale_of
from enclave.computations.privacy.lines import SHARE_OF_MOMENTS, logistic, ridge
from enclave.computations.privacy.trial import by_cells, by_moments
from enclave.computations.registry import operations
from enclave.computations.training.private import Studied, drawn_tests
from tests.support.private_loans import CREDIT, loan_rows
from tests.support.private_trainings import people, private_plain
from tests.support.trainings import halves, train

HUGE = 1e9
"""What costs so much has hardly any noise."""
DELTA = Decimal("0.000000001")


@pytest.fixture(scope="module")
def loans():
    """Vectors and labels of 21,000 people, who default or not, and which of them train."""
    matrix, labels = loan_rows()
    trains = np.random.default_rng(1).random(len(labels)) < 0.75
    return scale_of(CREDIT), matrix, labels, trains


def test_without_noise_the_line_is_that_of_a_logistic_regression(loans):
    scale, matrix, labels, _ = loans
    vectors = scale.vectors(matrix)
    line = logistic(vectors, labels, scale=scale, l2=50.0, rhos=[HUGE] * 121)
    exact = LogisticRegression(C=1 / 50, tol=1e-10, max_iter=5000).fit(vectors[:, 1:] / ONE, labels)
    fitted = line.weights_whole / WEIGHT_ONE
    assert fitted[1:] == pytest.approx(exact.coef_[0], abs=0.01)
    assert fitted[0] == pytest.approx(exact.intercept_[0], abs=0.01)
    within = np.clip(matrix, scale.middle - scale.half, scale.middle + scale.half)
    said = exact.predict_proba(vectors[:, 1:] / ONE)
    assert line.predict(within) == pytest.approx(said, abs=0.003)
    assert line.units == len(labels)


def test_without_noise_the_line_is_that_of_a_ridge_regression(loans):
    scale, matrix, _, _ = loans
    vectors = scale.vectors(matrix)
    truth = matrix @ np.linspace(-1, 1, matrix.shape[1]) / 1e5
    labels = np.rint(np.clip(truth, -1, 1) * ONE)
    line = ridge(vectors, labels, scale=scale, label=(5.0, 2.0), l2=3.0, rho=HUGE)
    exact = Ridge(alpha=3.0).fit(vectors[:, 1:] / ONE, labels / ONE)
    fitted = line.weights_whole / WEIGHT_ONE
    assert fitted[1:] == pytest.approx(exact.coef_, abs=0.001)
    within = np.clip(matrix, scale.middle - scale.half, scale.middle + scale.half)
    said = 5 + 2 * exact.predict(vectors[:, 1:] / ONE)
    assert line.predict(within) == pytest.approx(said, abs=0.002)


@pytest.mark.parametrize(("epsilon", "least"), [("1", 0.87), ("0.3", 0.80)])
def test_who_repays_is_still_told_with_noise(loans, epsilon, least):
    """The exact fit has an area of 0.893 under its curve."""
    scale, matrix, labels, trains = loans
    vectors = scale.vectors(matrix)
    rhos = step_rhos(allowed_rho(Decimal(epsilon), DELTA), 20, SHARE_OF_MOMENTS)
    line = logistic(vectors[trains], labels[trains], scale=scale, l2=1.0, rhos=rhos)
    area = roc_auc_score(labels[~trains], line.predict(matrix[~trains])[:, 1])
    assert area > least
    given = line, vectors[~trains], labels[~trains], Decimal(epsilon)
    draws = [by_cells(*given) for _ in range(9)]  # OpenDP takes no seed: one draw may be far off
    noisy = [roc_auc_score(one.truth, one.said[:, 1], sample_weight=one.worth) for one in draws]
    assert np.median(noisy) == pytest.approx(area, abs=0.02)
    assert np.median([one.units for one in draws]) == pytest.approx((~trains).sum(), abs=400)


def test_moments_of_errors_are_those_of_the_rows(loans):
    scale, matrix, _, _ = loans
    vectors = scale.vectors(matrix)
    chance = np.random.default_rng(4)
    truth = vectors @ np.linspace(-0.2, 0.3, vectors.shape[1])
    truth = np.rint(truth + chance.normal(0, 0.1 * ONE, len(vectors))).clip(-ONE, ONE)
    line = ridge(vectors, truth, scale=scale, label=(0.0, 1.0), l2=1.0, rho=HUGE)
    told = by_moments(line, vectors, truth, HUGE)
    off = np.sqrt(np.mean((truth / ONE - line.predict(matrix)) ** 2))
    assert told.units == len(truth)
    assert np.sqrt(np.average((told.truth - told.said) ** 2, weights=told.worth)) == pytest.approx(
        off, rel=0.01
    )
    assert np.var(told.truth) == pytest.approx(np.var(truth / ONE), rel=0.01)


def test_counts_below_their_noise_are_not_told(loans):
    scale, matrix, labels, _ = loans
    vectors = scale.vectors(matrix)[:2000]
    line = logistic(vectors, labels[:2000], scale=scale, l2=1.0, rhos=[HUGE] * 3)
    told = [by_cells(line, vectors, labels[:2000], Decimal("0.01")).units for _ in range(5)]
    assert told == [0] * 5
    assert by_cells(line, vectors, labels[:2000], Decimal(1)).units > 1800


def test_errors_below_their_noise_are_not_told(loans):
    scale, matrix, _, _ = loans
    vectors = scale.vectors(matrix)[:50]
    line = ridge(vectors, np.zeros(50), scale=scale, label=(0.0, 1.0), l2=1.0, rho=HUGE)
    told = [by_moments(line, vectors, np.zeros(50), 1e-6).units for _ in range(20)]
    assert told.count(0) >= 10


@pytest.mark.parametrize(
    ("task", "metric", "least"), [("classification", "auc", 0.8), ("regression", "r2", 0.8)]
)
def test_a_whole_run_tells_quality_importance_and_model(task, metric, least):
    label = "bought" if task == "classification" else "spent"
    tables = halves(people(8000), ["age", "wealth", "kind", label], ["haste", "late"])
    out = train(private_plain("20", task), tables)
    assert not out.withheld
    assert out.metrics[metric] > least
    shares = out.table("importance").to_pydict()
    assert shares["column"] == [
        "left.age", "left.wealth", "left.kind", "right.haste", "right.late",
    ]  # fmt: skip
    weights = out.model.description.linear.coefficients[0]
    assert (weights[1], weights[5]) == pytest.approx((1.6, -1.2), abs=0.4)


def test_two_runs_over_the_same_rows_are_two_draws():
    tables = halves(people(500), ["age", "wealth", "kind", "bought"], ["haste", "late"])
    first, second = (train(private_plain("1"), tables) for _ in range(2))
    assert first.model_bytes != second.model_bytes


def test_too_few_units_are_withheld_by_their_noisy_number():
    tables = halves(people(200), ["age", "wealth", "kind", "bought"], ["haste", "late"])
    changes = {
        f"computations__model__outputs__{name}__gate": {"min_group": 100_000}
        for name in ("quality", "importance", "model")
    }
    out = train(private_plain("20"), tables, **changes)
    assert out.withheld == {"quality", "importance", "model"}


def test_labels_of_one_class_only_are_no_reason_to_withhold():
    """Whether anybody bought would tell of the one who did."""
    rows = people(2000)
    rows["bought"] = False
    tables = halves(rows, ["age", "wealth", "kind", "bought"], ["haste", "late"])
    assert not train(private_plain("5"), tables).withheld


def test_a_missing_value_counts_as_the_middle_of_its_bounds():
    rows = people(2000)
    rows.loc[:100, "wealth"] = None
    tables = halves(rows, ["age", "wealth", "kind", "bought"], ["haste", "late"])
    plain = private_plain("5", missing="mean")
    plain["datasets"]["customers"]["columns"][2]["nullable"] = True
    out = train(plain, tables)
    assert out.model.description.linear.fills == [50, 0, 0, 0, 0, 0, 0.5]


def test_each_unit_tests_by_a_coin_of_its_own():
    plain = private_plain()
    manifest = Manifest.from_plain(plain)
    plan = operations["train.linear"].plan(manifest.computations["model"], manifest.datasets, {})
    coins = [drawn_tests(40_000, plan.lesson) for _ in range(2)]
    assert np.mean(coins[0]) == pytest.approx(0.25, abs=0.01)
    assert np.mean(coins[0] & coins[1]) == pytest.approx(0.0625, abs=0.01)


def test_nobodys_features_are_tried_alone():
    with pytest.raises(InternalError, match="tried alone"):
        Studied.narrowed(None, np.ones(3, dtype=np.bool_))
