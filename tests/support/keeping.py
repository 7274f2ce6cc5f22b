"""A training whose model stays in the room, and scores by it; a bank and a shop, two tables."""

from typing import Any

import numpy as np
import pandas as pd

from tests.support.manifests import changed
from tests.support.trainings import TREES, feature, halves, training_plain

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


def kept_tables() -> dict[str, Any]:
    """Both parties' rows, `left` and `right`."""
    chance = np.random.default_rng(11)
    made = pd.DataFrame({"a": chance.normal(size=400), "b": chance.normal(size=400)})
    made["paid"] = np.array(["card", "cash"])[chance.integers(0, 2, 400)]
    made["bought"] = chance.random(400) < 1 / (1 + np.exp(-2 * made["a"] - made["b"]))
    return halves(made, ["a", "bought"], ["b", "paid"])
