"""Trainings for tests: a manifest for any two tables, the run, and what pooled rows would give.

The oracles join with plain pandas and fit with scikit-learn or XGBoost alone; they share no code
with the room but numpy's bit generator, whose words say which units test.
"""

import copy
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from cleanroom.client.models import Model, model_of
from cleanroom.client.opening import read_table
from cleanroom.manifest.model import Manifest
from enclave.computations.encode import encode
from enclave.computations.process import compute
from enclave.computations.registry import operations
from enclave.computations.release import Released
from enclave.computations.threads import THREADS
from tests.support.manifests import changed, good_plain

ID = {"name": "id", "type": "int64", "role": "identity"}
TREES: dict[str, Any] = {
    "op": "train.gbdt",
    "parameters": {
        "rounds": {"min": 1, "max": 300, "default": 40},
        "max_depth": {"min": 1, "max": 10, "default": 4},
    },
}
BOOSTED: dict[str, Any] = {
    "tree_method": "hist",
    "max_depth": 4,
    "learning_rate": 0.3,
    "reg_lambda": 1.0,
    "min_child_weight": 1.0,
    "seed": 7,
    "nthread": THREADS,
    "objective": "binary:logistic",
}
"""Oracle: what `TREES` with its defaults means to XGBoost itself."""
LINE: dict[str, Any] = {"op": "train.linear"}
OUTPUTS = {
    "quality": {"kind": "metrics", "recipients": ["bank", "shop"], "min_test": 10, "decimals": 6},
    "importance": {"kind": "importance", "recipients": ["bank", "shop"], "decimals": 6},
    "model": {"kind": "model", "recipients": ["bank"]},
}


def feature(name: str, kind: str = "float64", **more: Any) -> dict[str, Any]:
    """A plain feature column; floats have wide bounds."""
    bounds = {"bounds": ["-1000000", "1000000"]} if kind == "float64" else {}
    return {"name": name, "type": kind, "role": "feature", **bounds, **more}


def training_plain(
    left: Sequence[dict[str, Any]], right: Sequence[dict[str, Any]], how: dict[str, Any]
) -> dict[str, Any]:
    """A plain manifest with one computation `model` over `bank`'s left and `shop`'s right columns.

    Args:
        left: plain columns besides `id`.
        right: likewise.
        how: what replaces or adds to the computation's fields.
    """
    plain = good_plain()
    for dataset, columns in (("customers", left), ("baskets", right)):
        plain["datasets"][dataset]["columns"] = [ID, *columns]
        plain["datasets"][dataset]["allow"] = {"computations": ["model"], "max_releases": 5}
    plain["computations"] = {
        "model": {
            "on": ["id"],
            "inputs": {
                side: {"dataset": dataset, "columns": ["id", *(c["name"] for c in columns)]}
                for side, dataset, columns in (
                    ("left", "customers", left),
                    ("right", "baskets", right),
                )
            },
            "submitters": ["bank"],
            "workers": {"role": "cpu", "count": 1},
            "limits": {"max_runs": 5},
            "task": "classification",
            "split": {"test_percent": 25, "seed": 7},
            "outputs": copy.deepcopy(OUTPUTS),
            **how,
        }
    }
    return plain


@dataclass(frozen=True)
class Trained:
    """What came out of a run, by output; opened as a recipient opens it."""

    manifest: Manifest
    released: tuple[Released, ...]

    def table(self, output: str) -> pa.Table:
        """The table of the first recipient of an output."""
        one = next(each for each in self.released if each.output == output)
        rule = self.manifest.computations["model"].outputs[output]
        return read_table(bytes(encode(one)), rule)

    @property
    def metrics(self) -> dict[str, float]:
        table = self.table("quality").to_pydict()
        return dict(zip(table["metric"], table["value"], strict=True))

    @property
    def model(self) -> Model:
        return self.model_of("model")

    def model_of(self, output: str) -> Model:
        """The exported model of an output."""
        return model_of(self.table(output))

    @property
    def model_bytes(self) -> tuple[str, bytes]:
        """Description and trees, as they left."""
        row = self.table("model").to_pylist()[0]
        return row["description"], row["booster"]

    @property
    def withheld(self) -> set[str]:
        return {each.output for each in self.released if each.suppressed}


def train(
    plain: dict[str, Any],
    tables: Mapping[str, pa.Table],
    parameters: Mapping[str, int] | None = None,
    partitions: int = 1,
    **changes: Any,
) -> Trained:
    """Run the computation `model` over `left` and `right`, through gate and encoding."""
    manifest = Manifest.from_plain(changed(plain, **changes))
    computation = manifest.computations["model"]
    plan = operations[computation.op].plan(computation, manifest.datasets, parameters or {})
    return Trained(manifest, compute(plan, tables, secrets.token_bytes(32), partitions))


def halves(
    rows: pd.DataFrame, left: Sequence[str], right: Sequence[str], strangers: int = 50
) -> dict[str, pa.Table]:
    """Two parties' tables: shuffled, each with rows of people whom the other does not know."""
    chance = np.random.default_rng(3)
    rows = rows.reset_index(drop=True)
    known = np.arange(len(rows))

    def party(columns: Sequence[str], base: int) -> pa.Table:
        alien = rows.iloc[chance.integers(0, len(rows), strangers)][list(columns)]
        both = pd.concat([rows[list(columns)], alien])
        both.insert(0, "id", np.concatenate([known, base + np.arange(strangers)]))
        shuffled = both.iloc[chance.permutation(len(both))]
        return pa.Table.from_pandas(shuffled, preserve_index=False).replace_schema_metadata(None)

    return {"left": party(left, 1_000_000), "right": party(right, 2_000_000)}


def piles(rows: pd.DataFrame, cut: int, shared: int = 0) -> dict[str, pa.Table]:
    """Two parties' tables of the same columns: the first `cut` rows, and the rest.

    The right party has, after its own, the first `shared` of the left party's people once more.
    """
    named = rows.reset_index(drop=True)
    named.insert(0, "id", np.arange(len(named)))
    again = named.iloc[:shared]
    sides = {"left": named.iloc[:cut], "right": pd.concat([named.iloc[cut:], again])}
    return {
        side: pa.Table.from_pandas(part, preserve_index=False).replace_schema_metadata(None)
        for side, part in sides.items()
    }


def pooled(tables: Mapping[str, pa.Table], how: str = "inner") -> pd.DataFrame:
    """Oracle: the join in the order of the left rows, or the left rows above the right ones."""
    left, right = (tables[side].to_pandas() for side in ("left", "right"))
    if how == "concat":
        return pd.concat([left, right], ignore_index=True)
    return left.merge(right, on="id", how=how, sort=False)


def units_that_test(units: int, percent: int = 25, seed: int = 7) -> np.ndarray:
    """Oracle: which units test, as the specification says; half a unit goes up."""
    words = np.random.PCG64(seed).random_raw(units)
    chosen = np.argsort(words, kind="stable")[: (units * percent + 50) // 100]
    return np.isin(np.arange(units), chosen)


def description_of(trained: Trained) -> dict[str, Any]:
    """The model's description as plain JSON."""
    return json.loads(trained.model_bytes[0])
