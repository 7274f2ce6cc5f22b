"""Some rows with their labels and weights, of one process or of one worker of a gang.

Which rows these are is said elsewhere (`divisions`); nothing here is drawn or judged.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from cleanroom.dataset.features import Matrix
from enclave.computations.training.units import Numbers

Mask = np.ndarray[Any, np.dtype[np.bool_]]
"""Which of some rows, or of some columns."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Some rows with their labels."""

    rows: Matrix
    """Rows by matrix columns; NaN where a value is missing."""
    labels: Numbers
    """Numbers of classes, `int64`, or numbers, `float64`."""
    weights: Numbers | None
    """How much each row counts, `float64`, not negative; None where all count alike."""

    def chosen(self, which: Mask) -> "Sample":
        """Only the rows for which this says true."""
        return Sample(self.rows[which], self.labels[which], some(self.weights, which))

    def narrowed(self, kept: Mask) -> "Sample":
        """The same rows with some of the matrix's columns."""
        return Sample(np.ascontiguousarray(self.rows[:, kept]), self.labels, self.weights)

    @property
    def counting(self) -> "Sample":
        """Only the rows with a weight above 0."""
        return self if self.weights is None else self.chosen(self.weights > 0)


def some(weights: Numbers | None, which: Mask) -> Numbers | None:
    """The weights of the rows for which this says true; None where all count alike."""
    return None if weights is None else weights[which]
