"""A small network from safetensors, computed by numpy in 64-bit floats."""

import numpy as np
from safetensors.numpy import load

from cleanroom.dataset.models.check import CheckedModel
from cleanroom.dataset.models.layers import Layers, paired
from cleanroom.errors import ModelRefused


def network(model: CheckedModel) -> Layers:
    """Load a network.

    Raises:
        ModelRefused: the manifest declares no network.
    """
    declared = model.dataset.network
    if declared is None:
        raise ModelRefused("the manifest declares no layers for this model")
    tensors = {name: each.astype(np.float64) for name, each in load(model.content).items()}
    return Layers(paired(tensors), declared.activation, model.dataset.task == "classification")
