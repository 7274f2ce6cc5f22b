"""A network on its recipient's machine: read by plain Python, asked with numpy, torch or not."""

import numpy as np
import pyarrow as pa
import pytest
from safetensors.numpy import save

from cleanroom.client.models import model_of
from cleanroom.dataset.features import Feature
from cleanroom.dataset.model_file import LinearPart, ModelDescription
from cleanroom.dataset.network_part import FARTHEST, ROWS_AT_ONCE, NetworkPart
from cleanroom.encoding import content_digest
from cleanroom.errors import DataMismatch, Usage

WEIGHTS = {
    "layers.0.weight": np.array([[1, 2], [0, -1], [3, 0]], np.float32),
    "layers.0.bias": np.array([0.5, 0, -1], np.float32),
    "layers.1.weight": np.array([[1, 0, 1]], np.float32),
    "layers.1.bias": np.array([0.25], np.float32),
}
FEATURES = [
    Feature(input=side, column=name, owner=owner, values=None)
    for side, name, owner in (("left", "a", "bank"), ("right", "b", "shop"))
]
PART = NetworkPart(
    hidden=[3],
    activation="relu",
    fills=[10.0, 0.0],
    means=[10.0, 0.0],
    deviations=[2.0, 1.0],
    mean=100.0,
    deviation=10.0,
)


def described(raw, **fields):
    return ModelDescription(
        **{
            "kind": "torch",
            "task": "regression",
            "label": "left.spent",
            "label_owner": "bank",
            "classes": [],
            "features": FEATURES,
            "linear": None,
            "booster": content_digest(raw),
            "network": PART,
            **fields,
        }
    )


def table_of(raw, **fields):
    text = described(raw, **fields).to_bytes().decode()
    return pa.table({"description": [text], "booster": [raw]})


def test_a_network_says_what_its_layers_say():
    model = model_of(table_of(save(WEIGHTS)))
    # (12 - 10) / 2 = 1 and 1: max(0, 3.5), max(0, -1), max(0, 2), so 5.5 + 0.25
    assert model.predict({"left.a": [12.0], "right.b": [1.0]}).tolist() == [157.5]
    assert repr(model) == "Model(torch, regression of 'left.spent' from 2 features)"


def test_many_rows_are_asked_in_pieces_and_none_is_lost():
    model, rows = model_of(table_of(save(WEIGHTS))), ROWS_AT_ONCE + 3
    said = model.predict({"left.a": np.full(rows, 12.0), "right.b": np.ones(rows)})
    assert said.tolist() == [157.5] * rows
    assert (
        len(
            model.predict(
                {"left.a": pa.array([], pa.float64()), "right.b": pa.array([], pa.float64())}
            )
        )
        == 0
    )


def test_what_is_missing_is_a_mean_and_what_is_far_is_cut():
    filled = PART.standard(np.array([[np.nan, 1e30]]))
    assert (filled.tolist(), filled.dtype) == ([[0, FARTHEST]], np.float32)


def test_layers_that_end_early_or_are_others_are_refused():
    raw = save(WEIGHTS)
    other = table_of(raw).set_column(1, "booster", pa.array([raw[:-1]]))
    with pytest.raises(DataMismatch, match="not those that the description names"):
        model_of(other)
    for damaged in (raw[:-4], save({**WEIGHTS, "layers.2.bias": WEIGHTS["layers.1.bias"]}), b""):
        with pytest.raises(DataMismatch, match="the layers do not read"):
            model_of(table_of(damaged))
    wild = save({**WEIGHTS, "layers.1.bias": np.array([np.nan], np.float32)})
    with pytest.raises(DataMismatch, match="not finite"):
        model_of(table_of(wild))


@pytest.mark.parametrize(
    "fields",
    [
        {"network": None},
        {"kind": "gbdt"},
        {"network": PART.model_copy(update={"means": [1.0]})},
        {"features": FEATURES[:1]},
        {"booster": None},
    ],
)
def test_a_description_that_does_not_fit_itself_is_none(fields):
    with pytest.raises(ValueError, match=r"network|booster"):
        described(b"", **fields)


def test_a_description_without_a_network_has_the_bytes_it_always_had():
    line = LinearPart(coefficients=[[1.0, 2.0]], intercepts=[0.0], fills=[0.0, 0.0])
    told = described(b"", kind="linear", network=None, booster=None, linear=line)
    assert b"network" not in told.to_bytes()
    assert ModelDescription.from_bytes(told.to_bytes()) == told


def test_layers_are_saved_as_safetensors(tmp_path):
    model = model_of(table_of(save(WEIGHTS)))
    assert model.save(tmp_path / "m.safetensors").read_bytes() == save(WEIGHTS)
    assert model.save(tmp_path / "m.json").read_bytes() == model.description.to_bytes()
    with pytest.raises(Usage, match=r"expected a name in \.safetensors or \.json"):
        model.save(tmp_path / "m.ubj")
