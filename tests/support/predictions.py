"""Predictions for tests: a shop's model over a bank's rows, the run, and models to bend.

The oracle is XGBoost alone, on rows that pandas joined; it shares no code with the room.
"""

import secrets
import struct
from array import array
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import xgboost

from cleanroom.client.opening import read_table
from cleanroom.dataset.models.ubj import read_ubj
from cleanroom.manifest.model import Manifest, ModelDataset
from enclave.computations.encode import encode
from enclave.computations.process import compute
from enclave.computations.registry import operations
from enclave.computations.release import Released
from tests.support.manifests import changed, good_plain

ID = {"name": "id", "type": "int64", "role": "identity"}
CLASSES = {2: ["no", "yes"], 3: ["blue", "green", "red"]}
FEATURES = ("age", "dose", "ward")
WARDS = ["east", "north", "west"]
AGE = {"name": "age", "type": "int64"}
DOSE = {"name": "dose", "type": "float64", "nullable": True}
WARD = {"name": "ward", "type": "string", "values": WARDS}


def column(of: dict[str, Any], role: str = "feature") -> dict[str, Any]:
    """The column of a table that brings a feature of the model."""
    bounds = {"bounds": ["-1000", "1000"]} if of["type"] == "float64" else {}
    return {**of, "role": role, **bounds}


def model_plain(classes: int = 2, **changes: Any) -> dict[str, Any]:
    """The plain entry of a model with the three features; 0 classes for a regression."""
    plain = {
        "kind": "model",
        "owner": "shop",
        "format": "xgboost-ubj",
        "task": "classification" if classes else "regression",
        "features": [AGE, DOSE, WARD],
        "allow": {"computations": ["score"], "max_releases": 20},
    }
    if classes:
        plain["classes"] = CLASSES[classes]
    return changed(plain, **changes)


def model_dataset(classes: int = 2, **changes: Any) -> ModelDataset:
    """The same, as the manifest holds it."""
    return ModelDataset.from_plain(model_plain(classes, **changes))


def prediction_plain(classes: int = 2, *, joined: bool = False, **changes: Any) -> dict[str, Any]:
    """A plain manifest whose computation `score` lets the bank ask the shop's model about its rows.

    Args:
        classes: of the model; 0 for a regression.
        joined: whether the shop brings `ward`, so that two tables are joined.
        changes: as of `changed`.
    """
    plain = good_plain()
    allow = {"computations": ["score"], "max_releases": 20}
    own = [ID, column(AGE), column(DOSE), *([] if joined else [column(WARD)])]
    rows = {"min": 1, "max": 10_000_000}
    plain["datasets"] = {
        "scorer": model_plain(classes),
        "patients": {"owner": "bank", "columns": own, "rows": rows, "allow": allow},
    }
    inputs = {"rows": {"dataset": "patients", "columns": [each["name"] for each in own]}}
    if joined:
        theirs = [ID, column(WARD)]
        plain["datasets"]["stays"] = {
            "owner": "shop",
            "columns": theirs,
            "rows": rows,
            "allow": allow,
        }
        inputs["other"] = {"dataset": "stays", "columns": ["id", "ward"]}
    answers = [f"probability.{name}" for name in CLASSES[classes]] if classes else ["value"]
    plain["computations"] = {
        "score": {
            "op": "predict",
            "on": ["id"],
            "inputs": inputs,
            "model": {"dataset": "scorer"},
            "rows": "rows",
            "submitters": ["bank"],
            "workers": {"role": "cpu", "count": 1},
            "limits": {"max_runs": 10, "max_rows_per_submitter": 1000},
            "outputs": {
                "scores": {
                    "recipients": ["bank"],
                    "columns": ["rows.id", *answers],
                    "reveals_membership": joined,
                    "decimals": 4,
                    "max_rows": 10_000_000,
                }
            },
        }
    }
    return changed(plain, **changes)


def evaluation_plain(classes: int = 2, **changes: Any) -> dict[str, Any]:
    """A plain manifest whose computation `score` tells both how well the model does."""
    plain = prediction_plain(classes)
    label = {"name": "truth", "role": "label", "type": "float64", "bounds": ["-1000", "1000"]}
    if classes:
        label = {**label, "type": "string", "values": CLASSES[classes]}
        del label["bounds"]
    plain["datasets"]["patients"]["columns"].append(label)
    computation = plain["computations"]["score"]
    del computation["rows"], computation["limits"]["max_rows_per_submitter"]
    computation["op"] = "evaluate"
    computation["inputs"]["rows"]["columns"].append("truth")
    computation["outputs"] = {
        "quality": {"kind": "metrics", "recipients": ["bank", "shop"], "decimals": 6}
    }
    return changed(plain, **changes)


