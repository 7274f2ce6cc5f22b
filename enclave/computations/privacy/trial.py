"""How good a model is, told by noisy sums over the rows that test: stand-ins for these rows.

Each row that tests is counted once: by its class and the cell of its score, or by the moments of
truth and error. The counts get noise, and a few weighted rows are made up that have exactly the
noisy counts: whatever is computed of them knows nothing else.
"""

from dataclasses import dataclass
from decimal import Decimal
from math import sqrt
from typing import Any, Protocol

import numpy as np

from cleanroom.dataset.features import Matrix
from enclave.computations.privacy.grid import ONE, Whole
from enclave.computations.privacy.noise import gaussian, gaussian_scale, laplace

CELLS = 64
"""Cells of scores from -4 to 4, an eighth wide; what is farther belongs to the first and last."""
PER_SCORE = 8
"""Cells of a score of 1."""
MOMENTS_LENGTH = 43_350
"""The root of 1/4 + 1/4 + 1/4 + 1, in units of 2^-15, rounded up."""


class Judged(Protocol):
    """A model that is tested by noisy sums."""

    @property
    def label(self) -> tuple[float, float]:
        """What 0 and 1 of a number's label are in its units."""
        ...

    def says(self, vectors: Whole) -> Whole:
        """A whole number for each row, in units of 2^-15: a logistic score, or a label.

        What it says of a row depends on that row alone: on no other, and on no place.
        """
        ...


@dataclass(frozen=True, slots=True)
class StandIns:
    """Rows that nobody brought, with what a model says of them."""

    truth: np.ndarray[Any, Any]
    """Their labels."""
    said: Matrix
    """Probabilities, rows by classes, or one number for each."""
    worth: np.ndarray[Any, Any]
    """How many rows each stands for, not negative."""
    units: int
    """The noisy number of rows that tested; can be negative."""


def by_cells(model: Judged, vectors: Whole, labels: Whole, epsilon: Decimal) -> StandIns:
    """Test a classification: one row changes one of 128 counts, by one.

    Where the noise of all counts may stand for as many rows as there are, nothing is told: no row
    stands in.

    Args:
        model: what is tested.
        vectors: of the rows that test.
        labels: 0 and 1.
        epsilon: what the test costs.
    """
    score = np.floor(model.says(vectors) / (ONE // PER_SCORE)) + CELLS // 2
    cell = np.clip(score, 0, CELLS - 1).astype(np.int64)
    counts = np.bincount(cell + CELLS * labels.astype(np.int64), minlength=2 * CELLS)
    noisy = laplace([int(count) for count in counts], epsilon)
    middle = (np.arange(CELLS) - CELLS / 2 + 0.5) / PER_SCORE
    chance = np.tile(1 / (1 + np.exp(-middle)), 2)
    enough = sum(noisy) * epsilon >= len(noisy)
    return StandIns(
        truth=np.repeat([0, 1], CELLS),
        said=np.column_stack([1 - chance, chance]),
        worth=np.maximum(np.array(noisy, dtype=np.float64), 0),
        units=sum(noisy) if enough else 0,
    )


def by_moments(model: Judged, vectors: Whole, labels: Whole, rho: float) -> StandIns:
    """Test a regression: one row changes four sums by a vector of at most `MOMENTS_LENGTH`.

    An error of more than half of the label's range counts as that. Where the noise is larger than
    all errors together, nothing is told: no row stands in.

    Args:
        model: what is tested.
        vectors: of the rows that test.
        labels: between -1 and 1 in the same units.
        rho: what the test costs.
    """
    truth = labels.astype(np.int64)
    error = np.clip(labels - model.says(vectors), -ONE, ONE).astype(np.int64)
    # the first three count half, so that errors, which are small, get less of the noise
    sums = [
        ONE // 2 * len(truth),
        (truth >> 1).sum(),
        (truth**2 >> 16).sum(),
        (error**2 >> 15).sum(),
    ]
    drawn = gaussian([int(each) for each in sums], MOMENTS_LENGTH, rho)
    count, total, squares = (2 * each / ONE for each in drawn[:3])
    wrong = drawn[3] / ONE
    if wrong <= gaussian_scale(MOMENTS_LENGTH, rho) / ONE or count < 1:
        count = 0.0
    units = max(count, 1.0)
    mean, off = total / units, sqrt(max(wrong / units, 0.0))
    spread = sqrt(max(squares / units - mean**2, 0.0))
    middle, half = model.label
    ends = middle + half * np.array([mean - spread, mean + spread])
    return StandIns(
        truth=ends, said=ends + half * off, worth=np.full(2, units / 2), units=round(count)
    )
