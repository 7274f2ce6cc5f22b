"""Lines fitted to noisy sums: ridge regression from one draw, logistic regression in noisy steps.

Ridge regression needs the second moments of features and label only (Dwork et al. 2014, "Analyze
Gauss"). Logistic regression needs its gradient at each step; the curvature is bounded by a quarter
of the features' second moments wherever the coefficients are (Böhning and Lindsay 1988), so noisy
moments, drawn once, are a step length for every direction, and few steps are enough.

Whatever happens to noisy sums costs nothing more. Features are scaled by their signed bounds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cleanroom.dataset.features import Matrix
from cleanroom.dataset.model_file import LinearPart
from enclave.computations.privacy.grid import (
    ONE,
    WEIGHT_ONE,
    Scale,
    Whole,
    moment_length,
    moments,
    rounded,
    scores,
    square_of,
    weighed,
)
from enclave.computations.privacy.noise import gaussian, gaussian_scale
from enclave.computations.privacy.tables import chance, looked_up, table

STEPS = 20
"""Steps of a logistic fit, where no parameter says how many."""
SHARE_OF_MOMENTS = 0.3
"""Of a logistic fit's budget; its steps share the rest."""
CHANCE_ONE = 1 << 14
"""What the chance 1 is in a residue."""
CHANCES = table(chance, CHANCE_ONE)
"""The logistic function, as a table."""


@dataclass(frozen=True, slots=True)
class NoisyLine:
    """A linear model that was fitted to noisy sums."""

    weights_whole: Whole
    """On the grid: of the 1, then of each scaled matrix column."""
    scale: Scale
    label: tuple[float, float]
    """What 0 and 1 of the fit are in units of the label; 0 and 1 for a classification."""
    task: str
    units: int
    """The noisy number of rows that it learned from; can be negative."""
    booster: bytes = b""
    network: None = None
    measured: tuple[()] = ()

    @property
    def linear(self) -> LinearPart:
        """See `Fitted.linear`: in the features' own units."""
        middle, half = self.label
        fitted = self.weights_whole / WEIGHT_ONE * half
        coefficients = fitted[1:] / self.scale.half
        intercept = middle + fitted[0] - float(coefficients @ self.scale.middle)
        return LinearPart(
            coefficients=[coefficients.tolist()],
            intercepts=[intercept],
            fills=self.scale.middle.tolist(),
        )

    def says(self, vectors: Whole) -> Whole:
        """See `Judged.says`."""
        return np.asarray(scores(vectors, self.weights_whole) >> 16)

    def predict(self, rows: Matrix) -> Matrix:
        """See `Fitted.predict`."""
        return self.linear.predict(rows, self.task)

    def weights(self) -> Matrix:
        """See `Fitted.weights`: absolute coefficients of features scaled by their bounds."""
        return np.asarray(np.abs(self.weights_whole[1:]))


def ridge(
    vectors: Whole,
    labels: Whole,
    *,
    scale: Scale,
    label: tuple[float, float],
    l2: float,
    rho: float,
) -> NoisyLine:
    """Fit a ridge regression.

    Args:
        vectors: from `Scale.vectors`.
        labels: between -1 and 1 in the same units.
        scale: of the vectors.
        label: middle and half of the label's bounds.
        l2: weight of the squared coefficients.
        rho: what the fit costs.
    """
    together = np.column_stack([vectors, labels])
    # one more place of at most 1: the label
    length = moment_length(scale.places + 2)
    noisy = square_of(gaussian(moments(together), length, rho), together.shape[1])
    curve = noisy[:-1, :-1] + _penalty(vectors, l2)
    firm = _firm(curve, gaussian_scale(length, rho) / ONE**2)
    weights = rounded(np.asarray(np.linalg.solve(firm, noisy[:-1, -1])))
    return NoisyLine(weights, scale, label, "regression", round(noisy[0, 0]))


def logistic(
    vectors: Whole, labels: Whole, *, scale: Scale, l2: float, rhos: Sequence[float]
) -> NoisyLine:
    """Fit a logistic regression of two classes.

    Args:
        vectors: from `Scale.vectors`.
        labels: 0 and 1.
        scale: of the vectors.
        l2: twice the weight of the squared coefficients.
        rhos: what the moments cost, then what each step costs.
    """
    length = moment_length(scale.places + 1)
    noisy = square_of(gaussian(moments(vectors), length, rhos[0]), vectors.shape[1])
    penalty = _penalty(vectors, l2)
    noise = gaussian_scale(length, rhos[0]) / ONE**2
    curve = _firm((noisy + 4 * penalty) / 4, noise / 4)
    truth = labels * CHANCE_ONE
    weights: Matrix = np.zeros(vectors.shape[1])
    late = []
    for rho in rhos[1:]:
        chances = looked_up(CHANCES, scores(vectors, rounded(weights)) >> 16)
        residues = (chances - truth).astype(np.int64)
        drawn = gaussian(weighed(vectors, residues), CHANCE_ONE * scale.length, rho)
        slope = np.array(drawn, dtype=np.float64) / (ONE * CHANCE_ONE) + penalty @ weights
        weights = weights - np.linalg.solve(curve, slope)
        late.append(weights)
    # the later half of the steps is about the same place, and their noise evens out
    settled = np.mean(late[len(late) // 2 :], axis=0)
    return NoisyLine(rounded(settled), scale, (0.0, 1.0), "classification", round(noisy[0, 0]))


def _penalty(vectors: Whole, l2: float) -> Matrix:
    """`l2` on every coefficient but the first."""
    return np.diag([0.0, *[l2] * (vectors.shape[1] - 1)])


def _firm(curve: Matrix, noise: float) -> Matrix:
    """The curvature, made at least as steep everywhere as its noise may be wrong."""
    floor = 2 * noise * np.sqrt(len(curve))
    values, directions = np.linalg.eigh(curve)
    return np.asarray((directions * np.maximum(values, floor)) @ directions.T)
