"""The demo's joint training: who repays, told by a bank's and a shop's columns together.

The bank compares with what it can do alone, on the same seeded people; the joint model has to be
better, for that is how the people were made.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from cleanroom.cli import console
from cleanroom.client.room import Room
from cleanroom.client.run import Run
from cleanroom.dataset.features import Feature, matrix
from cleanroom.errors import InternalError
from enclave.demo.credit import PRODUCTS, credit

DATASETS = {"bank": "accounts", "shop": "habits"}
ROUNDS, DEPTH, RATE = 80, 4, 0.1
"""As the example manifest has them by default."""


def write_tables(directory: Path, rows: int, seed: int) -> None:
    """Write both parties' tables below `directory`.

    Args:
        directory: has a directory for each party.
        rows: rows of each table.
        seed: of the tables.
    """
    made = credit(rows, overlap=rows * 7 // 10, seed=seed)
    for party, table in (("bank", made.bank), ("shop", made.shop)):
        pq.write_table(table, directory / party / f"{DATASETS[party]}.parquet")
        console.say(f"        {party}: {table.num_rows:,} rows of {', '.join(table.column_names)}")


def conclude(directory: Path, rooms: Mapping[str, Room], trained: Run) -> dict[str, object]:
    """Open quality, importance and model, and compare with what the bank can do alone.

    Raises:
        InternalError: the joint model is no better than the bank's own.
    """
    quality = {party: room.run_by_id(trained.id).result("quality") for party, room in rooms.items()}
    joint, alone = quality["bank"].metrics["auc"] or 0.0, bank_alone(directory)
    console.say(
        f"        area under the ROC curve: {joint:.3f} together, {alone:.3f} by the bank alone"
    )
    if quality["bank"].table != quality["shop"].table or joint <= alone:
        raise InternalError("the joint model is not better than the bank's own")
    bank = rooms["bank"].run_by_id(trained.id)
    importance = bank.result("importance")
    for row in importance.table.to_pylist():
        console.say(f"        {row['share']:6.1%}  {row['column']} ({row['owner']})")
    importance.save_plot(directory / "bank" / "importance.svg")
    model = bank.result("model").model
    console.say(
        f"        bank keeps {model!r} in {model.save(directory / 'bank' / 'credit.ubj').name}"
    )
    return {"auc": joint, "auc_alone": round(alone, 3)}


def bank_alone(directory: Path) -> float:
    """The area under the ROC curve that the bank reaches on its own customers, by itself."""
    # seconds of imports, only for whoever trains
    import xgboost  # noqa: PLC0415
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415

    table = pq.read_table(directory / "bank" / "accounts.parquet")
    names = [name for name in table.column_names if name not in ("email", "defaulted")]
    features = [
        Feature(
            input="left",
            column=name,
            owner="bank",
            values=sorted(PRODUCTS) if name == "product" else None,
        )
        for name in names
    ]
    rows = matrix(features, {f"left.{name}": table[name] for name in names}, np.float32)
    labels = table["defaulted"].to_numpy().astype(np.float32)
    tests = np.arange(len(rows)) % 4 == 0
    given = {"objective": "binary:logistic", "max_depth": DEPTH, "learning_rate": RATE}
    fit = xgboost.train(given, xgboost.DMatrix(rows[~tests], labels[~tests]), ROUNDS)
    return float(roc_auc_score(labels[tests], fit.predict(xgboost.DMatrix(rows[tests]))))
