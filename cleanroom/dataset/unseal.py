"""Unsealing: only the granted columns of an encrypted part, inside an attested worker.

The owner's program is not trusted: whoever holds the key could have written any Parquet file. So
sizes, schema, encodings and values are checked against the manifest and the signed version before
and after decoding, row group by row group, and texts are validated as UTF-8. Nothing is written to
disk, and no message carries what a part says. It does not compare the part's digest: whoever
fetched the bytes did.

NOTE: a footer may lie about the encodings of its own pages. Such a file needs a hand-made writer
and the owner's key, and can only exhaust the worker's memory limit, not read or change anything.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types
from pyarrow.parquet import encryption

from cleanroom.dataset.context import DatasetContext
from cleanroom.dataset.formats import THRIFT_LIMITS
from cleanroom.dataset.rules import broken
from cleanroom.dataset.schema import sealed_schema
from cleanroom.errors import DataMismatch, DataOversized, SealBroken
from cleanroom.manifest.model import Column
from cleanroom.protocol.dataset import Part

MAGIC = b"PARE"
"""First and last four bytes of Parquet with an encrypted footer."""
MOST_GROUP_ROWS = 1 << 20
"""A row group of format v1 holds no more rows."""
MOST_GROUP_BYTES = 512 * 1024 * 1024
"""A row group of format v1 decodes to no more, in bytes; writers aim at 64 MiB."""
ENCODINGS = frozenset({"PLAIN", "RLE", "BIT_PACKED"})
"""No dictionary and no delta: with these a page decodes to about its own size."""
COMPRESSIONS = frozenset({"UNCOMPRESSED", "LZ4", "LZ4_RAW"})
"""LZ4 expands at most 255-fold."""

Sealed: TypeAlias = Path | bytes | bytearray | memoryview | pa.Buffer
"""A part's ciphertext: a file, or bytes in memory."""


def open_part(
    sealed: Sealed,
    part: Part,
    *,
    context: DatasetContext,
    key: bytes,
    columns: Sequence[Column],
    granted: Sequence[str],
) -> Iterator[pa.RecordBatch]:
    """Yield the granted columns of one part, a batch for each row group.

    Args:
        sealed: the ciphertext, whose digest was compared with `part.digest` by the caller.
        part: its record in the signed dataset version.
        context: which dataset version it must be of.
        key: the version's 32-byte data key.
        columns: every column of the dataset, as the manifest has them.
        granted: the names to decrypt; they come out in this order.

    Raises:
        SealBroken: another key, context or place, or altered, truncated or foreign bytes.
        DataOversized: it holds more rows or bytes than declared or than format v1 allows.
        DataMismatch: its schema, row count, encodings or values are not the manifest's.
    """
    place = f"part {part.index} of dataset {context.dataset!r}"
    wanted = _granted(columns, granted)
    try:
        with _opened(sealed, part, context, key) as file:
            _shaped(file, part, sealed_schema(columns), place)
            for group in range(file.num_row_groups):
                rows = file.read_row_group(group, columns=list(granted))
                yield _lawful(rows, wanted, place)
    except (pa.ArrowException, OSError, ValueError, NotImplementedError):
        raise SealBroken(f"{place} does not open with this key and context") from None


def read_part(
    sealed: Sealed,
    part: Part,
    *,
    context: DatasetContext,
    key: bytes,
    columns: Sequence[Column],
    granted: Sequence[str],
) -> pa.Table:
    """The granted columns of one part as a table; arguments and errors are those of `open_part`."""
    batches = open_part(sealed, part, context=context, key=key, columns=columns, granted=granted)
    return pa.Table.from_batches(batches, sealed_schema(_granted(columns, granted)))


def _granted(columns: Sequence[Column], granted: Sequence[str]) -> list[Column]:
    known = {column.name: column for column in columns}
    unknown = [name for name in granted if name not in known]
    if unknown or not granted:
        raise DataMismatch(f"granted columns are {list(granted)}, expected some of {list(known)}")
    return [known[name] for name in granted]


def _opened(sealed: Sealed, part: Part, context: DatasetContext, key: bytes) -> pq.ParquetFile:
    source = pa.OSFile(str(sealed)) if isinstance(sealed, Path) else pa.BufferReader(sealed)
    size = source.size()
    if size > part.size:
        raise DataOversized(f"the part has {size} bytes, expected {part.size}")
    if size < part.size or source.read(4) != MAGIC:
        raise pa.ArrowInvalid("truncated, or not encrypted as a whole")
    source.seek(size - 4)
    if source.read(4) != MAGIC:
        raise pa.ArrowInvalid("its footer is not encrypted")
    properties = encryption.create_decryption_properties(
        key, aad_prefix=context.of_part(part.index), allow_plaintext_files=False
    )
    return pq.ParquetFile(
        source, decryption_properties=properties, arrow_extensions_enabled=False, **THRIFT_LIMITS
    )


def _shaped(file: pq.ParquetFile, part: Part, schema: pa.Schema, place: str) -> None:
    metadata = file.metadata
    if metadata.num_rows > part.rows:
        raise DataOversized(f"{place} has {metadata.num_rows} rows, expected {part.rows}")
    groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
    if metadata.num_rows != part.rows or sum(one.num_rows for one in groups) != part.rows:
        raise DataMismatch(f"{place} does not have the {part.rows} rows that were signed")
    if file.schema_arrow.remove_metadata() != schema:
        raise DataMismatch(f"{place} does not have the columns and types of the manifest")
    for group in groups:
        _bounded(group, place)


def _bounded(group: pq.RowGroupMetaData, place: str) -> None:
    chunks = [group.column(index) for index in range(group.num_columns)]
    if group.num_rows > MOST_GROUP_ROWS or _claimed(chunks) > MOST_GROUP_BYTES:
        raise DataOversized(
            f"a row group of {place} is larger than {MOST_GROUP_ROWS} rows or "
            f"{MOST_GROUP_BYTES} bytes"
        )
    for chunk in chunks:
        if not ENCODINGS.issuperset(chunk.encodings) or chunk.compression not in COMPRESSIONS:
            raise DataMismatch(
                f"{place} is encoded or compressed in a way format v1 does not allow"
            )


def _claimed(chunks: list[pq.ColumnChunkMetaData]) -> int:
    return sum(abs(chunk.total_uncompressed_size) for chunk in chunks)


def _lawful(rows: pa.Table, columns: list[Column], place: str) -> pa.RecordBatch:
    if rows.nbytes > MOST_GROUP_BYTES:
        raise DataOversized(f"a row group of {place} decodes to more than {MOST_GROUP_BYTES} bytes")
    rows.validate()
    for column in columns:
        _readable(rows[column.name])
        outside, unlisted = broken(rows[column.name], column)
        if outside or unlisted:
            raise DataMismatch(f"column {column.name!r} of {place} breaks the manifest's rules")
    batches = rows.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], schema=rows.schema)


def _readable(column: pa.ChunkedArray) -> None:
    """Offsets, texts and values are what they should be; texts of ASCII alone cost one pass.

    Raises:
        pa.ArrowInvalid: they are not.
    """
    for array in column.chunks:
        if types.is_string(array.type):
            octets = array.view(pa.binary())
            octets.validate(full=True)
            if _ascii(octets):
                continue
        array.validate(full=True)


def _ascii(octets: pa.BinaryArray) -> bool:
    """Whether no byte of the buffer is above 127: wherever it is cut, it is UTF-8."""
    held = octets.buffers()[2]
    return held is None or not held.size or int(np.frombuffer(held, np.uint8).max()) < 128
