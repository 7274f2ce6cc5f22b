"""Attack: a small ONNX file whose intermediate results take all the memory of a worker.

Every listed operator is harmless by itself. A column times a row is not, nor are rows times rows,
nor what doubles thirty times. The file is judged in plain Python before any library sees a byte.
"""

import numpy as np
import pytest
from onnx import TensorProto, helper

from cleanroom.dataset.models.check import check_model
from cleanroom.dataset.models.extents import ROWS_AT_ONCE
from cleanroom.errors import ModelRefused
from cleanroom.manifest.needs import GRAPH_BYTES
from tests.support.networks import WIDTH, forest_graph, linear_graph, model_proto
from tests.support.predictions import AGE, DOSE, WARD, model_dataset

FEATURES = [AGE, {**DOSE, "nullable": False}, WARD]
LONG = 20_000
COLUMN, ROW = np.zeros((LONG, 1), np.float32), np.zeros((1, LONG), np.float32)
ENDS = [
    helper.make_node("ReduceSum", ["rows"], ["said"], keepdims=1),
]


def judged(proto, classes=0):
    """Judge a graph as an owner's client and a worker do."""
    dataset = model_dataset(classes, format="onnx", features=FEATURES)
    return check_model(proto.SerializeToString(), dataset)


def node(operator, taken, given, **attributes):
    return helper.make_node(operator, taken, given, **attributes)


def swells(nodes, initializers=None, match=r"may take [0-9,]+ bytes at once, expected at most"):
    with pytest.raises(ModelRefused, match=match) as refused:
        judged(model_proto([*nodes, *ENDS], initializers or {}))
    return refused.value.message


def a_column_times_a_row():
    return swells([node("MatMul", ["c", "r"], ["x"])], {"c": COLUMN, "r": ROW})


def a_column_beside_a_row(operator="Add"):
    return swells([node(operator, ["c", "r"], ["x"])], {"c": COLUMN, "r": ROW})


def rows_times_rows():
    nodes = [
        node("Transpose", ["rows"], ["t"]),
        node("MatMul", ["rows", "t"], ["pairs"]),
        node("Unsqueeze", ["pairs", "last"], ["one"]),
        node("MatMul", ["one", "wide"], ["x"]),
    ]
    wide = np.zeros((1, 100), np.float32)
    return swells(nodes, {"last": np.array([2]), "wide": wide})


def what_doubles():
    nodes = [node("Concat", [f"x{n}"] * 2, [f"x{n + 1}"], axis=1) for n in range(1, 30)]
    return swells([node("Identity", ["rows"], ["x1"]), *nodes])


def an_index_that_repeats():
    nodes = [node("Gather", ["rows", "many"], ["x"], axis=1)]
    return swells(nodes, {"many": np.zeros(100_000, np.int64)})


def many_that_are_each_small_enough():
    wide = np.zeros((WIDTH, 5_000), np.float32)
    nodes = [node("MatMul", ["rows", "w"], [f"x{number}"]) for number in range(20)]
    return swells(nodes, {"w": wide})


def more_for_fewer_rows():
    """The fewer rows, the more places are looked up: at the most rows there are none."""
    nodes = [
        node("Shape", ["rows"], ["shape"]),
        node("Slice", ["shape", "zero", "one"], ["rows_"]),
        node("Slice", ["places", "rows_", "end"], ["left"]),
        node("Gather", ["rows", "left"], ["x"], axis=1),
    ]
    whole = {"zero": np.array([0]), "one": np.array([1]), "end": np.array([100_000])}
    return swells(nodes, {**whole, "places": np.zeros(100_000, np.int64)})


def numbers_that_become_texts():
    nodes = [
        node("MatMul", ["rows", "w"], ["x"]),
        node("Cast", ["x"], ["texts"], to=TensorProto.STRING),
    ]
    return swells(nodes, {"w": np.zeros((WIDTH, 8_000), np.float32)})


def a_long_text_again_and_again():
    names = np.array([b"x" * 10_000, b"y"], dtype=object)
    nodes = [node("Gather", ["names", "many"], ["x"])]
    return swells(nodes, {"names": names, "many": np.zeros(100_000, np.int64)})


