"""Tables and datasets for tests: good ones, ways to bend them, and files that try to harm.

`customers(rows)` fits `CUSTOMERS`; `every_type()` is a Hypothesis strategy of tables that fit
`EVERY_TYPE`; `sealed` and `opened` go there and back with the real functions.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from cleanroom.dataset.check import conforming
from cleanroom.dataset.read import open_source
from cleanroom.dataset.schema import sealed_schema
from cleanroom.dataset.seal import SealedDataset, SealedPart, seal
from cleanroom.dataset.unseal import read_part
from cleanroom.manifest.model import Allow, Column, Dataset, Rows

LINEAGE = "3f0f5a1e-7c3b-4c55-9f1a-0d2f6f6f1e11"
CANARY = "canary-7f3a91"
"""A cell value that no message may ever carry."""


def column(name: str, kind: str = "string", role: str = "payload", **rest: Any) -> Column:
    """A column of a manifest."""
    return Column(name=name, type=kind, role=role, **rest)


def dataset_of(*columns: Column, fewest: int = 1, most: int = 10_000_000) -> Dataset:
    """A dataset with these columns."""
    return Dataset(
        owner="bank",
        columns=list(columns),
        rows=Rows(min=fewest, max=most),
        allow=Allow(computations=["overlap"], max_releases=1),
    )


CUSTOMERS = dataset_of(
    column("email", role="identity", normalise="email"),
    column("income", "int64", "feature", bounds=["0", "500000"]),
    column("segment", role="dimension", values=["basic", "gold"]),
)
"""A small dataset with one rule of each kind."""

EVERY_TYPE = dataset_of(
    column("key", role="identity"),
    column("yes", "bool", nullable=True),
    column("small", "int32", nullable=True),
    column("large", "int64", nullable=True),
    column("real", "float64", nullable=True),
    column("text", "string", nullable=True),
    column("day", "date32", nullable=True),
    column("moment", "timestamp", nullable=True),
)
"""Every type a manifest knows, with nulls."""


def customers(rows: int, **replaced: Any) -> pa.Table:
    """A table that fits `CUSTOMERS`; `replaced` columns take the place of good ones."""
    good: dict[str, Any] = {
        "email": [f"person{index}@example.com" for index in range(rows)],
        "income": pa.array(range(rows), pa.int64()),
        "segment": ["basic" if index % 2 else "gold" for index in range(rows)],
    }
    return pa.table({**good, **replaced})


def every_type() -> st.SearchStrategy[pa.Table]:
    """Tables that fit `EVERY_TYPE`, of 1 to 30 rows."""
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    row = st.tuples(
        text,
        st.none() | st.booleans(),
        st.none() | st.integers(-(2**31), 2**31 - 1),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.floats(allow_nan=False),
        st.none() | text,
        st.none() | st.integers(-(2**31), 2**31 - 1),
        st.none() | st.integers(-(2**63), 2**63 - 1),
    )
    return st.lists(row, min_size=1, max_size=30).map(_table_of)


def _table_of(rows: list[tuple[Any, ...]]) -> pa.Table:
    schema = sealed_schema(EVERY_TYPE.columns)
    arrays = [
        pa.array(values, field.type)
        for values, field in zip(zip(*rows, strict=True), schema, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def sealed(given: Any, dataset: Dataset, directory: Path, **changes: str) -> SealedDataset:
    """Seal with the real thing; `changes` are `lineage`, `dataset` or `owner`."""
    names = {"lineage": LINEAGE, "dataset": "customers", "owner": "bank", **changes}
    source = open_source(given, dataset.columns)
    return seal(conforming(source, dataset), directory=directory, **names)


def opened(
    version: SealedDataset, dataset: Dataset, granted: Sequence[str] | None = None, **changes: Any
) -> pa.Table:
    """Unseal all parts with the real thing; `changes` replace arguments of `read_part`."""
    return pa.concat_tables(
        [opened_part(version, one, dataset, granted, **changes) for one in version.sealed_parts]
    )


def opened_part(
    version: SealedDataset,
    one: SealedPart,
    dataset: Dataset,
    granted: Sequence[str] | None = None,
    **changes: Any,
) -> pa.Table:
    """Unseal one part with the real thing; `changes` replace arguments of `read_part`."""
    names = granted or [column.name for column in dataset.columns]
    arguments = {
        "sealed": one.path,
        "part": one.part,
        "context": version.context,
        "key": version.key,
        "columns": dataset.columns,
        "granted": names,
        **changes,
    }
    return read_part(arguments.pop("sealed"), arguments.pop("part"), **arguments)


def write_bomb(path: Path, rows: int = 10_000, length: int = 1_000_000, **options: Any) -> Path:
    """A Parquet file of a kilobyte whose one text column decodes to `rows` times `length` bytes."""
    indices = pa.repeat(pa.scalar(0, pa.int32()), rows)
    texts = pa.DictionaryArray.from_arrays(indices, pa.array(["x" * length]))
    pq.write_table(
        pa.table({"email": texts}), path, compression="zstd", store_schema=False, **options
    )
    return path
