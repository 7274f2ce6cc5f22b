"""Upper bounds of what stands in a graph: its axes, numbers and bytes; and what shapes a node.

A bound holds for every number of rows up to `ROWS_AT_ONCE`, whatever the rows say. How operators
shape what they give is in `shapes`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from cleanroom.errors import ModelRefused

ROWS_AT_ONCE: Final = 1 << 10
"""Rows that a graph is asked about in one go."""
NUMBER: Final = 8
"""Bytes of a number, at most: some are shorter."""
TEXT: Final = 32
"""Bytes of a text besides its characters."""
INT64: Final = 7
"""`TensorProto.DataType.INT64`."""


@dataclass(frozen=True, slots=True)
class Axis:
    """How far one axis reaches."""

    scale: int
    """Its length; for an axis of rows, for each row."""
    rows: int = 0
    """How often the number of rows is a factor of it: 0 or 1, rarely more."""
    exact: bool = True
    """Whether it is exactly so long, or at most."""

    @property
    def most(self) -> int:
        """Its length for the most rows."""
        return int(self.scale * ROWS_AT_ONCE**self.rows)

    @property
    def single(self) -> bool:
        """Whether it has one place, for any number of rows."""
        return self == Axis(1)


@dataclass(frozen=True, slots=True)
class Extent:
    """How large a value is at most; its number of axes is exact."""

    axes: tuple[Axis, ...]
    count: int
    """Numbers, or texts, in it."""
    width: int = NUMBER
    """Bytes of each."""
    values: tuple[Axis | None, ...] | None = None
    """For a short list of whole numbers: what it holds, None where that is not known."""


@dataclass(frozen=True, slots=True)
class Node:
    """An operator of a graph, as far as it shapes what it gives."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    numbers: Mapping[str, Sequence[int | float]]
    """Attributes that are numbers or lists of them."""
    texts: Mapping[str, int] = field(default_factory=dict)
    """Attributes that are texts, or lists of so many."""
    longest: int = 0
    """The longest text among them, in bytes."""
    constant: Extent | None = None
    """The tensor that it holds."""

    def number(self, name: str, default: int) -> int:
        """An attribute that is one whole number."""
        found = self.numbers.get(name, (default,))
        if len(found) != 1 or not isinstance(found[0], int):
            raise ModelRefused(f"the attribute {name!r} of {self.operator!r} is not a whole number")
        return found[0]


def extent(axes: Iterable[Axis], *, most: int | None = None, width: int = NUMBER) -> Extent:
    """A value of these axes, with no more numbers than `most`."""
    axes = tuple(axes)
    count = math.prod(axis.most for axis in axes)
    return Extent(axes, count if most is None else min(count, most), width)


def fixed(dims: Iterable[int], values: Sequence[int] | None = None, width: int = NUMBER) -> Extent:
    """A value that stands in the file."""
    # an axis without places is judged as one of one: what is made of it may have one
    made = extent((Axis(size) if size else Axis(1, exact=False) for size in dims), width=width)
    return made if values is None else replace(made, values=tuple(Axis(each) for each in values))
