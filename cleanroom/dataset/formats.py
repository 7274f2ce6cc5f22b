"""The file formats a party may bring, each opened defensively: Parquet, Arrow IPC, CSV.

Each opener returns the schema found, the rows claimed (for progress only) and a way to read named
columns. They may raise pyarrow's own errors: `read` replaces those, since they carry cell values.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet as pq
from pyarrow import types

from cleanroom.dataset.schema import MOST_DECODED, arrow_type
from cleanroom.errors import DataMismatch, DataOversized, DataUnreadable
from cleanroom.manifest.model import Column

LARGEST_BATCH = 16 * 1024 * 1024
"""Aimed at when the longest value of a Parquet column is known, in bytes."""
MOST_ROWS_AT_ONCE = 65_536
"""Rows decoded at once from Parquet, whatever its footer says."""
LONGEST_CSV_ROW = 4 * 1024 * 1024
"""A row of a CSV file is shorter, in bytes."""
THRIFT_LIMITS = {"thrift_string_size_limit": 16 << 20, "thrift_container_size_limit": 1 << 20}
"""No name or list in a Parquet footer is larger."""

Opened = tuple[pa.Schema, int | None, Callable[[list[str]], Iterator[pa.RecordBatch]]]
"""Schema, claimed rows, and how to read named columns."""


def open_parquet(path: Path, _columns: Sequence[Column]) -> Opened:
    """Open a Parquet file; it is read by row group in batches sized by what is really in it."""
    with _parquet(path) as file:
        schema, rows, groups = file.schema_arrow, file.metadata.num_rows, file.num_row_groups

    def read(names: list[str]) -> Iterator[pa.RecordBatch]:
        texts = [name for name in names if _is_text(schema.field(name).type)]
        with _parquet(path) as file, _parquet(path, read_dictionary=texts) as probe:
            for group in range(groups):
                yield from file.iter_batches(
                    batch_size=_rows_at_once(probe, group, texts), row_groups=[group], columns=names
                )

    return schema, rows, read


def _parquet(path: Path, read_dictionary: list[str] | None = None) -> pq.ParquetFile:
    return pq.ParquetFile(
        path,
        read_dictionary=read_dictionary,
        pre_buffer=read_dictionary is None,
        buffer_size=0 if read_dictionary is None else 1 << 20,
        arrow_extensions_enabled=False,
        **THRIFT_LIMITS,
    )


def _is_text(kind: pa.DataType) -> bool:
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind))


def _rows_at_once(probe: pq.ParquetFile, group: int, texts: list[str]) -> int:
    """How many rows of this row group are safe to decode at once.

    A dictionary may repeat one long text for every row, so a file of a megabyte can decode to
    gigabytes. Reading one row *as dictionary* loads the dictionary alone and tells its longest
    text. Delta encodings cannot be read that way and are taken in small steps.
    """
    if not texts:
        return MOST_ROWS_AT_ONCE
    try:
        first = next(probe.iter_batches(batch_size=1, row_groups=[group], columns=texts), None)
    except (OSError, NotImplementedError):
        return 256
    if first is None:
        return MOST_ROWS_AT_ONCE
    longest = sum(_longest(column) for column in first.columns)
    if longest > MOST_DECODED:
        raise DataOversized(
            f"one row decodes to {longest} bytes, expected at most {MOST_DECODED} bytes"
        )
    return max(1, min(MOST_ROWS_AT_ONCE, LARGEST_BATCH // max(1, longest)))


def _longest(column: pa.Array) -> int:
    texts = column.dictionary if types.is_dictionary(column.type) else column
    return pc.max(pc.binary_length(texts)).as_py() or 0


def open_arrow_file(path: Path, _columns: Sequence[Column]) -> Opened:
    """Open an Arrow IPC file (Feather V2); each batch is validated before anything looks at it."""

    def read(names: list[str]) -> Iterator[pa.RecordBatch]:
        with pa.OSFile(str(path)) as file:
            reader = _reader(pa.ipc.open_file, file, names)
            for index in range(reader.num_record_batches):
                yield _validated(reader.get_batch(index), names)

    with pa.OSFile(str(path)) as file:
        return pa.ipc.open_file(file).schema, None, read


def open_arrow_stream(path: Path, _columns: Sequence[Column]) -> Opened:
    """Open an Arrow IPC stream; each batch is validated before anything looks at it."""

    def read(names: list[str]) -> Iterator[pa.RecordBatch]:
        with pa.OSFile(str(path)) as file:
            for batch in _reader(pa.ipc.open_stream, file, names):
                yield _validated(batch, names)

    with pa.OSFile(str(path)) as file:
        return pa.ipc.open_stream(file).schema, None, read


def _reader(
    opener: Callable[..., pa.RecordBatchReader], file: pa.OSFile, names: list[str]
) -> pa.RecordBatchReader:
    schema = opener(file).schema
    file.seek(0)
    wanted = [schema.get_field_index(name) for name in names]
    return opener(file, options=pa.ipc.IpcReadOptions(included_fields=wanted))


def _validated(batch: pa.RecordBatch, names: list[str]) -> pa.RecordBatch:
    batch.validate(full=True)
    return batch.select(names)


def open_csv(path: Path, columns: Sequence[Column]) -> Opened:
    """Open a CSV file: UTF-8, a header row, commas, `"` quotes, an empty unquoted field is null.

    Raises:
        DataMismatch: a column of the manifest is missing.
    """
    with _csv_reader(path, None, {}) as reader:
        header = reader.schema.names
    wanted = {column.name: arrow_type(column) for column in columns if column.name in header}
    missing = [column.name for column in columns if column.name not in wanted]
    if missing:
        raise DataMismatch(f"columns {missing} are missing in the CSV file")

    def read(names: list[str]) -> Iterator[pa.RecordBatch]:
        try:
            with _csv_reader(path, names, wanted) as reader:
                yield from reader
        except pa.ArrowInvalid as invalid:
            raise _said_plainly(str(invalid), header, wanted) from None

    return pa.schema([(name, wanted.get(name, pa.string())) for name in header]), None, read


def _csv_reader(
    path: Path, names: list[str] | None, column_types: dict[str, pa.DataType]
) -> pa.csv.CSVStreamingReader:
    return pa.csv.open_csv(
        path,
        read_options=pa.csv.ReadOptions(block_size=LONGEST_CSV_ROW),
        parse_options=pa.csv.ParseOptions(newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            include_columns=names,
            column_types=column_types,
            default_column_type=pa.string(),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            check_utf8=names is not None,
        ),
    )


def _said_plainly(words: str, header: list[str], types_of: dict[str, pa.DataType]) -> Exception:
    """Name the column that pyarrow complains about, without the value it quotes."""
    place = re.match(r"In CSV column #(\d+): CSV conversion error to [^:]+: (invalid UTF8)?", words)
    if place is None or not int(place[1]) < len(header):
        return DataUnreadable("the CSV file is damaged, not in UTF-8, or a row has other columns")
    name = header[int(place[1])]
    if place[2]:
        return DataUnreadable(f"column {name!r} of the CSV file is not in UTF-8")
    return DataMismatch(
        f"column {name!r} of the CSV file holds a text that is not {types_of[name]}"
    )
