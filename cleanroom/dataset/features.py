"""Feature columns as numbers: the same matrix for whoever trains and for whoever predicts later.

Numbers stand as they are, truth values as 0 and 1, a text as one indicator for each of its declared
values, in declared order. A missing value is NaN in all its places. Nothing is scaled, guessed or
learned here.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cleanroom.encoding import Name, Record
from cleanroom.errors import DataMismatch

Matrix = np.ndarray[Any, np.dtype[np.floating[Any]]]
"""Rows by features."""


class Feature(Record):
    """One feature column of one input, or of every input where rows stood below each other."""

    input: Name | None
    """The computation's name for the input; null where every input has the column."""
    column: str
    """The column's name in its dataset."""
    owner: Name | None
    """The party that brought it; null where every input has the column."""
    values: list[str] | None
    """A text's declared values, in order; null for numbers and truth values."""

    @property
    def name(self) -> str:
        """`<input>.<column>`, or `<column>` where every input has it."""
        return self.column if self.input is None else f"{self.input}.{self.column}"

    @property
    def names(self) -> list[str]:
        """The names of its columns in the matrix, without signs that model formats refuse."""
        if self.values is None:
            return [self.name]
        return [f"{self.name}={quote(value, safe=' ')}" for value in self.values]


def matrix(
    features: Sequence[Feature],
    columns: Mapping[str, pa.ChunkedArray],
    dtype: type[np.floating[Any]] = np.float64,
) -> Matrix:
    """The features of some rows as numbers.

    Args:
        features: in the order of the model.
        columns: for each feature its column, by `Feature.name`, all of one length.
        dtype: of the numbers.

    Returns:
        Rows by `Feature.names`, in C order; NaN where a value is missing.

    Raises:
        DataMismatch: a column is missing, of another kind, or breaks its feature's rules.
    """
    for feature in features:
        if feature.name not in columns:
            raise DataMismatch(f"feature {feature.name!r} is missing")
        require_lawful(feature, columns[feature.name])
    rows = len(columns[features[0].name])
    filled = np.empty((rows, sum(len(feature.names) for feature in features)), dtype=dtype)
    for feature, place in zip(features, places(features), strict=True):
        write(feature, numbers_of(feature, columns[feature.name]), filled[:, place])
    return filled


def places(features: Sequence[Feature]) -> Iterator[slice]:
    """Where the columns of each feature stand in a matrix of all."""
    start = 0
    for feature in features:
        width = 1 if feature.values is None else len(feature.values)
        yield slice(start, start + width)
        start += width


def numbers_of(feature: Feature, column: pa.ChunkedArray) -> Matrix:
    """A lawful column as 64-bit floats, one for each row; NaN where a value is missing.

    A text is the place of its value among those that are declared: what `write` takes.
    """
    return as_numbers(column if feature.values is None else _index(feature.values, column))


def write(feature: Feature, numbers: Matrix, into: Matrix) -> None:
    """Write what `numbers_of` says of some rows into a feature's columns of their matrix."""
    if feature.values is None:
        into[:, 0] = numbers
        return
    for place in range(len(feature.values)):
        into[:, place] = numbers == place
    into[np.isnan(numbers)] = np.nan


def require_lawful(feature: Feature, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of a feature once each of its values is finite, or listed; nulls pass.

    Raises:
        DataMismatch: some value is not, or the column is of another kind.
    """
    if feature.values is not None:
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            raise DataMismatch(f"feature {feature.name!r} is {column.type}, expected string")
        listed = _index(feature.values, column)
        if listed.null_count != column.null_count:
            raise DataMismatch(f"feature {feature.name!r} has a text that is not listed")
    elif pa.types.is_floating(column.type):
        if pc.all(pc.is_finite(column)).as_py() is False:
            raise DataMismatch(f"feature {feature.name!r} has a number that is not finite")
    elif not (pa.types.is_integer(column.type) or pa.types.is_boolean(column.type)):
        raise DataMismatch(f"feature {feature.name!r} is {column.type}, expected a number")
    return column


def as_numbers(column: pa.ChunkedArray) -> Matrix:
    """Numbers or truth values as 64-bit floats; NaN where a value is missing."""
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.uint8())
    numbers: Matrix = column.cast(pa.float64(), safe=False).to_numpy()
    return numbers


def _index(values: Sequence[str], column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.index_in(column, value_set=pa.array(values, column.type), skip_nulls=True)
