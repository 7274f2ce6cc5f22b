"""The layers of a small network, computed by numpy in 64-bit floats, wherever they were learned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cleanroom.dataset.features import Matrix
from cleanroom.dataset.models.tensors import read_tensors, shapes_of


@dataclass(frozen=True, slots=True)
class Layers:
    """Weights and biases, layer by layer."""

    layers: tuple[tuple[Matrix, Matrix], ...]
    """Outputs by inputs, and one number for each output."""
    activation: str
    """Between the layers."""
    classes: bool
    """Whether the last layer's outputs become probabilities."""

    def scores(self, rows: Matrix) -> Matrix:
        """One number for each output of each row; not finite where the layers overflow."""
        with np.errstate(all="ignore"):  # what overflows is not finite, and says nothing
            signal: Matrix = rows.astype(np.float64)
            for place, (weight, bias) in enumerate(self.layers):
                if place:
                    signal = _activated(signal, self.activation)
                signal = signal @ weight.T + bias
            return _softmax(signal) if self.classes else signal


def tensors_of(raw: bytes, sizes: Sequence[int]) -> dict[str, Matrix]:
    """The tensors of a safetensors file, as 64-bit floats, without any package that reads it.

    Args:
        raw: the file.
        sizes: see `shapes_of`.

    Raises:
        ModelRefused: it does not hold exactly these layers.
    """
    shapes = shapes_of(sizes)
    return {
        name: np.array(numbers, np.float64).reshape(shapes[name])
        for name, numbers in read_tensors(raw, shapes).items()
    }


def paired(tensors: Mapping[str, Matrix]) -> tuple[tuple[Matrix, Matrix], ...]:
    """Weight and bias of each layer, in order."""
    return tuple(
        (tensors[f"layers.{place}.weight"], tensors[f"layers.{place}.bias"])
        for place in range(len(tensors) // 2)
    )


def _activated(signal: Matrix, activation: str) -> Matrix:
    match activation:
        case "relu":
            return np.asarray(np.maximum(signal, 0))
        case "tanh":
            return np.asarray(np.tanh(signal))
        case _:
            return np.asarray(1 / (1 + np.exp(-signal)))


def _softmax(signal: Matrix) -> Matrix:
    raised = np.exp(signal - signal.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
