"""Arrow schemas of the manifest's columns, and lossless conversion into them.

A sealed table has exactly the manifest's columns, in its order, in plain Arrow types, without any
metadata of the file it came from. Conversion keeps the value or counts it as a misfit; it never
rounds, truncates or guesses.
"""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from cleanroom.errors import DataOversized
from cleanroom.manifest.model import Column

ARROW_TYPES: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "string": pa.string(),
    "date32": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}
"""The plain Arrow type of each type name in a manifest."""
MOST_DECODED = 256 * 1024 * 1024
"""One batch of one column decodes to no more, in bytes; a batch has at most 131,072 rows."""

_EXACT_IN_FLOAT64 = 2**53
_LIMITS = {
    pa.int32(): (-(2**31), 2**31 - 1),
    pa.int64(): (-(2**63), 2**63 - 1),
    pa.float64(): (-_EXACT_IN_FLOAT64, _EXACT_IN_FLOAT64),
}


def arrow_type(column: Column) -> pa.DataType:
    """The plain Arrow type in which `column` is sealed."""
    return ARROW_TYPES[column.type]


def sealed_schema(columns: Sequence[Column]) -> pa.Schema:
    """The schema of every sealed part: the manifest's columns in their order, no metadata.

    A normalised identity may be missing in the sealed table even where the file had a value: a
    value that the normaliser refuses becomes null.
    """
    return pa.schema(
        [
            pa.field(column.name, arrow_type(column), nullable=may_be_null(column))
            for column in columns
        ]
    )


def may_be_null(column: Column) -> bool:
    """Whether the sealed column may hold nulls."""
    return column.nullable or column.normalise != "exact"


def convertible(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether values of `found` can be brought into `wanted` without a change of meaning.

    A timestamp without a zone is refused: the clean room does not guess whose noon it is.
    """
    if types.is_dictionary(found):
        return bool(types.is_string(wanted)) and convertible(found.value_type, wanted)
    accepted = (
        found == wanted
        or types.is_null(found)
        or (
            types.is_string(wanted)
            and (types.is_large_string(found) or types.is_string_view(found))
        )
        or (types.is_integer(wanted) and types.is_integer(found))
        or (types.is_floating(wanted) and (types.is_floating(found) or types.is_integer(found)))
        or (types.is_timestamp(wanted) and types.is_timestamp(found) and found.tz is not None)
        or (types.is_date32(wanted) and types.is_date64(found))
    )
    return bool(accepted)


def convert(array: pa.Array, wanted: pa.DataType) -> tuple[pa.Array, int]:
    """Bring `array` into `wanted`; values that do not fit become null and are counted.

    Args:
        array: of a type that is `convertible` to `wanted`.
        wanted: one of `ARROW_TYPES`.

    Raises:
        DataOversized: a dictionary decodes to more than `MOST_DECODED` bytes.
    """
    if types.is_dictionary(array.type):
        array = _decoded(array)
    if array.type == wanted:
        return array, 0
    try:
        return array.cast(wanted, safe=True), 0
    except pa.ArrowInvalid:
        misfit = pc.fill_null(_misfits(array, wanted), False)
    fitting = pc.if_else(misfit, pa.scalar(None, array.type), array)
    return fitting.cast(wanted, safe=False), pc.sum(misfit).as_py() or 0


def _misfits(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    if types.is_integer(array.type):
        lowest, highest = _LIMITS[wanted]
        below = pa.scalar(max(lowest, _lowest(array.type)), array.type)
        above = pa.scalar(min(highest, _highest(array.type)), array.type)
        return pc.or_(pc.less(array, below), pc.greater(array, above))
    there_and_back = array.cast(wanted, safe=False).cast(array.type, safe=False)
    return pc.not_equal(there_and_back, array)


def _lowest(kind: pa.DataType) -> int:
    return 0 if types.is_unsigned_integer(kind) else -(2 ** (kind.bit_width - 1))


def _highest(kind: pa.DataType) -> int:
    signed = not types.is_unsigned_integer(kind)
    return int(2 ** (kind.bit_width - int(signed))) - 1


def _decoded(array: pa.DictionaryArray) -> pa.Array:
    lengths = pc.take(pc.binary_length(array.dictionary), array.indices)
    total = pc.sum(lengths.cast(pa.int64())).as_py() or 0
    if total > MOST_DECODED:
        raise DataOversized(
            f"one batch of a dictionary column decodes to {total} bytes, "
            f"expected at most {MOST_DECODED} bytes"
        )
    return array.dictionary_decode()
