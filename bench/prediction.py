"""A hundred trees over plain rows in memory: a run's kernel and gate against XGBoost alone.

Both sides start from tables and the model's file in memory; the run judges the model, encodes the
features, scores, and passes the gate, the library gets its matrix ready-made. Core-seconds count as
well as the clock: on a busy machine only they compare.

    python bench/prediction.py --rows 1000000 --rounds 3
"""

import argparse
import json
import secrets
import statistics
import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import xgboost

from cleanroom.manifest.model import Allow, Column, Dataset, Input, ModelDataset, Predict, Rows
from enclave.computations.process import compute
from enclave.computations.registry import operations
from enclave.computations.threads import THREADS

WIDTH, TREES = 10, 100
ALLOW = Allow(computations=["score"], max_releases=1)


def declared() -> tuple[Predict, dict[str, Dataset | ModelDataset]]:
    """One table of ten numbers, and a model that takes them."""
    names = [f"f{index}" for index in range(WIDTH)]
    features = [{"name": name, "type": "float64"} for name in names]
    model = ModelDataset.from_plain(
        {
            "kind": "model",
            "owner": "lab",
            "format": "xgboost-ubj",
            "task": "classification",
            "classes": ["no", "yes"],
            "features": features,
            "allow": ALLOW.to_plain(),
        }
    )
    columns = [Column(name="id", type="int64", role="identity")]
    columns += [
        Column(name=name, type="float64", role="feature", bounds=["-100", "100"]) for name in names
    ]
    table = Dataset(owner="bank", columns=columns, rows=Rows(max=10**9), allow=ALLOW)
    computation = Predict.from_plain(
        {
            "op": "predict",
            "on": ["id"],
            "inputs": {"rows": Input(dataset="table", columns=["id", *names]).to_plain()},
            "model": {"dataset": "model"},
            "rows": "rows",
            "submitters": ["bank"],
            "workers": {"role": "cpu"},
            "limits": {"max_runs": 1, "max_rows_per_submitter": 10**9},
            "outputs": {
                "scores": {
                    "recipients": ["bank"],
                    "columns": ["probability.yes", "rows.id"],
                    "max_rows": 10**9,
                }
            },
        }
    )
    return computation, {"table": table, "model": model}


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Core-seconds of this process, and seconds."""
    cores, clock = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cores, time.perf_counter() - clock


def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--depth", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    chance = np.random.default_rng(7)
    rows = chance.normal(size=(chosen.rows, WIDTH)).astype(np.float32)
    few = rows[:20_000]
    settings = {"objective": "binary:logistic", "max_depth": chosen.depth, "nthread": THREADS}
    data = xgboost.DMatrix(few, label=few[:, 0] * few[:, 1] + few[:, 2] > 0)
    booster = xgboost.train(settings, data, TREES)
    file = pa.table({"model": pa.array([bytes(booster.save_raw("ubj"))], pa.large_binary())})
    columns = {f"f{index}": rows[:, index].astype(np.float64) for index in range(WIDTH)}
    table = pa.table({"id": np.arange(chosen.rows), **columns})
    computation, datasets = declared()
    plan = operations["predict"].plan(computation, datasets, {})

    def run() -> object:
        return compute(plan, {"rows": table, "model": file}, secrets.token_bytes(32))

    run()
    found = {"run": [], "library": []}
    for _ in range(chosen.rounds):
        found["run"].append(timed(run))
        found["library"].append(timed(lambda: booster.inplace_predict(rows)))
    medians = {
        name: {
            "core_seconds": round(statistics.median(each[0] for each in rounds), 3),
            "seconds": round(statistics.median(each[1] for each in rounds), 3),
        }
        for name, rounds in found.items()
    }
    facts = {"rows": chosen.rows, "trees": TREES, "depth": chosen.depth, "threads": THREADS}
    print(json.dumps(facts | medians, indent=1))


if __name__ == "__main__":
    main()
