"""Models that say something of rows, each by the library of its format.

Only a `CheckedModel` becomes one: no byte that was not judged reaches a native reader.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from cleanroom.dataset.features import Matrix
from cleanroom.dataset.models.check import CheckedModel
from enclave.computations.threads import THREADS

BATCH = 1 << 17
"""Rows that are scored in one go."""


class Scorer(Protocol):
    """A loaded model."""

    def scores(self, rows: Matrix) -> Matrix:
        """What it says of some rows.

        Args:
            rows: rows by matrix columns, of the format's `PRECISION`, in C order; NaN where a value
                is missing.

        Returns:
            Rows by classes, or by one number, `float64`; NaN where it does not say anything.
        """
        ...


@dataclass(frozen=True, slots=True)
class Trees:
    """XGBoost's trees."""

    booster: Any
    """`xgboost.Booster`."""
    classes: int
    """How many there are; 0 for a number."""

    def scores(self, rows: Matrix) -> Matrix:
        """See `Scorer.scores`."""
        said = self.booster.inplace_predict(rows, missing=np.nan).astype(np.float64)
        if self.classes == 2:
            return np.column_stack([1 - said, said])
        return np.asarray(said.reshape(len(rows), max(self.classes, 1)))


def trees(model: CheckedModel) -> Scorer:
    """Load XGBoost's trees."""
    import xgboost  # noqa: PLC0415 - it takes seconds to import: only a run that needs it pays

    booster = xgboost.Booster({"nthread": THREADS}, model_file=bytearray(model.content))
    return Trees(booster, len(model.dataset.classes))


def network(model: CheckedModel) -> Scorer:
    """Load a network from safetensors."""
    from enclave.computations.prediction import networks  # noqa: PLC0415 - as above

    return networks.network(model)


def kept(model: CheckedModel) -> Scorer:
    """Load a linear model or a network that was trained in the room."""
    from enclave.computations.prediction import kept as found  # noqa: PLC0415 - as above

    return found.kept(model)


def graph(model: CheckedModel) -> Scorer:
    """Load an ONNX graph."""
    from enclave.computations.prediction import graphs  # noqa: PLC0415 - as above

    return graphs.graph(model)


LOADERS: Mapping[str, Callable[[CheckedModel], Scorer]] = {
    "xgboost-ubj": trees,
    "onnx": graph,
    "safetensors": network,
    "cleanroom": kept,
}
"""How a model of each format is loaded."""

PRECISION: Mapping[str, type[np.floating[Any]]] = {
    "xgboost-ubj": np.float32,
    "onnx": np.float32,
    "safetensors": np.float32,
    "cleanroom": np.float64,
}
"""The numbers that a model of each format takes: of one trained here, as its training took them."""


def scored(scorer: Scorer, rows: Matrix, width: int) -> Matrix:
    """What a model says of any number of rows, batch by batch.

    Args:
        scorer: the model.
        rows: rows by matrix columns.
        width: how many numbers it says of each row.
    """
    said = np.empty((len(rows), width))
    for start in range(0, len(rows), BATCH):
        said[start : start + BATCH] = scorer.scores(rows[start : start + BATCH])
    return said
