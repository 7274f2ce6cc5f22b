"""A linear model or a network that was trained in the room, asked as its recipients would ask it.

The very code that an export is used with, over the same 64-bit rows: nothing is computed twice.
"""

from dataclasses import dataclass

import numpy as np

from cleanroom.dataset.features import Matrix
from cleanroom.dataset.kept_file import read_kept
from cleanroom.dataset.model_file import LinearPart
from cleanroom.dataset.models.check import CheckedModel
from cleanroom.dataset.models.layers import tensors_of
from cleanroom.dataset.network_part import NetworkModel
from cleanroom.errors import ModelRefused


@dataclass(frozen=True, slots=True)
class Line:
    """A linear model."""

    part: LinearPart
    """All of it."""
    task: str
    """`classification` or `regression`."""

    def scores(self, rows: Matrix) -> Matrix:
        """See `Scorer.scores`."""
        with np.errstate(all="ignore"):  # what overflows is not finite, and says nothing
            return _by_rows(self.part.predict(rows, self.task))


@dataclass(frozen=True, slots=True)
class Net:
    """A network."""

    model: NetworkModel
    """All of it."""

    def scores(self, rows: Matrix) -> Matrix:
        """See `Scorer.scores`."""
        with np.errstate(all="ignore"):  # as above
            return _by_rows(self.model.predict(rows))


def kept(model: CheckedModel) -> Line | Net:
    """Load a model.

    Raises:
        ModelRefused: the manifest says something else of it.
    """
    description, tensors = read_kept(model.content, model.dataset)
    if description.linear is not None:
        return Line(description.linear, description.task)
    if description.network is None:
        raise ModelRefused("the description is of no network and of no linear model")
    layers = tensors_of(tensors, description.sizes)
    return Net(NetworkModel(description.network, layers, description.task))


def _by_rows(said: Matrix) -> Matrix:
    return said if said.ndim == 2 else said[:, None]
