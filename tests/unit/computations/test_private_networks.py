"""Networks with noise: near an ordinary fit where ε is large, useful at 1, and better than a line."""

from decimal import Decimal

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score
from sklearn.neural_network import MLPClassifier

from cleanroom.manifest.model import Manifest, Network
from enclave.computations.privacy.accounting import allowed_rho, step_rhos
from enclave.computations.privacy.descent import (
    SHARE_OF_SPREADS,
    Declared,
    descend,
    drawn_spread,
    first_weights,
)
from enclave.computations.privacy.grid import ONE, scale_of, spread_length
from enclave.computations.privacy.lines import SHARE_OF_MOMENTS, STEPS, logistic
from enclave.computations.privacy.noise import gaussian_scale
from enclave.computations.registry import operations
from enclave.computations.training import optional
from tests.support.private_loans import CREDIT, column, loan_rows
from tests.support.private_trainings import NOISY_NETWORK, people, private_plain
from tests.support.trainings import halves, train

DELTA = Decimal("0.000000001")
HUGE = "1000"
"""An ε that leaves hardly any noise on thousands of rows."""


class Known:
    """Rows, labels 0 and 1, and which of them train."""

    def __init__(self, columns, matrix, labels):
        self.scale, self.matrix, self.labels = scale_of(columns), matrix, labels
        self.vectors = self.scale.vectors(matrix)
        self.trains = np.random.default_rng(1).random(len(labels)) < 0.75

    def fitted(self, epsilon, activation="relu", steps=80):
        declared = Declared(
            Network(hidden=[16], activation=activation), "classification", (0, 1), 1.0, 0.01, 1
        )
        rhos = step_rhos(allowed_rho(Decimal(epsilon), DELTA), steps, SHARE_OF_SPREADS)
        vectors, labels = self.vectors[self.trains], self.labels[self.trains] * ONE
        return descend(vectors, labels, scale=self.scale, declared=declared, rhos=rhos)

    def area(self, said):
        """Of what is said of the rows that do not train."""
        return roc_auc_score(self.labels[~self.trains], said)

    def area_of(self, fitted):
        return self.area(fitted.says(self.vectors[~self.trains]))

    def ordinary(self):
        """The area of scikit-learn's network of the same layers, without noise."""
        rows = self.vectors[:, 1:] / ONE
        rows = (rows - rows.mean(axis=0)) / (rows.std(axis=0) + 1e-9)
        fit = MLPClassifier((16,), max_iter=60, alpha=1.0, random_state=1, early_stopping=True)
        fit.fit(rows[self.trains], self.labels[self.trains])
        return self.area(fit.predict_proba(rows[~self.trains])[:, 1])


@pytest.fixture(scope="module")
def loans():
    """21,000 people, who default or not."""
    return Known(CREDIT, *loan_rows())


@pytest.fixture(scope="module")
def crossed():
    """10,000 rows whose class depends on which of two numbers is larger in size: no line tells."""
    chance = np.random.default_rng(5)
    matrix = chance.uniform(-1, 1, (10_000, 6))
    score = 8 * (np.abs(matrix[:, 0]) - np.abs(matrix[:, 1])) - 2 * matrix[:, 2]
    labels = (chance.random(len(matrix)) < 1 / (1 + np.exp(-score))).astype(np.float64)
    return Known([column(f"c{place}", "-1", "1") for place in range(6)], matrix, labels)


def test_with_a_huge_epsilon_loans_are_told_as_by_an_ordinary_network(loans):
    fitted = loans.fitted(HUGE)
    assert loans.area_of(fitted) == pytest.approx(loans.ordinary(), abs=0.01)
    assert fitted.units == pytest.approx(loans.trains.sum(), abs=20)
    answers = fitted.model.predict(loans.matrix[~loans.trains])
    assert loans.area(answers[:, 1]) == pytest.approx(loans.area_of(fitted), abs=0.001)


def test_with_a_huge_epsilon_tumours_are_told_as_by_an_ordinary_network():
    known = load_breast_cancer()
    ends = zip(known.data.min(axis=0), known.data.max(axis=0), strict=True)
    columns = [column(f"c{n}", f"{low:f}", f"{high:f}") for n, (low, high) in enumerate(ends)]
    tumours = Known(columns, known.data, known.target.astype(np.float64))
    assert tumours.area_of(tumours.fitted(HUGE)) >= tumours.ordinary() - 0.01


@pytest.mark.parametrize(("epsilon", "least"), [("1", 0.89), ("0.3", 0.85)])
def test_who_repays_is_still_told_with_noise(loans, epsilon, least):
    """Without noise 0.905; a line with noise tells 0.891 at an ε of 1."""
    assert loans.area_of(loans.fitted(epsilon)) > least


def test_what_no_line_tells_is_told_with_noise(crossed):
    """An ordinary network reaches 0.937."""
    rhos = step_rhos(allowed_rho(Decimal(1), DELTA), STEPS, SHARE_OF_MOMENTS)
    trains, vectors = crossed.trains, crossed.vectors
    labels = crossed.labels[trains]
    line = logistic(vectors[trains], labels, scale=crossed.scale, l2=1.0, rhos=rhos)
    assert crossed.area_of(line) < 0.7
    assert crossed.area_of(crossed.fitted("1")) > 0.9


