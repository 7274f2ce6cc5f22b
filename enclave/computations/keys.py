"""The columns that name a unit, with the position of each row: all that an intersection reads.

Keys are compared by their bytes, after the owner's side has brought them to one spelling; nothing
is trimmed, folded or normalised here. A row with a missing key column never matches and is left
out. Floating-point numbers cannot name a unit: equal numbers may have different bytes.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from enclave.computations.failure import Reason, failed, value_free

ROW = "__row"
"""Where a key table keeps the position of each row in its input; `int64`, from 0. Column names of
a manifest may begin with underscores, but key columns never take this one: `key_table` refuses.
A table of consecutive rows does without and says in `FIRST_ROW` where it begins."""
FIRST_ROW = b"first_row"
"""Schema metadata of a key table without `ROW`: the position of its first row, in digits."""

PLAIN: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "string": pa.large_string(),
    "date32": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
"""The Arrow type behind each column type of a manifest. Texts have 64-bit offsets, so that a column
of any size stays in one piece; in a Parquet file they are the same `STRING`."""


def plain_type(found: pa.DataType) -> pa.DataType:
    """The type without dictionary, run-length or view encoding, and texts with 64-bit offsets."""
    if pa.types.is_dictionary(found) or pa.types.is_run_end_encoded(found):
        found = found.value_type
    if pa.types.is_string(found) or pa.types.is_string_view(found):
        return pa.large_string()
    return found


def plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The same values in their plain type."""
    target = plain_type(column.type)
    return column if column.type == target else column.cast(target)


@value_free(Reason.KEYS)
def key_table(table: pa.Table, on: Sequence[str], first_row: int = 0) -> pa.Table:
    """Cut the key columns out of (a block of) an input and note where each row stands.

    Args:
        table: the input, or consecutive rows of it; other columns are ignored.
        on: names of the key columns that together name one unit.
        first_row: position of the block's first row in the input, in rows.

    Returns:
        The key columns without rows that miss a key; with `ROW` if there were any.

    Raises:
        ComputationFailed: a column is missing, or of a type that cannot name a unit.
    """
    if ROW in on:
        raise failed(Reason.KEY_TYPE)
    columns = [decoded(table.column(name)) for name in on]
    if not all(_names_units(plain_type(column.type)) for column in columns):
        raise failed(Reason.KEY_TYPE)
    keys = pa.table(columns, names=list(on), metadata={FIRST_ROW: str(first_row)})
    if any(column.null_count for column in columns):
        return with_rows(keys).filter(_all_present(columns))
    return keys


def decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Plain values; texts keep their offsets, which are not worth a copy of all keys."""
    return column if pa.types.is_string(column.type) else plain(column)


def with_rows(keys: pa.Table) -> pa.Table:
    """The key table with its `ROW` column written out."""
    if ROW in keys.column_names:
        return keys
    return keys.append_column(ROW, pa.array(rows_of(keys))).replace_schema_metadata(None)


def _names_units(found: pa.DataType) -> bool:
    return (
        found in {pa.large_string(), pa.bool_(), pa.date32()}
        or pa.types.is_integer(found)
        or pa.types.is_timestamp(found)
    )


def _all_present(columns: Sequence[pa.ChunkedArray]) -> pa.ChunkedArray:
    present = pc.is_valid(columns[0])
    for column in columns[1:]:
        present = pc.and_(present, pc.is_valid(column))
    return present


def key_frame(keys: pa.Table | pa.RecordBatch) -> pl.DataFrame:
    """The key columns alone as a frame of one chunk each, sharing memory where possible."""
    names = [name for name in keys.schema.names if name != ROW]
    return pl.DataFrame([pl.Series(name, keys.column(name)) for name in names]).rechunk()


def rows_of(keys: pa.Table) -> np.ndarray:
    """The positions in the input of the rows of a key table; `int64`."""
    if ROW in keys.column_names:
        rows: np.ndarray = keys.column(ROW).to_numpy()
        return rows
    return np.arange(first_row_of(keys), first_row_of(keys) + keys.num_rows, dtype=np.int64)


def positions(keys: pa.Table, places: np.ndarray) -> np.ndarray:
    """The positions in the input of some rows of a key table, by their places in it; `int64`."""
    found: np.ndarray = (
        rows_of(keys)[places]
        if ROW in keys.column_names
        else places.astype(np.int64) + first_row_of(keys)
    )
    return found


def first_row_of(keys: pa.Table) -> int:
    """Where a key table of consecutive rows begins in its input."""
    return int(keys.schema.metadata[FIRST_ROW])


def require_same_types(inputs: Sequence[pa.Table]) -> None:
    """Refuse inputs whose key columns differ in name, order or plain type.

    Raises:
        ComputationFailed: they differ; no value is compared across types.
    """
    shapes = {
        tuple((field.name, plain_type(field.type)) for field in keys.schema if field.name != ROW)
        for keys in inputs
    }
    if len(shapes) > 1:
        raise failed(Reason.KEY_TYPES_DIFFER)
