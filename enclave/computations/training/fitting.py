"""The fit itself: scikit-learn, XGBoost or torch, each as on pooled rows.

The same rows, settings, seed and number of threads give the same model. What a fit says on the
side, such as a warning that it did not converge, is dropped: it depends on rows.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge

from cleanroom.dataset.features import Matrix
from cleanroom.dataset.model_file import LinearPart
from enclave.computations.plan import Lesson
from enclave.computations.training.examples import Examples
from enclave.computations.training.networks import fit_network
from enclave.computations.training.rounds import AfterRound, Measured
from enclave.computations.training.scaling import standardised
from enclave.computations.training.seen import Fitted
from enclave.computations.training.trees import fit_trees

ITERATIONS = 1000
"""Steps of the logistic solver, where no parameter says how many."""
TOLERANCE = 1e-8
"""Where the logistic solver stops: the largest part of the gradient."""


@dataclass(frozen=True, slots=True)
class Line:
    """A linear model."""

    linear: LinearPart
    task: str
    spread: Matrix
    """Standard deviation of each matrix column over the training rows."""
    booster: bytes = b""
    network: None = None
    measured: tuple[Measured, ...] = ()

    def predict(self, rows: Matrix) -> Matrix:
        """See `Fitted.predict`."""
        return self.linear.predict(rows, self.task)

    def weights(self) -> Matrix:
        """Absolute coefficients of standardised features, over all classes."""
        return np.asarray(np.abs(np.array(self.linear.coefficients) * self.spread).sum(axis=0))


def fit_linear(
    examples: Examples,
    lesson: Lesson,
    classes: list[str],
    names: list[str],
    after_round: AfterRound,
) -> Fitted:
    """Fit a logistic or ridge regression; a row of weight 2 counts as that row twice."""
    del classes, names, after_round  # scikit-learn does not say how its search goes
    training = examples.training
    (fills, means, deviations), scaled = standardised(training)
    model = _linear_model(lesson)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(scaled, training.labels, sample_weight=training.weights)
    coefficients = np.atleast_2d(model.coef_) / deviations
    intercepts = np.atleast_1d(model.intercept_) - coefficients @ means
    part = LinearPart(
        coefficients=coefficients.tolist(), intercepts=intercepts.tolist(), fills=fills.tolist()
    )
    return Line(part, lesson.task, deviations)


FITS: dict[str, Callable[[Examples, Lesson, list[str], list[str], AfterRound], Fitted]] = {
    "train.linear": fit_linear,
    "train.gbdt": fit_trees,
    "train.torch": fit_network,
}
"""How each operation learns: from examples, a lesson, classes and the matrix columns' names; told
to whoever wants to hear after each round."""


def _linear_model(lesson: Lesson) -> Any:  # noqa: ANN401 - scikit-learn has no types
    if lesson.task == "regression":
        return Ridge(alpha=lesson.settings["l2"], solver="cholesky")
    steps = int(lesson.settings.get("iterations", ITERATIONS))
    return LogisticRegression(C=1 / lesson.settings["l2"], max_iter=steps, tol=TOLERANCE)