def test_steps_without_noise_lower_the_loss(crossed):
    areas = [crossed.area_of(crossed.fitted(HUGE, "tanh", steps)) for steps in (5, 20, 60)]
    assert areas == sorted(areas)


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_what_is_tested_is_what_leaves(loans, activation):
    fitted = loans.fitted(HUGE, activation, steps=20)
    said = fitted.says(loans.vectors[:500]) / ONE
    ends = loans.scale.middle - loans.scale.half, loans.scale.middle + loans.scale.half
    answers = fitted.model.predict(np.clip(loans.matrix[:500], *ends))
    assert np.log(answers[:, 1] / answers[:, 0]) == pytest.approx(said, abs=0.02)


def test_means_and_deviations_are_those_of_the_rows(loans):
    spread = drawn_spread(loans.vectors, loans.scale.places, 1e9)
    columns = loans.vectors[:, 1:] / ONE
    assert spread.means == pytest.approx(columns.mean(axis=0), abs=1e-3)
    assert spread.deviations == pytest.approx(np.maximum(columns.std(axis=0), 1 / 32), abs=1e-3)
    assert spread.units == len(columns)


def test_deviations_below_their_noise_are_not_believed(loans):
    deviation = gaussian_scale(spread_length(loans.scale.places), 1e-4) / ONE**2
    for _ in range(20):
        spread = drawn_spread(loans.vectors[:5], loans.scale.places, 1e-4)
        least = min(1, 2 * deviation / max(spread.units + 1, 1))
        assert (least <= spread.deviations**2).all()
        assert (spread.deviations <= 1).all()


def test_first_weights_do_not_depend_on_rows():
    first, again = (first_weights([4, 3, 1], 1) for _ in range(2))
    assert [each.tolist() for each in first] == [each.tolist() for each in again]
    assert [each.shape for each in first] == [(5, 3), (4, 1)]
    assert not first[0][0].any()
    assert 0 < np.abs(first[0][1:]).max() <= np.sqrt(3 / 4)


@pytest.mark.parametrize(
    ("task", "metric", "least"), [("classification", "auc", 0.8), ("regression", "r2", 0.8)]
)
def test_a_whole_run_needs_no_torch_and_tells_quality_importance_and_model(
    monkeypatch, task, metric, least
):
    monkeypatch.setattr(optional, "find_spec", lambda _: None)
    label = "bought" if task == "classification" else "spent"
    rows = people(8000)
    tables = halves(rows, ["age", "wealth", "kind", label], ["haste", "late"])
    out = train(private_plain("20", task, **NOISY_NETWORK), tables)
    assert not out.withheld
    assert out.metrics[metric] > least
    shares = dict(zip(*list(out.table("importance").to_pydict().values())[1:], strict=True))
    assert shares["left.wealth"] > shares["left.age"]
    assert out.model.description.kind == "torch"
    asked = {"left.age": [50, 50], "left.wealth": [-2.0, 2.0], "left.kind": ["a", "a"]}
    asked |= {"right.haste": [0.0, 0.0], "right.late": [False, False]}
    low, high = out.model.predict(asked)
    assert np.all(high[-1:] > low[-1:]) if task == "classification" else high - low > 4
    if task == "regression":
        off = out.model.predict({f"{side}.{name}": rows[name] for side, name in COLUMNS})
        rmse = np.sqrt(np.mean((off - rows["spent"]) ** 2))
        assert rmse < 0.6
        assert out.metrics["rmse"] == pytest.approx(rmse, rel=0.35)  # its noise is 6 % of it


COLUMNS = [
    ("left", "age"),
    ("left", "wealth"),
    ("left", "kind"),
    ("right", "haste"),
    ("right", "late"),
]


def test_too_few_units_are_withheld_by_their_noisy_number():
    tables = halves(people(200), ["age", "wealth", "kind", "bought"], ["haste", "late"])
    changes = {
        f"computations__model__outputs__{name}__gate": {"min_group": 100_000}
        for name in ("quality", "importance", "model")
    }
    out = train(private_plain("20", **NOISY_NETWORK), tables, {"epochs": 2}, **changes)
    assert out.withheld == {"quality", "importance", "model"}


def test_two_runs_over_the_same_rows_are_two_draws():
    tables = halves(people(500), ["age", "wealth", "kind", "bought"], ["haste", "late"])
    plain = private_plain("1", **NOISY_NETWORK)
    first, second = (train(plain, tables, {"epochs": 2}) for _ in range(2))
    assert first.model_bytes != second.model_bytes


def test_a_run_costs_what_its_noise_costs():
    manifest = Manifest.from_plain(private_plain("2", **NOISY_NETWORK))
    computation = manifest.computations["model"]
    assert str(computation.loss) == "ε = 2, δ = 0.000000001"
    plan = operations["train.torch"].plan(computation, manifest.datasets, {"epochs": 30})
    assert plan.lesson.noise == computation.dp
    assert plan.lesson.settings == {"epochs": 30, "learning_rate": 1, "l2": 0.01, "batch": 256}
