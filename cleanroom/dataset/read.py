"""Whatever a party has — files, tables, frames, readers — as one bounded stream of record batches.

Files are told apart by their first bytes: Parquet, Arrow IPC (file and stream) or CSV in UTF-8. A
Parquet footer is never trusted for sizes, Arrow IPC is fully validated, CSV takes its types from
the manifest. A message never carries what the file said. The one thing not bounded beforehand is a
single compressed batch of an Arrow IPC file, which Arrow decompresses whole.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa

from cleanroom.dataset.formats import open_arrow_file, open_arrow_stream, open_csv, open_parquet
from cleanroom.dataset.schema import MOST_DECODED
from cleanroom.errors import DataMismatch, DataOversized, DataUnreadable
from cleanroom.manifest.model import Column

MOST_BATCH_ROWS = 131_072
"""A batch has at most this many rows, so that what one batch decodes to stays bounded."""
SUFFIXES = frozenset({".parquet", ".csv", ".arrow", ".feather", ".ipc"})
"""What a directory of data may hold; hidden files and names that begin with `_` are passed over."""

Given: TypeAlias = (
    str
    | os.PathLike[str]
    | pa.Table
    | pa.RecordBatch
    | pa.RecordBatchReader
    | Sequence[str | os.PathLike[str]]
    | Any
)
"""What can be read; `Any` is a data frame that `pyarrow.Table.from_pandas` takes."""
Read = Callable[[list[str]], Iterator[pa.RecordBatch]]
"""Yields the named columns, batch after batch."""


@dataclass(frozen=True, slots=True)
class Source:
    """A table that can be read batch after batch; nothing about its values is known yet."""

    schema: pa.Schema
    """Names and types as they were found, without metadata."""
    rows: int | None
    """How many rows it claims to have: for progress only, never trusted."""
    replayable: bool
    """Whether `batches` may be called again; false for a `RecordBatchReader`."""
    read: Read
    """How to read it; use `batches`."""

    def batches(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield the named columns in this order, at most `MOST_BATCH_ROWS` rows at a time.

        Raises:
            DataUnreadable: it is damaged, not UTF-8, or a one-time reader was read before.
            DataMismatch: a value does not have its column's type.
            DataOversized: a batch decodes to more than `MOST_DECODED` bytes per column.
        """
        for batch in self.read(list(names)):
            if batch.nbytes > MOST_DECODED * max(1, batch.num_columns):
                raise DataOversized(
                    f"one batch decodes to {batch.nbytes} bytes in {batch.num_columns} columns, "
                    f"expected at most {MOST_DECODED} bytes for each"
                )
            for start in range(0, batch.num_rows, MOST_BATCH_ROWS):
                yield batch.slice(start, MOST_BATCH_ROWS)


def open_source(given: Given, columns: Sequence[Column]) -> Source:
    """Open what a party gave for a dataset.

    Args:
        given: a path of a file or a directory, several paths, a `pyarrow` table, batch or reader,
            or a pandas data frame.
        columns: the manifest's columns; CSV takes its types from them.

    Raises:
        DataUnreadable: it is missing, empty, of another format, or damaged.
        DataMismatch: a CSV file lacks columns, or its columns have the same name twice.
        DataOversized: one value is larger than a batch may be.
    """
    if isinstance(given, pa.RecordBatchReader):
        return _from_reader(given)
    if isinstance(given, pa.RecordBatch):
        return _from_table(pa.Table.from_batches([given]))
    if isinstance(given, pa.Table):
        return _from_table(given)
    if isinstance(given, str | os.PathLike):
        return _from_files(_files_of(Path(given)), columns)
    if isinstance(given, list | tuple):
        return _from_files([path for one in given for path in _files_of(Path(one))], columns)
    return _from_table(_from_frame(given))


def _from_table(table: pa.Table) -> Source:
    def read(names: list[str]) -> Iterator[pa.RecordBatch]:
        yield from table.select(names).to_batches(max_chunksize=MOST_BATCH_ROWS)

    return Source(_named_once(table.schema), table.num_rows, True, read)


