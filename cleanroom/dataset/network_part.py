"""What of a trained network is no tensor: how rows become its numbers, and these an answer.

The room that learned it and whoever received it compute its answers by this one module, with numpy
alone: no training library is needed to use a network.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from cleanroom.dataset.features import Matrix
from cleanroom.dataset.models.layers import Layers, paired
from cleanroom.encoding import Record

FARTHEST = 100.0
"""A feature counts as no farther from its mean, in deviations: a single value overflows nothing."""
ROWS_AT_ONCE = 1 << 14
"""Rows that are computed together; 1,024 units of each are 128 MiB."""


class NetworkPart(Record):
    """A network without its tensors."""

    hidden: list[int] = Field(max_length=16)
    """Units of each hidden layer, in order."""
    activation: Literal["relu", "tanh", "sigmoid"]
    """Applied after each hidden layer."""
    fills: list[float]
    """What a missing value counts as, by matrix column."""
    means: list[float]
    """Taken off each matrix column."""
    deviations: list[float]
    """Each matrix column is then divided by its own."""
    mean: float
    """Added to the number that a regression says; 0 for classes."""
    deviation: float
    """A regression's number is multiplied by it before; 1 for classes."""

    @property
    def width(self) -> int:
        """How many matrix columns it takes; -1 if its parts disagree."""
        lengths = {len(self.fills), len(self.means), len(self.deviations)}
        return len(self.fills) if len(lengths) == 1 else -1

    def standard(self, rows: Matrix) -> Matrix:
        """The first layer's numbers, `float32`, complete and within `FARTHEST`."""
        complete = np.where(np.isnan(rows), np.array(self.fills), rows)
        scaled = (complete - np.array(self.means)) / np.array(self.deviations)
        return np.asarray(np.clip(scaled, -FARTHEST, FARTHEST).astype(np.float32))


@dataclass(frozen=True, slots=True)
class NetworkModel:
    """A whole network."""

    part: NetworkPart
    """How rows become its numbers."""
    tensors: Mapping[str, Matrix]
    """Weights and biases, `float64`, by their names in the file."""
    task: str
    """`classification` or `regression`."""

    def predict(self, rows: Matrix) -> Matrix:
        """What the model says of rows.

        Args:
            rows: from `features.matrix`.

        Returns:
            Probabilities, rows by classes; for a regression one number for each row.
        """
        classes = self.task == "classification"
        layers = Layers(paired(self.tensors), self.part.activation, classes)
        said = np.concatenate(
            [
                layers.scores(self.part.standard(rows[start : start + ROWS_AT_ONCE]))
                for start in range(0, max(len(rows), 1), ROWS_AT_ONCE)
            ]
        )
        return said if classes else said[:, 0] * self.part.deviation + self.part.mean
