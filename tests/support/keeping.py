"""Trainings whose model stays in the room, and scores by it; a bank and a shop, two tables."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from cleanroom.dataset.features import Feature, matrix
from cleanroom.dataset.kept_file import check_kept, kept_file
from cleanroom.dataset.model_file import LinearPart, ModelDescription
from cleanroom.manifest.model import Manifest, ModelDataset
from enclave.computations.prediction.scorers import LOADERS, PRECISION, scored
from enclave.computations.registry import operations
from enclave.worker.outputs import kept_content
from tests.support import predictions
from tests.support.manifests import changed
from tests.support.trainings import TREES, Trained, feature, halves, training_plain

LABEL = {"name": "bought", "type": "bool", "role": "label"}
LEFT = [feature("a"), LABEL]
RIGHT = [feature("b"), feature("paid", "string", values=["card", "cash"])]
KEPT = {"kind": "model", "kept_as": "trees"}


def keeping_plain(**changes: Any) -> dict[str, Any]:
    """A plain manifest: `model` trains, and keeps as `trees`; `score` asks it for the bank."""
    plain = training_plain(LEFT, RIGHT, TREES)
    plain["computations"]["model"]["outputs"] = {
        "quality": {"kind": "metrics", "recipients": ["bank", "shop"], "min_test": 10},
        "model": KEPT,
    }
    plain["datasets"]["trees"] = {
        "kind": "model",
        "owner": "bank",
        "format": "xgboost-ubj",
        "task": "classification",
        "classes": ["false", "true"],
        "features": [
            {"name": "a", "type": "float64"},
            {"name": "b", "type": "float64"},
            {"name": "paid", "type": "string", "values": ["card", "cash"]},
        ],
        "allow": {"computations": ["score"], "max_releases": 5},
    }
    for name in ("customers", "baskets"):
        plain["datasets"][name]["allow"] = {"computations": ["model", "score"], "max_releases": 9}
    plain["computations"]["score"] = {
        "op": "predict",
        "on": ["id"],
        "inputs": {
            "left": {"dataset": "customers", "columns": ["a", "id"]},
            "right": {"dataset": "baskets", "columns": ["b", "id", "paid"]},
        },
        "model": {"dataset": "trees"},
        "rows": "left",
        "submitters": ["bank"],
        "workers": {"role": "cpu", "count": 1},
        "limits": {"max_runs": 5, "max_rows_per_submitter": 10_000},
        "outputs": {
            "scores": {
                "recipients": ["bank"],
                "columns": ["left.id", "probability.true"],
                "reveals_membership": True,
                "max_rows": 10_000,
            }
        },
    }
    return changed(plain, **changes)


def staying_plain(**changes: Any) -> dict[str, Any]:
    """The same, but nothing is declared of the model: it stays as `model.model`."""
    plain = keeping_plain()
    del plain["datasets"]["trees"]
    plain["computations"]["model"]["outputs"]["model"] = {"kind": "model"}
    plain["computations"]["score"]["model"] = {"dataset": "model.model"}
    return changed(plain, **changes)


def staying(plain: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A manifest whose training `model` leaves its model in the room, exports it, and is asked."""
    plain = changed(plain)
    training = plain["computations"]["model"]
    training["outputs"]["export"] = {"kind": "model", "recipients": ["bank"]}
    training["outputs"]["model"] = {"kind": "model"}
    score = staying_plain()["computations"]["score"]
    label = "bought" if training.get("task") != "regression" else "spent"
    taken = {side: dict(read) for side, read in training["inputs"].items()}
    for read in taken.values():
        read["columns"] = [column for column in read["columns"] if column != label]
    if training.get("join") == "concat":
        taken = {"left": taken["left"]}
    score["inputs"] = taken
    plain["computations"]["score"] = score
    classes = Manifest.from_plain(plain).datasets["model.model"].classes
    told = f"probability.{classes[-1]}" if classes else "value"
    score["outputs"]["scores"]["columns"] = ["left.id", told]
    for side, name in (("left", "customers"), ("right", "baskets")):
        allowed = ["model", "score"] if side in taken else ["model"]
        plain["datasets"][name]["allow"] = {"computations": allowed, "max_releases": 9}
    return changed(plain, **changes)


def file_of(trained: Trained) -> bytes:
    """What the worker seals to the room."""
    (kept,) = [one for one in trained.released if one.recipient == "room"]
    return kept_content(kept)


def both_say(trained: Trained, columns: Mapping[str, pa.Array]) -> tuple[np.ndarray, np.ndarray]:
    """What the model that stayed says of rows in a `predict`, and what the export says of them.

    Args:
        trained: of a manifest made by `staying`.
        columns: each feature by its own name.
    """
    manifest = trained.manifest
    score = manifest.computations["score"]
    scoring = operations["predict"].plan(score, manifest.datasets, {}).scoring
    checked = check_kept(file_of(trained), scoring.dataset)
    form = scoring.dataset.format
    named = {one.name: pa.chunked_array([columns[one.column]]) for one in scoring.features}
    rows = matrix(scoring.features, named, PRECISION[form])
    exported = trained.model_of("export")
    told = {one.name: columns[one.column] for one in exported.description.features}
    expected = exported.predict(told)
    found = scored(LOADERS[form](checked), rows, scoring.dataset.scores)
    return found, expected if expected.ndim == 2 else expected[:, None]


def kept_tables() -> dict[str, Any]:
    """Both parties' rows, `left` and `right`."""
    chance = np.random.default_rng(11)
    made = pd.DataFrame({"a": chance.normal(size=400), "b": chance.normal(size=400)})
    made["paid"] = np.array(["card", "cash"])[chance.integers(0, 2, 400)]
    made["bought"] = chance.random(400) < 1 / (1 + np.exp(-2 * made["a"] - made["b"]))
    return halves(made, ["a", "bought"], ["b", "paid"])


def line_file() -> bytes:
    """A linear model of five numbers and two classes, as it stays in a room."""
    described = ModelDescription(
        kind="linear",
        task="classification",
        label="left.bought",
        label_owner="bank",
        classes=["false", "true"],
        features=[Feature(input="left", column=c, owner="bank", values=None) for c in "abcde"],
        linear=LinearPart(
            coefficients=[[0.5, -1.25, 3.0, 0.0, 7.5]], intercepts=[0.125], fills=[0.0] * 5
        ),
        booster=None,
    )
    return kept_file(described.to_bytes(), b"")


def line_dataset() -> ModelDataset:
    """What the manifest says of it."""
    features = [{"name": name, "type": "int64", "nullable": True} for name in "abcde"]
    plain = predictions.model_plain(2, format="cleanroom", features=features)
    return ModelDataset.from_plain({**plain, "classes": ["false", "true"]})