def _from_reader(reader: pa.RecordBatchReader) -> Source:
    unread = [reader]

    def read(names: list[str]) -> Iterator[pa.RecordBatch]:
        if not unread:
            raise DataUnreadable("the reader was read before, expected one that can be read once")
        for batch in unread.pop():
            batch.validate(full=True)
            yield batch.select(names)

    return Source(_named_once(reader.schema), None, False, _without_values(read, "the reader"))


def _from_frame(frame: Given) -> pa.Table:
    if not hasattr(frame, "columns") or not hasattr(frame, "dtypes"):
        raise DataUnreadable(
            f"the table is a {type(frame).__name__}, expected a path, a pyarrow table or reader, "
            "or a pandas data frame"
        )
    try:
        return pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        raise DataUnreadable("a column of the data frame holds values of several types") from None


def _files_of(path: Path) -> list[Path]:
    if not path.exists():
        raise DataUnreadable(f"there is no file {path.name!r}")
    if not path.is_dir():
        return [path]
    found = sorted(child for child in path.iterdir() if not child.name.startswith((".", "_")))
    strange = [child.name for child in found if child.suffix.lower() not in SUFFIXES]
    if strange or not found:
        raise DataUnreadable(
            f"the directory {path.name!r} holds {len(found)} files, of which {len(strange)} are "
            f"not data, expected only {sorted(SUFFIXES)}"
        )
    return found


def _from_files(paths: list[Path], columns: Sequence[Column]) -> Source:
    if not paths:
        raise DataUnreadable("no file was given, expected at least one")
    sources = [_from_file(path, columns) for path in paths]
    for path, source in zip(paths, sources, strict=True):
        if source.schema != sources[0].schema:
            raise DataMismatch(
                f"{path.name!r} has other columns or types than {paths[0].name!r}, "
                "expected the same in every file"
            )

    def read(names: list[str]) -> Iterator[pa.RecordBatch]:
        for source in sources:
            yield from source.read(names)

    claimed = [source.rows for source in sources if source.rows is not None]
    total = sum(claimed) if len(claimed) == len(sources) else None
    return Source(sources[0].schema, total, True, read)


def _from_file(path: Path, columns: Sequence[Column]) -> Source:
    what = f"file {path.name!r}"
    try:
        opened = _opener(path, what)(path, columns)
    except (pa.ArrowException, OSError, ValueError):
        raise DataUnreadable(f"the {what} is damaged or not what its first bytes say") from None
    schema, rows, read = opened
    return Source(_named_once(schema), rows, True, _without_values(read, f"the {what}"))


def _opener(path: Path, what: str) -> Callable[..., tuple[pa.Schema, int | None, Read]]:
    with path.open("rb") as file:
        magic = file.read(6)
    if not magic:
        raise DataUnreadable(f"the {what} is empty")
    if magic.startswith(b"PARE"):
        raise DataUnreadable(f"the {what} is already encrypted, expected plain Parquet")
    if magic.startswith(b"PAR1"):
        return open_parquet
    if magic == b"ARROW1":
        return open_arrow_file
    if magic.startswith(b"\xff\xff\xff\xff"):
        return open_arrow_stream
    if path.suffix.lower() in {".csv", ".txt"}:
        return open_csv
    raise DataUnreadable(f"the {what} is neither Parquet nor Arrow, and is not named .csv")


def _without_values(read: Read, what: str) -> Read:
    """Say what went wrong without pyarrow's words: they carry cell values."""

    def careful(names: list[str]) -> Iterator[pa.RecordBatch]:
        try:
            yield from read(names)
        except (pa.ArrowException, OSError, ValueError, LookupError):
            raise DataUnreadable(f"{what} is damaged or cannot be decoded") from None

    return careful


def _named_once(schema: pa.Schema) -> pa.Schema:
    twice = len(schema.names) - len(set(schema.names))
    if twice:
        raise DataMismatch(f"{twice} column names occur twice, expected each name once")
    return schema.remove_metadata()