def people(count: int = 400, seed: int = 5) -> pd.DataFrame:
    """Rows of all features, with an id and what is to be predicted."""
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "id": chance.permutation(count) + 10,
            "age": chance.integers(1, 99, count),
            "dose": chance.normal(size=count),
            "ward": np.array(WARDS)[chance.integers(0, 3, count)],
        }
    )
    frame.loc[chance.random(count) < 0.1, "dose"] = None
    return frame


def table(frame: pd.DataFrame, *columns: str) -> pa.Table:
    """Columns of a frame as an owner brings them."""
    chosen = frame[list(columns)] if columns else frame
    return pa.Table.from_pandas(chosen, preserve_index=False).replace_schema_metadata(None)


def numbers(frame: pd.DataFrame) -> np.ndarray:
    """Oracle: the matrix of the three features, written out by hand."""
    wards = [frame["ward"] == ward for ward in WARDS]
    return np.column_stack([frame["age"], frame["dose"].astype(float), *wards]).astype(np.float32)


@cache
def booster(classes: int = 2, rounds: int = 12, depth: int = 4) -> xgboost.Booster:
    """A trained model; the same each time."""
    frame = people(600, seed=9)
    rows = numbers(frame)
    target = rows[:, 0] / 50 + np.nan_to_num(rows[:, 1]) + rows[:, 2]
    given: dict[str, Any] = {"objective": "reg:squarederror"}
    if classes == 2:
        given, target = {"objective": "binary:logistic"}, target > 1.2
    elif classes:
        given, target = {"objective": "multi:softprob", "num_class": classes}, target // 1 % classes
    data = xgboost.DMatrix(rows, label=target)
    return xgboost.train({**given, "max_depth": depth, "nthread": 1}, data, rounds)


def ubj(classes: int = 2) -> bytes:
    """The trained model's file."""
    return bytes(booster(classes).save_raw("ubj"))


def said(classes: int, frame: pd.DataFrame) -> np.ndarray:
    """Oracle: rows by classes, or by one number, as XGBoost itself says."""
    found = booster(classes).predict(xgboost.DMatrix(numbers(frame))).astype(np.float64)
    return np.column_stack([1 - found, found]) if classes == 2 else found.reshape(len(frame), -1)


def released(
    plain: dict[str, Any],
    tables: Mapping[str, pa.Table],
    model: bytes,
    partitions: int = 1,
) -> tuple[Released, ...]:
    """Run `score` over tables and a model's file, through the gate."""
    manifest = Manifest.from_plain(plain)
    computation = manifest.computations["score"]
    plan = operations[computation.op].plan(computation, manifest.datasets, {})
    file = pa.table({"model": pa.array([model], pa.large_binary())})
    return compute(plan, {**tables, "model": file}, secrets.token_bytes(32), partitions)


def opened(plain: dict[str, Any], one: Released) -> pd.DataFrame:
    """A released table as its recipient opens it."""
    rule = Manifest.from_plain(plain).computations["score"].outputs[one.output]
    return read_table(bytes(encode(one)), rule).to_pandas()


def scores(
    plain: dict[str, Any], tables: Mapping[str, pa.Table], model: bytes, partitions: int = 1
) -> pd.DataFrame:
    """The one table of scores of a run."""
    (one,) = released(plain, tables, model, partitions)
    assert not one.suppressed
    return opened(plain, one)


# --- models to bend -------------------------------------------------------------------------------


def bent(raw: bytes, path: Sequence[str | int], value: Any) -> bytes:
    """The file with one value replaced; a function makes the new one of the old one."""
    whole = read_ubj(raw)
    node: Any = whole
    for step in path[:-1]:
        node = node[step]
    if callable(value):
        value = value(node[path[-1]])
    if value is None:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return write_ubj(whole)


def write_ubj(value: Any) -> bytes:
    """As XGBoost writes it."""
    if isinstance(value, dict):
        members = b"".join(_text(name) + write_ubj(each) for name, each in value.items())
        return b"{" + members + b"}"
    if isinstance(value, str):
        return b"S" + _text(value)
    if isinstance(value, list):
        return b"[#" + _length(len(value)) + b"".join(map(write_ubj, value))
    if isinstance(value, array):
        marker = {"b": b"i", "B": b"U", "h": b"I", "i": b"l", "q": b"L", "f": b"d", "d": b"D"}
        turned = array(value.typecode, value)
        turned.byteswap()
        return b"[$" + marker[value.typecode] + b"#" + _length(len(value)) + turned.tobytes()
    if isinstance(value, float):
        return b"D" + struct.pack(">d", value)
    return b"l" + struct.pack(">i", value)


def _text(text: str) -> bytes:
    return _length(len(text.encode())) + text.encode()


def _length(length: int) -> bytes:
    return b"L" + struct.pack(">q", length)
