"""Some rows with their labels and weights, of one process or of one worker of a gang.

Which rows these are is said elsewhere (`divisions`); nothing here is drawn or judged. Rows are
written once, where the fit that takes most of them finds them together.
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

    def chosen(self, which: Mask | Numbers | slice) -> "Sample":
        """Only these rows; those of a slice are not copied."""
        return Sample(self.rows[which], self.labels[which], some(self.weights, which))

    def narrowed(self, kept: Mask) -> "Sample":
        """The same rows with some of the matrix's columns."""
        return Sample(np.ascontiguousarray(self.rows[:, kept]), self.labels, self.weights)

    @property
    def counting(self) -> "Sample":
        """Only the rows with a weight above 0."""
        return self if self.weights is None else self.chosen(self.weights > 0)


@dataclass(frozen=True, slots=True)
class Arranged:
    """Rows that do not stand in the joined order, but with those that do the same together."""

    sample: Sample
    """In the order in which they stand."""
    place: Numbers
    """Where each row of the joined order stands."""

    def chosen(self, which: Mask) -> Sample:
        """The rows of the joined order for which this says true, in that order.

        Those that stand so already, without others between them, are not copied.
        """
        rows = self.place[which]
        if len(rows) and bool((np.diff(rows) == 1).all()):
            return self.sample.chosen(slice(rows[0], rows[-1] + 1))
        return self.sample.chosen(rows)

    def narrowed(self, kept: Mask) -> "Arranged":
        """The same rows with some of the matrix's columns."""
        return Arranged(self.sample.narrowed(kept), self.place)

    @property
    def weights(self) -> Numbers | None:
        """How much each row counts, in the joined order."""
        return some(self.sample.weights, self.place)


def arrangement(roles: Numbers) -> tuple[Numbers, Numbers]:
    """Which row stands where, and where each row stands, so that rows of one role are together."""
    order = np.argsort(roles, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return order, place


def some(weights: Numbers | None, which: Mask | Numbers | slice) -> Numbers | None:
    """The weights of these rows; None where all count alike."""
    return None if weights is None else weights[which]
