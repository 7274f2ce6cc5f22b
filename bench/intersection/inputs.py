"""Inputs of the benchmark: e-mail keys from a seed, as plaintext Parquet and as sealed datasets.

Each party has `rows` distinct addresses of 14 to 35 bytes in an order of its own, and one number
per row. All parties share the same half of them. Plaintext and sealed files have the same layout
(row groups, encoding, compression), so that a difference in reading is the encryption's.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from cleanroom.dataset.check import conforming
from cleanroom.dataset.context import DatasetContext
from cleanroom.dataset.read import open_source
from cleanroom.dataset.seal import COMPRESSION, seal
from cleanroom.dataset.unseal import read_part
from cleanroom.manifest.model import Allow, Column, Dataset, Rows
from cleanroom.protocol.dataset import Part

LINEAGE = "3f0f5a1e-7c3b-4c55-9f1a-0d2f6f6f1e11"
COLUMNS = [
    Column(name="email", type="string", role="identity"),
    Column(name="spend", type="int64", role="payload"),
]
DATASET = Dataset(
    owner="party",
    columns=COLUMNS,
    rows=Rows(max=10_000_000_000),
    allow=Allow(computations=["overlap"], max_releases=1),
)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed dataset on disk, and what opens it."""

    context: DatasetContext
    key: bytes
    parts: tuple[tuple[Path, Part], ...]

    def read(self, index: int, columns: list[str]) -> pa.Table:
        """Decrypt and validate columns of one part."""
        path, part = self.parts[index]
        return read_part(
            path, part, context=self.context, key=self.key, columns=COLUMNS, granted=columns
        )


def emails(numbers: np.ndarray) -> pa.Array:
    """Distinct addresses of 14 to 35 bytes for distinct numbers."""
    numbered = pl.DataFrame({"number": numbers, "mix": pl.Series(numbers).hash(7)})
    names = pl.Series(["a", "bo", "kim", "anna", "peter", "katrin", "michael", "alexandr"])
    hosts = pl.Series(["ex.org", "mail.com", "example.net", "company.example"])
    address = pl.format(
        "{}{}@{}",
        pl.lit(names).gather(pl.col("mix") % 8),
        pl.col("number") + 1_000_000,
        pl.lit(hosts).gather(pl.col("mix") // 8 % 4),
    )
    return numbered.select(address).to_series().to_arrow().cast(pa.string())


def table_of(party: int, rows: int, seed: int) -> pa.Table:
    """The table of one party; the numbers `0 … rows/2` are in everybody's."""
    generator = np.random.default_rng([seed, party])
    own = rows // 2 + party * rows
    numbers = np.concatenate([np.arange(rows // 2), np.arange(own, own + rows - rows // 2)])
    return pa.table(
        {
            "email": emails(generator.permutation(numbers)),
            "spend": generator.integers(0, 1_000_000, rows),
        }
    )


def prepare(directory: Path, parties: int, rows: int, seed: int) -> None:
    """Write every party's table as `<party>.parquet` and sealed under `<party>/`."""
    for party in range(parties):
        table = table_of(party, rows, seed)
        pq.write_table(
            table,
            directory / f"{party}.parquet",
            row_group_size=1 << 20,
            compression=COMPRESSION,
            use_dictionary=False,
        )
        _seal(table, directory / str(party), f"set-{party}")


def _seal(table: pa.Table, room: Path, name: str) -> None:
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir()
    sealed = seal(
        conforming(open_source(table, COLUMNS), DATASET),
        lineage=LINEAGE,
        dataset=name,
        owner="party",
        directory=room,
    )
    opening = {
        "dataset": name,
        "version": sealed.version,
        "key": sealed.key.hex(),
        "parts": [
            {"path": str(one.path), "part": one.part.to_bytes().decode()}
            for one in sealed.sealed_parts
        ],
    }
    (room / "opening.json").write_text(json.dumps(opening), encoding="utf-8")


def open_sealed(directory: Path, party: int) -> Sealed:
    """What `prepare` sealed for a party."""
    text = (directory / str(party) / "opening.json").read_text(encoding="utf-8")
    opening = json.loads(text, object_hook=lambda fields: SimpleNamespace(**fields))
    return Sealed(
        DatasetContext(LINEAGE, opening.dataset, "party", opening.version),
        bytes.fromhex(opening.key),
        tuple((Path(one.path), Part.from_bytes(one.part.encode())) for one in opening.parts),
    )
