"""The demo's joint training: who repays, told by a bank's and a shop's columns together.

The room compares with what each party's columns tell alone, on the same people; the joint model has
to be better, for that is how the people were made.
"""

from collections.abc import Mapping
from pathlib import Path

import pyarrow.parquet as pq

from cleanroom.cli import console
from cleanroom.client.room import Room
from cleanroom.client.run import Run
from cleanroom.errors import InternalError
from enclave.demo.credit import credit

DATASETS = {"bank": "accounts", "shop": "habits"}


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
    """Open quality, curves, importance and model; the room compared with each party alone.

    Raises:
        InternalError: the joint model is no better than the bank's own.
    """
    quality = {party: room.run_by_id(trained.id).result("quality") for party, room in rooms.items()}
    areas = {owners: told["auc"] or 0.0 for owners, told in quality["bank"].comparison.items()}
    joint, alone = areas.pop("bank, shop"), areas
    console.say(f"        area under the ROC curve: {joint:.3f} together")
    for party, area in alone.items():
        console.say(f"        {area:.3f} from the features of {party} alone")
    if quality["bank"].table != quality["shop"].table or joint <= max(alone.values()):
        raise InternalError("the joint model is not better than that of one party alone")
    bank = rooms["bank"].run_by_id(trained.id)
    bank.result("curves").save_plot(directory / "bank" / "curves.svg")
    importance = bank.result("importance")
    for row in importance.table.to_pylist():
        console.say(f"        {row['share']:6.1%}  {row['column']} ({row['owner']})")
    importance.save_plot(directory / "bank" / "importance.svg")
    model = bank.result("model").model
    console.say(
        f"        bank keeps {model!r} in {model.save(directory / 'bank' / 'credit.ubj').name}"
    )
    return {"auc": joint, "auc_alone": alone["bank"]}
