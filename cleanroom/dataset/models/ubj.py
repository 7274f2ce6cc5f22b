"""The part of UBJSON that XGBoost writes, read whole or refused: bounded in depth, values and size.

Keys and texts have 64-bit lengths, arrays carry a count and most of them one type, numbers are
big-endian: `{L…`, `[#L…`, `[$dL#…`. Whatever else UBJSON has (no-ops, open arrays, other lengths of
keys, repeated keys, bytes after the end) is refused, so that no two readers differ about a file.
See: <https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html>, <https://ubjson.org>.
"""

import struct
import sys
from array import array
from typing import TypeAlias

from cleanroom.errors import ModelRefused

DEEPEST = 12
"""Levels of objects and arrays; XGBoost's trees need 7."""
MOST_VALUES = 2_000_000
"""Values beside the elements of typed arrays: a Python object each."""
LONGEST_TEXT = 1 << 16
"""A key or text is no longer, in bytes."""

_INTEGERS = {b"i": "b", b"U": "B", b"I": "h", b"l": "i", b"L": "q"}
_NUMBERS = {**_INTEGERS, b"d": "f", b"D": "d"}
"""Markers of numbers, and their letter in `struct` and `array`."""

Numbers: TypeAlias = "array[int] | array[float]"
"""A typed array."""


def read_ubj(raw: bytes) -> dict[str, object]:
    """Read one object that fills `raw` to its last byte.

    Raises:
        ModelRefused: it is truncated, too deep or large, or not of this part of UBJSON.
    """
    reader = _Reader(raw)
    found = reader.value(1)
    if reader.at != len(raw):
        raise ModelRefused(f"{len(raw) - reader.at} bytes follow the end of the model")
    if not isinstance(found, dict):
        raise ModelRefused("the file does not hold an object")
    return found


class _Reader:
    """A place in the bytes."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.at = 0
        self.values = 0

    def value(self, depth: int) -> object:
        self.values += 1
        if depth > DEEPEST or self.values > MOST_VALUES:
            raise ModelRefused(
                f"the file nests deeper than {DEEPEST} levels or holds more than {MOST_VALUES} "
                "values"
            )
        marker = self.take(1)
        if marker == b"{":
            return self.members(depth)
        if marker == b"[":
            return self.elements(depth)
        if marker == b"S":
            return self.text()
        return self.number(marker)

    def members(self, depth: int) -> dict[str, object]:
        found: dict[str, object] = {}
        while self.raw[self.at : self.at + 1] != b"}":
            key = self.text()
            if key in found:
                raise ModelRefused(f"the key {key[:32]!r} is there twice")
            found[key] = self.value(depth + 1)
        self.at += 1
        return found

    def elements(self, depth: int) -> object:
        marker = self.take(1)
        if marker == b"$":
            kind = self.take(1)
            if kind not in _NUMBERS or self.take(1) != b"#":
                raise ModelRefused("an array is of a type that XGBoost does not write")
            return self.numbers(_NUMBERS[kind], self.length())
        if marker != b"#":
            raise ModelRefused("an array does not say how long it is")
        return [self.value(depth + 1) for _ in range(self.length())]

    def numbers(self, letter: str, count: int) -> Numbers:
        found: Numbers = array(letter)
        found.frombytes(self.take(count * found.itemsize))
        if sys.byteorder == "little":
            found.byteswap()
        return found

    def number(self, marker: bytes) -> int | float:
        if marker not in _NUMBERS:
            raise ModelRefused(f"byte {self.at - 1} is {marker[:1].hex()}, which begins no value")
        layout = struct.Struct(">" + _NUMBERS[marker])
        (found,) = layout.unpack(self.take(layout.size))
        return found  # type: ignore[no-any-return]

    def text(self) -> str:
        length = self.length()
        if length > LONGEST_TEXT:
            raise ModelRefused(f"a text is {length} bytes, expected at most {LONGEST_TEXT}")
        try:
            return self.take(length).decode()
        except UnicodeDecodeError:
            raise ModelRefused("a text is not UTF-8") from None

    def length(self) -> int:
        if self.take(1) != b"L":
            raise ModelRefused("a length is not of 64 bits, as XGBoost writes it")
        length = int.from_bytes(self.take(8), "big", signed=True)
        if not 0 <= length <= len(self.raw) - self.at:
            raise ModelRefused("a length reaches beyond the end of the file: it is truncated")
        return length

    def take(self, count: int) -> bytes:
        found = self.raw[self.at : self.at + count]
        if len(found) != count:
            raise ModelRefused("the file ends within a value: it is truncated")
        self.at += count
        return found
