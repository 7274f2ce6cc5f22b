"""P6: sealing a wide table, against plain `write_table` and a copy of the file.

Both sides start from the same Arrow table in memory and end with a finished copy in another
directory: the plain side writes one Parquet file and copies it; the sealed side seals parts and
copies each as soon as it is done, as an upload would. Rounds are interleaved; medians count.

    python bench/sealing.py --rows 2500000 --rounds 5
"""

import argparse
import json
import platform
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cleanroom.dataset.check import check, conforming
from cleanroom.dataset.read import open_source
from cleanroom.dataset.seal import SealedDataset, seal
from cleanroom.dataset.unseal import open_part
from cleanroom.manifest.model import Allow, Column, Dataset, Rows

FEATURES = 48
LINEAGE = "3f0f5a1e-7c3b-4c55-9f1a-0d2f6f6f1e11"
PLAIN = {
    "defaults": {},
    "same encoding": {"compression": "lz4", "use_dictionary": False, "write_statistics": False},
}


def wide_table(rows: int, seed: int = 7) -> tuple[pa.Table, Dataset]:
    """An e-mail identity, half as many integers as floats, all of high entropy."""
    generator = np.random.default_rng(seed)
    people = pa.array(generator.permutation(rows)).cast("string")
    columns = {"email": pc.binary_join_element_wise("Person", people, "@Example.com", "")}
    described = [Column(name="email", type="string", role="identity", normalise="email")]
    for index in range(FEATURES):
        whole = index % 3 == 0
        values = generator.integers(0, 1_000_000, rows) if whole else generator.normal(size=rows)
        columns[f"f{index}"] = pa.array(values)
        described.append(
            Column(
                name=f"f{index}",
                type="int64" if whole else "float64",
                role="feature",
                bounds=["0", "1000000"] if whole else ["-100", "100"],
            )
        )
    allow = Allow(computations=["overlap"], max_releases=1)
    dataset = Dataset(owner="bank", columns=described, rows=Rows(max=10**9), allow=allow)
    return pa.table(columns), dataset


def timed(work: Callable[[], object]) -> float:
    """Seconds that `work` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def plain(table: pa.Table, room: Path, options: dict[str, object]) -> None:
    """Write one plain Parquet file and copy it."""
    pq.write_table(table, room / "plain.parquet", **options)
    shutil.copyfile(room / "plain.parquet", room / "copy.parquet")


def sealed(table: pa.Table, dataset: Dataset, room: Path) -> SealedDataset:
    """Seal all parts and copy each as soon as it is done."""
    away = room / "away"
    shutil.rmtree(away, ignore_errors=True)
    away.mkdir()
    return seal(
        conforming(open_source(table, dataset.columns), dataset),
        lineage=LINEAGE,
        dataset="customers",
        owner="bank",
        directory=room,
        on_part=lambda done: shutil.copyfile(done.path, away / done.path.name),
    )


def unseal(version: SealedDataset, dataset: Dataset, granted: list[str]) -> int:
    """Decrypt and validate the granted columns of every part."""
    return sum(
        batch.num_rows
        for one in version.sealed_parts
        for batch in open_part(
            one.path,
            one.part,
            context=version.context,
            key=version.key,
            columns=dataset.columns,
            granted=granted,
        )
    )


def one_round(table: pa.Table, dataset: Dataset, room: Path) -> dict[str, float]:
    """Seconds of every candidate, one after the other."""
    took = {}
    for name, options in PLAIN.items():
        took[f"plain write + copy, {name}"] = timed(lambda o=options: plain(table, room, o))
    for left in room.glob("*.part"):
        left.unlink()
    kept: list[SealedDataset] = []
    took["seal + copy"] = timed(lambda: kept.append(sealed(table, dataset, room)))
    source = open_source(table, dataset.columns)
    took["check report"] = timed(lambda: check(source, "customers", dataset))
    for granted in (["email"], list(table.schema.names)):
        what = "key column" if len(granted) == 1 else "all columns"
        plain_file = room / "plain.parquet"
        took[f"plain read, {what}"] = timed(
            lambda g=granted, f=plain_file: pq.read_table(f, columns=g)
        )
        took[f"unseal, {what}"] = timed(lambda g=granted: unseal(kept[0], dataset, g))
    return took


def main() -> None:
    """Run the rounds, print medians and ratios, write JSON."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rows", type=int, default=2_500_000)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--out", type=Path, default=Path("bench/out/sealing.json"))
    given = arguments.parse_args()
    table, dataset = wide_table(given.rows)
    with tempfile.TemporaryDirectory() as directory:
        room = Path(directory)
        one_round(table.slice(0, given.rows // 10), dataset, room)
        rounds = [one_round(table, dataset, room) for _ in range(given.rounds)]
        sizes = {path.name.split("-")[-1]: path.stat().st_size for path in room.glob("*.p*")}
    medians = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    ratios = {
        "P6: seal + copy / plain write + copy (defaults)": medians["seal + copy"]
        / medians["plain write + copy, defaults"],
        "seal + copy / plain write + copy (same encoding)": medians["seal + copy"]
        / medians["plain write + copy, same encoding"],
        "unseal / plain read, key column": medians["unseal, key column"]
        / medians["plain read, key column"],
        "unseal / plain read, all columns": medians["unseal, all columns"]
        / medians["plain read, all columns"],
    }
    result = {
        "machine": {"cpu": platform.processor() or platform.machine(), "system": platform.system()},
        "versions": {"python": platform.python_version(), "pyarrow": pa.__version__},
        "table": {"rows": table.num_rows, "columns": table.num_columns, "bytes": table.nbytes},
        "file_bytes": sizes,
        "rounds": given.rounds,
        "median_s": medians,
        "ratios": ratios,
    }
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(result, indent=2))
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
