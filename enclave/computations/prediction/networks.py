"""A small network from safetensors, computed by numpy in 64-bit floats."""

from dataclasses import dataclass

import numpy as np
from safetensors.numpy import load

from cleanroom.dataset.features import Matrix
from cleanroom.dataset.models.check import CheckedModel
from cleanroom.dataset.models.tensors import layers_of
from cleanroom.errors import ModelRefused


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
        """See `Scorer.scores`."""
        with np.errstate(all="ignore"):  # what overflows is not finite, and says nothing
            signal: Matrix = rows.astype(np.float64)
            for place, (weight, bias) in enumerate(self.layers):
                if place:
                    signal = _activated(signal, self.activation)
                signal = signal @ weight.T + bias
            return _softmax(signal) if self.classes else signal


def network(model: CheckedModel) -> Layers:
    """Load a network.

    Raises:
        ModelRefused: the manifest declares no network.
    """
    declared = model.dataset.network
    if declared is None:
        raise ModelRefused("the manifest declares no layers for this model")
    tensors = {name: each.astype(np.float64) for name, each in load(model.content).items()}
    count = len(layers_of(model.dataset)) // 2
    layers = tuple(
        (tensors[f"layers.{place}.weight"], tensors[f"layers.{place}.bias"])
        for place in range(count)
    )
    return Layers(layers, declared.activation, model.dataset.task == "classification")


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
