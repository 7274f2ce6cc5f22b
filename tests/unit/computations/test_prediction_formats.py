"""Networks and graphs say in a run what plain numpy says of the same rows."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from cleanroom.errors import ModelRefused
from tests.support.networks import (
    HIDDEN,
    forest_graph,
    linear_graph,
    linear_says,
    model_proto,
    network_says,
    safetensors,
)
from tests.support.predictions import (
    AGE,
    CLASSES,
    DOSE,
    WARD,
    numbers,
    people,
    prediction_plain,
    released,
    scores,
    table,
)

FEATURES = [AGE, {**DOSE, "nullable": False}, WARD]


def plain_of(classes, form, **network):
    changes = {"datasets__scorer__format": form, "datasets__scorer__features": FEATURES}
    changes["datasets__patients__columns__2__nullable"] = False
    if network:
        changes["datasets__scorer__network"] = network
    return prediction_plain(classes, **changes)


def rows():
    return people().fillna({"dose": 0.5})


def answers(classes):
    return [f"probability.{name}" for name in CLASSES[classes]] if classes else ["value"]


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("classes", [0, 3])
def test_scores_of_a_network_are_those_of_numpy(classes, activation):
    plain = plain_of(classes, "safetensors", hidden=HIDDEN, activation=activation)
    found = scores(plain, {"rows": table(rows())}, safetensors(max(classes, 1)), 2)
    said = network_says(max(classes, 1), numbers(rows()), activation)
    np.testing.assert_allclose(found[answers(classes)], said.round(4), atol=1e-9)


@pytest.mark.parametrize("classes", [2, 3])
def test_scores_of_a_graph_are_those_of_numpy(classes):
    made = linear_graph(classes).SerializeToString()
    found = scores(plain_of(classes, "onnx"), {"rows": table(rows())}, made, 2)
    np.testing.assert_allclose(
        found[answers(classes)], linear_says(classes, numbers(rows())), atol=1.1e-4
    )


def test_trees_of_a_graph_are_followed():
    found = scores(plain_of(0, "onnx"), {"rows": table(rows())}, forest_graph().SerializeToString())
    assert found["value"].tolist() == [2.0 if age > 40 else 1.0 for age in rows()["age"]]


def falling_at(age):
    """A graph that looks a row up which is not there, for people of one age."""
    index = helper.make_node("Cast", ["wrong"], ["index"], to=TensorProto.INT64)
    nodes = [
        helper.make_node("Gather", ["rows", "zero"], ["age"], axis=1),
        helper.make_node("Equal", ["age", "bad"], ["is"]),
        helper.make_node("Cast", ["is"], ["flag"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["flag", "far"], ["wrong"]),
        index,
        helper.make_node("Gather", ["table", "index"], ["raw"]),
        helper.make_node("Reshape", ["raw", "shape"], ["said"]),
    ]
    initializers = {
        "zero": np.array([0]),
        "bad": np.array([age], np.float32),
        "far": np.array([1000], np.float32),
        "table": np.array([1, 2], np.float32),
        "shape": np.array([-1, 1]),
    }
    return model_proto(nodes, initializers).SerializeToString()


def test_a_graph_cannot_end_a_run_because_of_a_row():
    frame = rows().assign(age=30)
    plain = plain_of(0, "onnx")
    assert (scores(plain, {"rows": table(frame)}, falling_at(31))["value"] == 1).all()
    frame.loc[3, "age"] = 31
    (one,) = released(plain, {"rows": table(frame)}, falling_at(31))
    assert not one.suppressed
    assert np.isnan(one.table["value"].to_numpy()).all()


def test_a_graph_that_says_another_number_of_numbers_is_refused():
    made = linear_graph(3).SerializeToString()
    with pytest.raises(ModelRefused, match="does not say 2 finite numbers"):
        released(plain_of(2, "onnx"), {"rows": table(rows())}, made)


def test_a_network_that_overflows_says_nothing_of_that_row():
    frame = rows()
    frame.loc[5, "dose"] = 900.0
    big = safetensors(1)
    plain = plain_of(0, "safetensors", hidden=HIDDEN)
    assert np.isfinite(scores(plain, {"rows": table(frame)}, big)["value"]).all()
