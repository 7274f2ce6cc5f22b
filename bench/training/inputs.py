"""Inputs of the training benchmark: two parties' halves of one seeded table, and their contract.

Everybody is in both tables, each in an order of its own. The label depends on columns of both
parties and on an interaction between them; all columns are independent normal numbers.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cleanroom.client.manifest_file import ManifestFile
from cleanroom.manifest.model import Manifest

EXAMPLE = Path("manifests/examples/partner/cleanroom.yaml")
BOUND = "1000"
"""No feature is larger."""
ROUNDS, DEPTH, LEARNING_RATE = 100, 6, 0.3
"""What both sides grow."""
HIDDEN, EPOCHS, BATCH, STEP, DECAY = [64, 32], 10, 256, 0.001, 0.01
"""The network that both sides learn, and how."""
TEST_PERCENT, SEED = 25, 1
PARTIES = {"bank": "customers", "shop": "baskets"}
"""Each party and its dataset."""


@dataclass(frozen=True, slots=True)
class Case:
    """One comparison."""

    name: str
    op: str
    rows: int
    """Of each party."""
    columns: int
    """Features, half of them of each party."""


CASES = {
    "gbdt": Case("gbdt", "train.gbdt", 1_000_000, 50),
    "linear": Case("linear", "train.linear", 100_000, 330),
    "torch": Case("torch", "train.torch", 100_000, 50),
}
"""100 rounds of trees, a logistic regression, and ten epochs of a network."""


def tables(case: Case) -> dict[str, pa.Table]:
    """Both parties' tables; the bank has the label `y`."""
    chance = np.random.default_rng(2027)
    half = case.columns // 2
    left, right = (chance.normal(size=(case.rows, half)) for _ in range(2))
    risk = left[:, 0] * right[:, 0] + left[:, 1] - right[:, 1] + chance.normal(size=case.rows)
    people, order = np.arange(case.rows), chance.permutation(case.rows)
    return {
        "bank": _table(people, left, "l").append_column("y", pa.array(risk > 0)),
        "shop": _table(people[order], right[order], "r"),
    }


def write(case: Case, directory: Path) -> dict[str, pa.Table]:
    """Make the tables, and plaintext files of them for the other side."""
    made = tables(case)
    for party, table in made.items():
        pq.write_table(table, directory / f"{party}.parquet")
    return made


def contract(case: Case, runs: int) -> Manifest:
    """The partner example with the case's datasets and its one training on one worker."""
    plain: dict[str, Any] = ManifestFile.load(EXAMPLE).manifest.to_plain()
    plain["datasets"] = {name: plain["datasets"][name] for name in PARTIES.values()}
    half = case.columns // 2
    inputs = {}
    for side, party in zip("lr", PARTIES, strict=True):
        columns = [{"name": "id", "type": "int64", "role": "identity"}]
        columns += [_feature(f"{side}{number}") for number in range(half)]
        if side == "l":
            columns.append({"name": "y", "type": "bool", "role": "label"})
        dataset = plain["datasets"][PARTIES[party]]
        dataset["columns"], dataset["rows"] = columns, {"min": 1, "max": 2 * case.rows}
        dataset["allow"] = {"computations": [case.name], "max_releases": 2 * runs}
        names = [column["name"] for column in columns]
        inputs[party] = {"dataset": PARTIES[party], "columns": names}
    plain["computations"] = {case.name: _training(case, inputs, runs)}
    return Manifest.from_plain(plain)


def _training(case: Case, inputs: dict[str, Any], runs: int) -> dict[str, Any]:
    network = {
        "network": {"hidden": HIDDEN, "activation": "relu"},
        "learning_rate": str(STEP),
        "l2": str(DECAY),
        "batch": BATCH,
        "parameters": {"epochs": {"min": 1, "max": 1000, "default": EPOCHS}},
    }
    trees = {
        "learning_rate": str(LEARNING_RATE),
        "parameters": {
            "rounds": {"min": 1, "max": 1000, "default": ROUNDS},
            "max_depth": {"min": 1, "max": 12, "default": DEPTH},
        },
    }
    return {
        "op": case.op,
        "on": ["id"],
        "inputs": inputs,
        "submitters": ["bank"],
        "workers": {"role": "cpu", "count": 1},
        "limits": {"max_runs": 2 * runs},
        "task": "classification",
        "split": {"test_percent": TEST_PERCENT, "seed": SEED},
        "outputs": {
            "quality": {"kind": "metrics", "recipients": ["bank"]},
            "model": {"kind": "model", "recipients": ["bank"]},
        },
        **{"train.gbdt": trees, "train.torch": network}.get(case.op, {}),
    }


def _feature(name: str) -> dict[str, Any]:
    return {"name": name, "type": "float64", "role": "feature", "bounds": [f"-{BOUND}", BOUND]}


def _table(people: np.ndarray, values: np.ndarray, side: str) -> pa.Table:
    columns = {f"{side}{number}": values[:, number] for number in range(values.shape[1])}
    return pa.table({"id": people, **columns})
