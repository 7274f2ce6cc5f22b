"""Small networks and graphs for tests, and what they say by plain numpy."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save

WIDTH = 5
HIDDEN = [8, 6]


def layers(outputs: int, hidden: list[int] | None = None) -> dict[str, np.ndarray]:
    """Weights of a network over the five numbers of a row; the same each time."""
    chance = np.random.default_rng(4)
    sizes = [WIDTH, *(HIDDEN if hidden is None else hidden), outputs]
    made = {}
    for place, (inputs, units) in enumerate(pairwise(sizes)):
        made[f"layers.{place}.weight"] = chance.normal(size=(units, inputs)).astype(np.float32) / 9
        made[f"layers.{place}.bias"] = chance.normal(size=units).astype(np.float32)
    return made


def safetensors(outputs: int, hidden: list[int] | None = None) -> bytes:
    """The file of such a network."""
    return save(layers(outputs, hidden))


def network_says(outputs: int, rows: np.ndarray, activation: str = "relu") -> np.ndarray:
    """Oracle: layer by layer; a softmax for more than one output."""
    tensors, signal = layers(outputs), rows.astype(np.float64)
    bend = {
        "relu": lambda x: np.maximum(x, 0),
        "tanh": np.tanh,
        "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    }
    for place in range(len(tensors) // 2):
        signal = bend[activation](signal) if place else signal
        signal = (
            signal @ tensors[f"layers.{place}.weight"].T.astype(float)
            + tensors[f"layers.{place}.bias"]
        )
    if outputs == 1:
        return signal
    raised = np.exp(signal)
    return raised / raised.sum(axis=1, keepdims=True)


def model_proto(
    nodes: list[Any], initializers: Mapping[str, np.ndarray], **more: Any
) -> onnx.ModelProto:
    """A graph from `rows` to `said`."""
    given = helper.make_tensor_value_info(
        "rows", TensorProto.FLOAT, [None, more.pop("width", WIDTH)]
    )
    told = helper.make_tensor_value_info("said", TensorProto.FLOAT, ["n", "m"])
    tensors = [numpy_helper.from_array(each, name) for name, each in initializers.items()]
    graph = helper.make_graph(nodes, "scorer", [given], [told], tensors)
    sets = more.pop("sets", [helper.make_opsetid("", 20), helper.make_opsetid("ai.onnx.ml", 3)])
    return helper.make_model(graph, opset_imports=sets, ir_version=9, **more)


def linear_graph(outputs: int = 2) -> onnx.ModelProto:
    """A linear model with a softmax."""
    tensors = layers(outputs, [])
    initializers = {"w": tensors["layers.0.weight"], "b": tensors["layers.0.bias"]}
    nodes = [
        helper.make_node("Gemm", ["rows", "w", "b"], ["raw"], transB=1),
        helper.make_node("Softmax", ["raw"], ["said"], axis=1),
    ]
    return model_proto(nodes, initializers)


def linear_says(outputs: int, rows: np.ndarray) -> np.ndarray:
    """Oracle of `linear_graph`."""
    tensors = layers(outputs, [])
    raised = np.exp(
        rows.astype(float) @ tensors["layers.0.weight"].T.astype(float) + tensors["layers.0.bias"]
    )
    return raised / raised.sum(axis=1, keepdims=True)


def forest_graph(**changes: Any) -> onnx.ModelProto:
    """One tree for a regression: 1 below, 2 above 40 of the first number."""
    plain: dict[str, Any] = {
        "n_targets": 1,
        "nodes_treeids": [0, 0, 0],
        "nodes_nodeids": [0, 1, 2],
        "nodes_featureids": [0, 0, 0],
        "nodes_values": [40.0, 0.0, 0.0],
        "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
        "nodes_truenodeids": [1, 0, 0],
        "nodes_falsenodeids": [2, 0, 0],
        "target_treeids": [0, 0],
        "target_nodeids": [1, 2],
        "target_ids": [0, 0],
        "target_weights": [1.0, 2.0],
    }
    node = helper.make_node(
        "TreeEnsembleRegressor", ["rows"], ["said"], domain="ai.onnx.ml", **(plain | changes)
    )
    return model_proto([node], {})
