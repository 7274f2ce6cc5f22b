"""safetensors and ONNX: what is accepted, and that a file with one lie is refused by our reader."""

import json

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save

from cleanroom.dataset.models.check import check_model
from cleanroom.errors import ModelRefused
from tests.support.networks import (
    HIDDEN,
    forest_graph,
    layers,
    linear_graph,
    model_proto,
    safetensors,
)
from tests.support.predictions import AGE, DOSE, WARD, model_dataset

FEATURES = [AGE, {**DOSE, "nullable": False}, WARD]


def network(classes=2):
    return model_dataset(
        classes, format="safetensors", features=FEATURES, network={"hidden": HIDDEN}
    )


def graph(classes=2):
    return model_dataset(classes, format="onnx", features=FEATURES)


def shaken(change, outputs=2):
    """The file with its header changed."""
    raw = safetensors(outputs)
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    change(header)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + raw[8 + length :]


def entry(name="layers.0.bias", **fields):
    return lambda header: header[name].update(fields)


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_a_network_of_the_declared_layers_is_accepted(classes):
    outputs = max(classes, 1)
    assert check_model(safetensors(outputs), network(classes)).facts == {
        "layers": 3,
        "weights": sum(each.size for each in layers(outputs).values()),
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda header: header.pop("layers.1.bias"), r"the tensors are not .*see 'layers.1.bias'"),
        (lambda header: header.update(more=header["layers.0.bias"]), "see 'more'"),
        (lambda header: header.update(__metadata__={"a": 1}), "metadata of the file"),
        (entry(dtype="F16"), "a tensor is 'F16', expected 'F32'"),
        (entry(shape=[9]), r"has the shape \(9,\), expected \(8,\)"),
        (entry(shape=[2, 2, 2]), "no list of one or two"),
        (entry(shape=[-8]), "something else than whole numbers"),
        (entry(shape=[8.0]), "something else than whole numbers"),
        (entry(shape=[True]), "something else than whole numbers"),
        (entry(data_offsets=[0, 1 << 50]), "something else than whole numbers"),
        (entry(data_offsets=[4, 36]), "does not follow the tensor before it"),
        (entry(data_offsets=[0]), "where it begins and where it ends"),
        (entry(code="import os"), "does not have its three fields"),
    ],
)
def test_a_network_with_one_lie_is_refused(change, message):
    with pytest.raises(ModelRefused, match=message):
        check_model(shaken(change), network())


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (safetensors(2)[:-1], "the file has"),
        (safetensors(2) + b"\0\0\0\0", "the file has"),
        (safetensors(2)[:40], "looks like|header has"),
        (safetensors(3), "has the shape"),
        (save({**layers(2), "layers.0.bias": np.full(8, np.nan, np.float32)}), "not finite"),
        ((1 << 40).to_bytes(8, "little") + b"{}", "looks like"),
        (b"\x10\0\0\0\0\0\0\0" + b'{"a":{},"a":{}} ' + bytes(90), "same key twice"),
        (b"\x06\0\0\0\0\0\0\0" + b'{"a":1' + bytes(90), "not JSON"),
    ],
)
def test_a_damaged_network_is_refused(raw, message):
    with pytest.raises(ModelRefused, match=message):
        check_model(raw, network())


def test_plain_graphs_are_accepted():
    assert check_model(linear_graph().SerializeToString(), graph()).facts["operators"] == 2
    assert check_model(forest_graph().SerializeToString(), graph(0)).facts["operators"] == 1


def told(change):
    made = linear_graph()
    change(made)
    return made


def custom(domain="evil.example", operator="Run"):
    node = helper.make_node(operator, ["rows"], ["said"], domain=domain)
    sets = [helper.make_opsetid("", 20), helper.make_opsetid(domain, 1)]
    return model_proto([node], {}, sets=sets)


def looping():
    body = helper.make_graph([], "body", [], [])
    return model_proto([helper.make_node("Loop", ["", "", "rows"], ["said"], body=body)], {})


def holding():
    body = helper.make_graph([], "body", [], [])
    return model_proto([helper.make_node("Relu", ["rows"], ["said"], body=body)], {})


def external(made):
    tensor = made.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.ClearField("raw_data")
    tensor.external_data.add(key="location", value="/etc/passwd")


def huge(made):
    made.graph.initializer[0].dims[:] = [1 << 40, 1 << 40]


def sparse(made):
    made.graph.sparse_initializer.add()


def function(made):
    made.functions.add(name="f", domain="evil")


def two_inputs(made):
    made.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [None, 5]))


def doubles(made):
    made.graph.input[0].type.tensor_type.elem_type = TensorProto.DOUBLE


def old_set(made):
    made.opset_import[0].version = 7


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (custom(), "operator set 'evil.example' is custom"),
        (model_proto([helper.make_node("PyOp", ["rows"], ["said"])], {}), "the operator 'PyOp' of '' is not among"),
        (looping(), "the operator 'Loop'|attribute has field 6"),
        (holding(), "attribute has field 6"),
        (told(external), "tensor has field 1[34]"),
        (told(huge), "a tensor has the shape"),
        (told(sparse), "graph has field 15"),
        (told(function), "model has field 25"),
        (told(two_inputs), "the graph has 2 inputs"),
        (told(doubles), "type 11 and shape"),
        (told(old_set), "version of '' is not within 13"),
        (model_proto([helper.make_node("Relu", ["rows"], ["said"])], {}, width=9), "rows by 5"),
        (model_proto([], {}), "computes nothing"),
        (forest_graph(nodes_truenodeids=[7, 0, 0]), "nodes_truenodeids of a tree ensemble"),
        (forest_graph(nodes_falsenodeids=[-1, 0, 0]), "nodes_falsenodeids of a tree ensemble"),
        (forest_graph(nodes_featureids=[5, 0, 0]), "nodes_featureids of a tree ensemble"),
        (forest_graph(nodes_values=[1.0, 2.0]), "not of one length"),
        (forest_graph(target_nodeids=[1, 9]), "target_nodeids of a tree ensemble"),
        (forest_graph(target_weights=[1.0]), "leaves of a tree ensemble"),
        (forest_graph(nodes_values=[float("inf"), 0.0, 0.0]), "not finite"),
    ],
)  # fmt: skip
def test_a_graph_that_is_more_than_plain_is_refused(made, message):
    with pytest.raises(ModelRefused, match=message):
        check_model(made.SerializeToString(), graph())


@pytest.mark.parametrize("cut", [2, 30, 77, -3, -1])
def test_a_truncated_graph_is_refused(cut):
    with pytest.raises(ModelRefused, match=r"truncated|does not hold one graph|looks like"):
        check_model(linear_graph().SerializeToString()[:cut], graph())


def test_a_graph_after_a_graph_is_refused():
    raw = linear_graph().SerializeToString()
    with pytest.raises(ModelRefused, match="does not hold one graph"):
        check_model(raw + raw, graph())


def test_numbers_that_stand_outside_of_raw_bytes_are_counted():
    made = linear_graph()
    tensor = made.graph.initializer[1]
    values = numpy_helper.to_array(tensor)
    made.graph.initializer[1].CopyFrom(helper.make_tensor("b", TensorProto.FLOAT, [2], values))
    assert check_model(made.SerializeToString(), graph()).facts["numbers"] == 12
