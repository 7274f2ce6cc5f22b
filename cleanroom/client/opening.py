"""Opens what the room delivers: compare, decrypt wholly, and only then parse.

The plaintext is Parquet that an attested worker wrote by known rules (no compression, no
dictionary, plain encodings). Whatever is written otherwise is refused before it is decoded, so a
small file cannot become a large table.
"""

from collections.abc import Sequence
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq

from cleanroom.crypto.sealing import Unsealer, decrypt_content
from cleanroom.dataset.formats import THRIFT_LIMITS
from cleanroom.errors import DataMismatch
from cleanroom.manifest.model import (
    AnyOutput,
    CurveOutput,
    EvaluationOutput,
    ImportanceOutput,
    Manifest,
    MetricsOutput,
    RowsOutput,
    ScoresOutput,
)
from cleanroom.protocol.run import Delivery, delivery_context, output_context

MOST_IMPORTANCES = 100_000
"""A table of importances has no more lines: one for each feature of each input."""
MOST_METRICS = 1_000
"""A table of metrics has no more lines: a few for each model that is compared."""
MOST_POINTS = 20_000
"""A table of an evaluation has no more lines."""
ENCODINGS = frozenset({"PLAIN", "RLE", "BIT_PACKED"})
"""With these a page decodes to about its own size."""
FLAT = frozenset({"BOOLEAN", "INT32", "INT64", "DOUBLE", "BYTE_ARRAY"})
"""How columns of results are stored; none has a length that is said once for all rows."""


def open_delivery(
    delivery: Delivery, sealed: bytes, manifest: Manifest, computation: str, unsealer: Unsealer
) -> pa.Table:
    """Open a delivered result and read it, once its bytes are authentic to the last one.

    Args:
        delivery: as received, for this party.
        sealed: the blob it names, compared with its digest.
        manifest: the party's own.
        computation: of the run.
        unsealer: the party's `receive` key.

    Raises:
        SealBroken: key or bytes are not of this run, output and recipient.
        DataMismatch: it is not a table as the manifest describes it.
    """
    place = delivery.output
    context = output_context(
        str(manifest.metadata.lineage),
        manifest.digest,
        delivery.run,
        place.output,
        place.recipient,
    )
    key = unsealer.open(delivery.sealed_key, context=delivery_context(context, place.digest))
    rule = manifest.computations[computation].outputs[place.output]
    return read_table(decrypt_content(sealed, key, context=context), rule)


def read_table(plain: bytes, rule: AnyOutput) -> pa.Table:
    """Read the Parquet that a worker writes.

    Args:
        plain: as decrypted.
        rule: of the output, from the party's own manifest.

    Raises:
        DataMismatch: it has other columns or more rows, or is compressed or encoded.
    """
    with suppress(pa.ArrowException, OSError, ValueError, NotImplementedError):
        file = pq.ParquetFile(
            pa.BufferReader(plain), arrow_extensions_enabled=False, **THRIFT_LIMITS
        )
        _shaped(file, rule)
        table = file.read()
        table.validate(full=True)
        return table.replace_schema_metadata(None)
    raise DataMismatch("the result is not the Parquet that a worker writes")


def _shaped(file: pq.ParquetFile, rule: AnyOutput) -> pq.ParquetFile:
    metadata = file.metadata
    groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
    # NOTE: what is read follows the groups, whatever the footer says of all rows together.
    rows, most = sum(abs(group.num_rows) for group in groups), _most_rows(rule)
    if rows > most:
        raise DataMismatch(f"the result has {rows} rows, expected at most {most}")
    if rows != metadata.num_rows:
        raise DataMismatch(f"the result says {metadata.num_rows} rows, it has {rows}")
    _columns(file.schema_arrow.names, rule.columns)
    _flat(file.schema)
    for group in groups:
        for index in range(metadata.num_columns):
            chunk = group.column(index)
            if chunk.compression != "UNCOMPRESSED" or not ENCODINGS.issuperset(chunk.encodings):
                raise DataMismatch("the result is compressed or encoded, expected plain pages")
    return file


def _flat(schema: pq.ParquetSchema) -> pq.ParquetSchema:
    """One value in each row, which takes the space of its bytes: a list or a blank may take any."""
    for index, name in enumerate(schema.names):
        column = schema.column(index)
        if column.path != name or column.max_repetition_level or column.physical_type not in FLAT:
            raise DataMismatch(f"column {name!r} of the result is nested or padded, expected plain")
    return schema


def _most_rows(rule: AnyOutput) -> int:
    match rule:
        case RowsOutput() | ScoresOutput():
            return rule.max_rows
        case ImportanceOutput():
            return MOST_IMPORTANCES
        case MetricsOutput():
            return MOST_METRICS
        case EvaluationOutput() | CurveOutput():
            return MOST_POINTS
        case _:
            return 1


def _columns(found: Sequence[str], expected: Sequence[str]) -> Sequence[str]:
    if sorted(found) != sorted(expected):
        raise DataMismatch(f"the result has columns {sorted(found)}, expected {sorted(expected)}")
    return found
