"""Linear models from reduced sums: the pooled fit, over shards that stay where they are.

Ridge regression needs the sums of products once; logistic regression is scikit-learn's own search
(L-BFGS from zero, with its scaling and its limits) with loss and gradient summed over the shards.
Coefficients differ from those of the pooled rows by rounding only.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import linalg, optimize

from cleanroom.dataset.features import Matrix
from cleanroom.dataset.model_file import LinearPart
from enclave.computations.plan import Lesson
from enclave.computations.training.fitting import ITERATIONS, TOLERANCE, Line
from enclave.computations.training.rounds import AfterRound
from enclave.computations.training.seen import Fitted
from enclave.computations.training.spread import Spread

EPSILON = float(np.finfo(np.float64).eps)
SEARCH = {"maxls": 50, "gtol": TOLERANCE, "ftol": 64 * EPSILON}
"""The limits that scikit-learn's `LogisticRegression` gives to L-BFGS besides its iterations."""


@dataclass(frozen=True, slots=True)
class Standard:
    """What brings the training rows to mean 0 and deviation 1."""

    weight: float
    """Of all rows together: their number, where all count alike."""
    fills: Matrix
    mean: Matrix
    scale: Matrix
    label_mean: float


def fit_reduced(
    seen: Spread, lesson: Lesson, classes: list[str], names: list[str], after_round: AfterRound
) -> Fitted:
    """Fit a logistic or ridge regression to the training rows of all shards."""
    del names
    standard = _standard(seen)
    seen.ask("standardise", standard.fills, standard.mean, standard.scale)
    if lesson.task == "regression":
        weights = _ridge(seen, lesson, standard)
    else:
        weights = _logistic(seen, lesson, standard, max(len(classes), 2), after_round)
    coefficients = weights[:, :-1] / standard.scale
    intercepts = weights[:, -1] - coefficients @ standard.mean
    part = LinearPart(
        coefficients=coefficients.tolist(),
        intercepts=intercepts.tolist(),
        fills=standard.fills.tolist(),
    )
    return Line(part, lesson.task, standard.scale)


def _standard(seen: Spread) -> Standard:
    """Means for missing values, then mean and deviation; a constant column keeps its scale."""
    there, present = _summed(seen.ask("present"))
    fills = np.asarray(present / np.where(there > 0, there, 1))
    weight, totals, labels = _summed(seen.ask("totals", fills))
    mean = totals / weight
    squares, rest = _summed(seen.ask("squares", fills, mean))
    variance = (squares - np.square(rest) / weight) / weight
    # the bound of Chan, Golub and LeVeque for the two passes, as in scikit-learn's scaler
    constant = variance <= weight * EPSILON * variance + np.square(weight * mean * EPSILON)
    scale = np.where(constant, 1.0, np.sqrt(variance))
    return Standard(weight, fills, mean, scale, labels / weight)


def _ridge(seen: Spread, lesson: Lesson, standard: Standard) -> Matrix:
    products, moments = _summed(seen.ask("gram", standard.label_mean))
    penalised = products + lesson.settings["l2"] * np.identity(len(moments))
    found = linalg.solve(penalised, moments, assume_a="pos")
    return np.append(found, standard.label_mean)[None, :]


def _logistic(
    seen: Spread, lesson: Lesson, standard: Standard, classes: int, after_round: AfterRound
) -> Matrix:
    width = len(standard.mean)
    shape = (1 if classes == 2 else classes, width + 1)
    penalty = lesson.settings["l2"] / standard.weight
    steps = 0

    def cost(flat: Matrix) -> tuple[float, Matrix]:
        weights = flat.reshape(shape)
        loss, slope = _summed(seen.ask("slope", weights))
        bare = weights * np.append(np.ones(width), 0)
        whole = loss / standard.weight + 0.5 * penalty * float(np.square(bare).sum())
        return whole, (slope / standard.weight + penalty * bare).ravel()

    def stepped(_found: Matrix) -> None:
        nonlocal steps
        steps += 1
        after_round(steps, {})

    limits = {**SEARCH, "maxiter": int(lesson.settings.get("iterations", ITERATIONS))}
    found = optimize.minimize(
        cost, np.zeros(shape).ravel(), method="L-BFGS-B", jac=True, options=limits, callback=stepped
    )
    return np.asarray(found.x).reshape(shape)


def _summed(answers: Iterable[Any]) -> list[Any]:
    """The sums of what the shards answered, place by place, always in the same order."""
    return [sum(values[1:], start=values[0]) for values in map(list, zip(*answers, strict=True))]
