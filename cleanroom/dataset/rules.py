"""What the manifest says about the values of one column, vectorised.

A float that is not a number counts as missing. Bounds are inclusive. These rules hold at the
owner's side before sealing and again inside the worker, where the owner's program is not trusted.
"""

from dataclasses import dataclass
from decimal import Decimal
from math import isnan

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from cleanroom.dataset.normalise import normalise
from cleanroom.dataset.schema import arrow_type, convert
from cleanroom.manifest.model import Column


@dataclass(frozen=True, slots=True)
class Counts:
    """How many values of one column break which rule; counts only, never a value."""

    missing: int = 0
    """Nulls as they were found, and floats that are not a number."""
    misfits: int = 0
    """Values that do not fit the column's type, such as 2^40 in an int32."""
    invalid: int = 0
    """Values that the normaliser refuses; they never match."""
    outside: int = 0
    """Values below or above the bounds."""
    unlisted: int = 0
    """Texts that are not among the allowed values."""

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.missing + other.missing,
            self.misfits + other.misfits,
            self.invalid + other.invalid,
            self.outside + other.outside,
            self.unlisted + other.unlisted,
        )


def apply(array: pa.Array, column: Column) -> tuple[pa.Array, Counts]:
    """Bring one column of a batch into its sealed form, and count what breaks a rule.

    Args:
        array: of a type that is convertible to the column's.
        column: its entry in the manifest.

    Returns:
        The plain, normalised array of the same length, and the counts.
    """
    plain, misfits = convert(array, arrow_type(column))
    if types.is_floating(plain.type):
        plain = _numbers_only(plain)
    missing = plain.null_count - misfits
    spelled, invalid = normalise(plain, column.normalise)
    outside, unlisted = broken(spelled, column)
    return spelled, Counts(missing, misfits, invalid, outside, unlisted)


def _numbers_only(array: pa.Array) -> pa.Array:
    total = pc.sum(array).as_py()
    if total is None or not isnan(total):  # one NaN makes a sum NaN: the usual case costs one pass
        return array
    return pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array)


def broken(array: pa.Array | pa.ChunkedArray, column: Column) -> tuple[int, int]:
    """How many values are outside the column's bounds, and how many are not listed; nulls pass."""
    outside = _outside(array, *column.bounds) if column.bounds is not None else 0
    unlisted = _unlisted(array, column.values) if column.values is not None else 0
    return outside, unlisted


def _outside(array: pa.Array | pa.ChunkedArray, lowest: str, highest: str) -> int:
    below, above = (_bound(number, array.type) for number in (lowest, highest))
    beyond = pc.or_(pc.less(array, below), pc.greater(array, above))
    return int(pc.sum(beyond).as_py() or 0)


def _bound(number: str, kind: pa.DataType) -> pa.Scalar:
    return pa.scalar(float(number) if types.is_floating(kind) else int(Decimal(number)), kind)


def _unlisted(array: pa.Array | pa.ChunkedArray, values: list[str]) -> int:
    listed = pc.sum(pc.is_in(array, value_set=pa.array(values, array.type), skip_nulls=True))
    return int(len(array) - array.null_count - (listed.as_py() or 0))
