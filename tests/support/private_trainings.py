"""Trainings with noise for tests: seeded rows whose numbers lie within signed bounds."""

import copy
from typing import Any

import numpy as np
import pandas as pd

from tests.support.trainings import LINE, feature, training_plain

LEFT = [
    feature("age", "int64", bounds=["0", "100"]),
    feature("wealth", bounds=["-3", "3"]),
    {"name": "kind", "type": "string", "role": "feature", "values": ["a", "b", "c"]},
]
RIGHT = [
    feature("haste", bounds=["-3", "3"]),
    feature("late", "bool"),
]
BOUGHT = {"name": "bought", "type": "bool", "role": "label"}
SPENT = {"name": "spent", "type": "float64", "role": "label", "bounds": ["-10", "10"]}
NOISY_NETWORK: dict[str, Any] = {
    "op": "train.torch",
    "network": {"hidden": [16], "activation": "relu"},
    "parameters": {"epochs": {"min": 1, "max": 200, "default": 80}},
}
"""Makes of `private_plain` a network: fields of the computation."""
OUTPUTS = {
    "quality": {"kind": "metrics", "recipients": ["bank", "shop"], "min_test": 10, "decimals": 6},
    "importance": {"kind": "importance", "recipients": ["bank", "shop"], "decimals": 6},
    "model": {"kind": "model", "recipients": ["bank"]},
}


def private_plain(epsilon: str = "1", task: str = "classification", **how: Any) -> dict[str, Any]:
    """A plain manifest with the computation `model`, whose noise costs so much."""
    label = BOUGHT if task == "classification" else SPENT
    plain = training_plain(
        copy.deepcopy([*LEFT, label]),
        copy.deepcopy(RIGHT),
        {
            **LINE,
            "task": task,
            "dp": {"mechanism": "gaussian", "epsilon": epsilon, "delta": "0.000000001"},
            "split": {"test_percent": 25},
            "outputs": OUTPUTS,
            **how,
        },
    )
    plain["datasets"]["customers"]["privacy"] = {
        "unit": ["id"],
        "epsilon": "1000",
        "delta": "0.00001",
    }
    for name in ("customers", "baskets"):
        plain["datasets"][name]["rows"] = {"min": 1, "max": 1_000_000}
    return plain


def people(rows: int, seed: int = 5) -> pd.DataFrame:
    """Persons with features of both parties, `bought` and `spent`."""
    chance = np.random.default_rng(seed)
    wealth, haste = chance.normal(0, 0.8, rows), chance.normal(0, 0.8, rows)
    age, kind = chance.integers(18, 90, rows), chance.integers(0, 3, rows)
    late = chance.random(rows) < 0.4
    score = 1.6 * wealth - 1.2 * haste + 0.02 * (age - 50) + 0.7 * (kind == 2) - 0.8 * late
    return pd.DataFrame(
        {
            "age": age,
            "wealth": np.clip(wealth, -3, 3),
            "kind": np.array(["a", "b", "c"])[kind],
            "haste": np.clip(haste, -3, 3),
            "late": late,
            "bought": chance.random(rows) < 1 / (1 + np.exp(-score)),
            "spent": np.clip(score + chance.normal(0, 0.5, rows), -10, 10),
        }
    )
