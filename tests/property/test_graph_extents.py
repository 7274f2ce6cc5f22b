"""What ONNX Runtime gives is never larger than was judged from the file, whatever the rows are.

Oracle: the runtime itself, which tells every intermediate result of graphs that are made up.
"""

import numpy as np
import onnxruntime
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from cleanroom.dataset.models import graphs, intermediates
from cleanroom.dataset.models.extents import ROWS_AT_ONCE
from cleanroom.errors import ModelRefused
from tests.support.networks import WIDTH, model_proto
from tests.support.predictions import AGE, DOSE, WARD, model_dataset

FEATURES = [AGE, {**DOSE, "nullable": False}, WARD]
CONSTANTS = {
    "scalar": np.array(2, np.float32),
    "bias": np.ones(WIDTH, np.float32),
    "column": np.ones((4, 1), np.float32),
    "square": np.ones((WIDTH, WIDTH), np.float32),
    "deep": np.ones((2, 1, WIDTH), np.float32),
}
WHOLE = {
    "zero": np.array([0]),
    "one": np.array([1]),
    "pair": np.array([0, -1]),
    "flat": np.array([-1]),
    "lines": np.array([-1, WIDTH]),
    "kept": np.array([0, -1]),
    "apart": np.array([0, WIDTH, 1]),
    "point": np.array(0),
}
UNARY = ["Relu", "Softmax", "Identity", "Flatten", "Neg", "Dropout", "Tanh", "Shape", "Transpose"]
BINARY = ["Add", "Mul", "MatMul", "Concat", "Max", "Gemm", "Where"]
WITH_WHOLE = ["Reshape", "Gather", "Unsqueeze", "Squeeze", "ReduceSum", "Slice", "Split"]


TAKES = {
    **dict.fromkeys(UNARY, lambda one, _, __: [one]),
    **dict.fromkeys(BINARY, lambda one, other, _: [one, other]),
    **dict.fromkeys(WITH_WHOLE, lambda one, _, whole: [one, whole]),
    "Concat": lambda one, other, _: [one, other, one],
    "Where": lambda one, other, _: ["yes", one, other],
    "Slice": lambda one, _, whole: [one, "zero", "one", whole],
    "Split": lambda one, _, __: [one],
}
ATTRIBUTES = {
    **dict.fromkeys(("Softmax", "Flatten", "Concat", "Gather"), lambda axis: {"axis": axis}),
    "Gemm": lambda axis: {"transA": axis % 2},
    "ReduceSum": lambda axis: {"keepdims": axis % 2},
    "Split": lambda axis: {"axis": axis, "num_outputs": 2},
}


def step(number, operator, taken, axis):
    """A node, and what it gives."""
    given_names = [f"x{number}", f"x{number}b"] if operator == "Split" else [f"x{number}"]
    attributes = ATTRIBUTES.get(operator, lambda _: {})(axis)
    return helper.make_node(operator, taken, given_names, **attributes)


STEPS = st.lists(
    st.tuples(
        st.sampled_from([*UNARY, *BINARY, *WITH_WHOLE]),
        st.integers(0, 7),
        st.integers(0, 40),
        st.sampled_from([*WHOLE]),
        st.integers(-2, 2),
    ),
    min_size=1,
    max_size=6,
)


def judged(proto):
    """Every result with its bound; None where the graph is refused."""
    found = {}

    def keeping(*arguments):
        found.update((name, made) for _, name, made in intermediates.results(*arguments))
        return 0

    before, graphs.require_bounded = graphs.require_bounded, keeping
    try:
        dataset = model_dataset(0, format="onnx", features=FEATURES)
        graphs.require_graph(proto.SerializeToString(), dataset)
    except ModelRefused:
        return None
    finally:
        graphs.require_bounded = before
    return found


def run(proto, rows):
    """Every result as the runtime gives it; nothing where it gives up."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = onnxruntime.InferenceSession(
            proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        names = [each.name for each in session.get_outputs()]
        given_rows = np.ones((rows, WIDTH), np.float32)
        return dict(zip(names, session.run(names, {"rows": given_rows}), strict=True))
    except Exception:  # noqa: BLE001 - the runtime's errors have no common base
        return {}


def graph_of(steps):
    """Steps as a graph that tells each of its results; most take what the last one gave."""
    names, nodes = [*CONSTANTS, "rows"], []
    for number, (operator, back, other, whole, axis) in enumerate(steps):
        one = names[-1 - back] if back < 2 and len(nodes) > back else names[-1]
        taken = TAKES[operator](one, names[other % len(names)], whole)
        nodes.append(step(number, operator, taken, axis))
        names += nodes[-1].output
    proto = model_proto(nodes, {**CONSTANTS, **WHOLE, "yes": np.array([True])})
    del proto.graph.output[:]
    for each in nodes:
        proto.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in each.output)
    return proto


@settings(
    max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
@given(STEPS, st.sampled_from([1, 2, 4, 7, ROWS_AT_ONCE]))
def test_no_result_is_larger_than_judged(steps, rows):
    proto = graph_of(steps)
    bounds = judged(proto)
    if bounds is None:
        return
    for name, value in run(proto, rows).items():
        bound = bounds[name]
        assert value.ndim == len(bound.axes)
        assert all(size <= axis.most for size, axis in zip(value.shape, bound.axes, strict=True))
        assert value.nbytes <= bound.count * bound.width
        assert all(
            size == axis.scale * rows**axis.rows
            for size, axis in zip(value.shape, bound.axes, strict=True)
            if axis.exact
        )


def test_a_shape_that_is_computed_from_the_rows_own_is_followed():
    nodes = [
        helper.make_node("Shape", ["rows"], ["shape"]),
        helper.make_node("Gather", ["shape", "point"], ["count"]),
        helper.make_node("Unsqueeze", ["count", "zero"], ["counts"]),
        helper.make_node("Concat", ["counts", "flat"], ["new"], axis=0),
        helper.make_node("Reshape", ["rows", "new"], ["said"]),
        helper.make_node("Add", ["said", "bias"], ["more"]),
    ]
    proto = model_proto(nodes, {**CONSTANTS, **WHOLE})
    more = judged(proto)["more"]
    assert [axis.most for axis in more.axes] == [ROWS_AT_ONCE, WIDTH]
    assert more.count == ROWS_AT_ONCE * WIDTH
    assert TensorProto.INT64 == graphs.INT64
