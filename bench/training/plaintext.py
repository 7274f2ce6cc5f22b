"""The other side, once, in this process: plaintext Parquet to a model file, with pandas.

python -m bench.training.plaintext gbdt DIRECTORY

What a data scientist writes who holds both tables: read, merge, split, fit, judge, save. It prints
seconds, memory and the area under the ROC curve; imports are not timed.
"""

import json
import sys
import time
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import xgboost
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.common import peak_gb, processor_s
from bench.training.inputs import (
    BATCH,
    CASES,
    DECAY,
    DEPTH,
    EPOCHS,
    HIDDEN,
    LEARNING_RATE,
    ROUNDS,
    SEED,
    STEP,
    TEST_PERCENT,
)


def gbdt(rows: np.ndarray, labels: np.ndarray, test: np.ndarray, out: Path) -> np.ndarray:
    """Grow trees and say the test rows' probabilities."""
    settings = {
        "objective": "binary:logistic",
        "tree_method": "hist",
        "max_depth": DEPTH,
        "learning_rate": LEARNING_RATE,
        "seed": SEED,
    }
    rows = rows.astype(np.float32)
    model = xgboost.train(settings, xgboost.DMatrix(rows[~test], labels[~test]), ROUNDS)
    model.save_model(out / "model.ubj")
    return np.asarray(model.predict(xgboost.DMatrix(rows[test])))


def linear(rows: np.ndarray, labels: np.ndarray, test: np.ndarray, out: Path) -> np.ndarray:
    """Fit a line and say the test rows' probabilities."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000, tol=1e-8))
    model.fit(rows[~test], labels[~test])
    np.save(out / "model.npy", model[-1].coef_)
    return np.asarray(model.predict_proba(rows[test])[:, 1])


def torch(rows: np.ndarray, labels: np.ndarray, test: np.ndarray, out: Path) -> np.ndarray:
    """Learn a network, and say the test rows' probabilities."""
    import torch as library

    library.set_num_threads(1)  # steps of a few hundred rows lose by more
    library.manual_seed(SEED)
    scaler = StandardScaler().fit(rows[~test])
    given, known = scaler.transform(rows).astype(np.float32), library.from_numpy(labels[~test])
    learned = library.from_numpy(given[~test])
    sizes, layers = [rows.shape[1], *HIDDEN, 2], []
    for inputs, outputs in pairwise(sizes):
        layers += [library.nn.Linear(inputs, outputs), library.nn.ReLU()]
    network = library.nn.Sequential(*layers[:-1])
    steps = library.optim.AdamW(network.parameters(), lr=STEP, weight_decay=DECAY)
    for _ in range(EPOCHS):
        for some in library.randperm(len(learned)).split(BATCH):
            steps.zero_grad()
            library.nn.functional.cross_entropy(network(learned[some]), known[some]).backward()
            steps.step()
    library.save(network.state_dict(), out / "model.pt")
    with library.no_grad():
        return library.softmax(network(library.from_numpy(given[test])), dim=1)[:, 1].numpy()


FITS = {"gbdt": gbdt, "linear": linear, "torch": torch}
"""By the case's name."""


def main(name: str, place: str) -> None:
    """Train once and print one JSON object."""
    directory = Path(place)
    if CASES[name].op == "train.torch":
        import_module("torch")
    started, used = time.perf_counter(), processor_s()
    left, right = (pd.read_parquet(directory / f"{party}.parquet") for party in ("bank", "shop"))
    joined = left.merge(right, on="id")
    labels = joined.pop("y").to_numpy().astype(np.int64)
    rows = joined.drop(columns="id").to_numpy()
    test = np.random.default_rng(SEED).random(len(rows)) < TEST_PERCENT / 100
    said = FITS[name](rows, labels, test, directory)
    area = float(roc_auc_score(labels[test], said))
    log_loss(labels[test], said)
    measured = {
        "seconds": time.perf_counter() - started,
        "cpu_s": processor_s() - used,
        "peak_gb": peak_gb(),
        "auc": area,
    }
    sys.stdout.write(json.dumps(measured) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