def more_targets_than_trees():
    with pytest.raises(ModelRefused, match="may take") as refused:
        judged(forest_graph(n_targets=1 << 20))
    return refused.value.message


STORIES = [
    a_column_times_a_row,
    a_column_beside_a_row,
    rows_times_rows,
    what_doubles,
    an_index_that_repeats,
    many_that_are_each_small_enough,
    more_for_fewer_rows,
    numbers_that_become_texts,
    a_long_text_again_and_again,
    more_targets_than_trees,
]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_a_graph_that_swells_is_refused_before_a_library_sees_it(story):
    assert f"expected at most {GRAPH_BYTES:,}" in story()


@pytest.mark.parametrize("operator", ["Sub", "Mul", "Div", "Max", "Min", "Sum", "Equal", "Greater"])
def test_no_operator_of_two_values_makes_a_plane_of_a_column_and_a_row(operator):
    assert f"({operator}) and those before it" in a_column_beside_a_row(operator)


@pytest.mark.parametrize(
    "operator",
    ["Expand", "Tile", "ConstantOfShape", "Range", "OneHot", "Pad", "Resize", "CumSum", "Einsum"],
)
def test_what_grows_by_its_numbers_is_no_operator_at_all(operator):
    swells([node(operator, ["rows", "rows"], ["x"])], match="not among those that are run")


def test_what_would_have_taken_too_much_is_named():
    nodes = [node("Relu", ["rows"], ["y"]), node("MatMul", ["c", "r"], ["x"])]
    swells(
        nodes,
        {"c": COLUMN, "r": ROW},
        rf"^result 1 of the graph \(MatMul\) and those before it may take 3,\d\d\d,\d\d\d,\d\d\d "
        rf"bytes at once, expected at most {GRAPH_BYTES:,}$",
    )


@pytest.mark.parametrize(
    ("nodes", "match"),
    [
        ([node("Relu", ["nowhere"], ["x"])], "takes 'nowhere', which nothing before it gives"),
        ([node("Relu", ["rows"], ["rows"])], "gives 'rows', which is there already"),
        ([node("Squeeze", ["rows"], ["x"])], "'Squeeze' gives cannot be told: its axes are not"),
        ([node("Reshape", ["rows", "rows"], ["x"])], "'Reshape' gives cannot be told: the new"),
        ([node("Concat", ["rows", "rows"], ["x"], axis=5)], "axis 5 is none of 2"),
        ([node("Transpose", ["rows"], ["x"], perm=[0, 0])], "does not name each axis once"),
        ([node("MatMul", ["rows"], ["x"])], "'MatMul' lacks an input"),
        ([node("Dropout", [""], ["x"])], "'Dropout' lacks an input"),
        (
            [node("BatchNormalization", ["rows"] * 5, ["x", "y"])],
            "'BatchNormalization' gives cannot be told: it trains",
        ),
    ],
)
def test_what_cannot_be_told_is_refused(nodes, match):
    swells(nodes, match=match)


def test_graphs_that_people_make_pass():
    assert judged(linear_graph(), 2).facts["operators"] == 2
    assert judged(forest_graph()).facts["operators"] == 1
    hidden = 1024
    initializers = {"w0": np.zeros((WIDTH, hidden), np.float32), "b": np.zeros(hidden, np.float32)}
    nodes, last = [], "rows"
    for layer in range(8):
        initializers.setdefault(f"w{layer}", np.zeros((hidden, hidden), np.float32))
        nodes += [
            node("MatMul", [last, f"w{layer}"], [f"m{layer}"]),
            node("Add", [f"m{layer}", "b"], [f"a{layer}"]),
            node("Relu", [f"a{layer}"], [f"r{layer}"]),
        ]
        last = f"r{layer}"
    initializers["out"] = np.zeros((hidden, 1), np.float32)
    proto = model_proto([*nodes, node("MatMul", [last, "out"], ["said"])], initializers)
    assert 25 * ROWS_AT_ONCE * hidden * 8 < GRAPH_BYTES
    assert judged(proto).facts["operators"] == 25
