"""Protocol-buffer messages as fields with their bytes: enough to judge a file, bounded in all.

A message is read one level at a time: the caller knows which fields are messages. Groups, unknown
wire types and varints of more than 64 bits are refused.
See: <https://protobuf.dev/programming-guides/encoding/>.
"""

from collections.abc import Iterator

from cleanroom.errors import ModelRefused

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Wire types."""
MOST_FIELDS = 1_000_000
"""Fields in all messages of a file together."""
Field = tuple[int, int, bytes | int]
"""Number, wire type, and bytes, or the number of a varint."""


class Reader:
    """Reads messages of one file and counts their fields."""

    def __init__(self) -> None:
        self._fields = 0

    def fields(self, raw: bytes) -> Iterator[Field]:
        """Yield the fields of one message, in order.

        Raises:
            ModelRefused: it is truncated, or has too many or unknown fields.
        """
        at = 0
        while at < len(raw):
            self._fields += 1
            if self._fields > MOST_FIELDS:
                raise ModelRefused(f"the file has more than {MOST_FIELDS} fields")
            tag, at = varint(raw, at)
            number, wire = tag >> 3, tag & 7
            value: bytes | int
            if wire == VARINT:
                value, at = varint(raw, at)
            else:
                length, at = self._length(raw, at, wire)
                value, at = raw[at : at + length], at + length
            if at > len(raw) or not number:
                raise ModelRefused("the file ends within a field: it is truncated")
            yield number, wire, value

    def _length(self, raw: bytes, at: int, wire: int) -> tuple[int, int]:
        if wire == BYTES:
            return varint(raw, at)
        if wire in (FIXED64, FIXED32):
            return (8 if wire == FIXED64 else 4), at
        raise ModelRefused(f"a field has the wire type {wire}, which is none")


def varint(raw: bytes, at: int) -> tuple[int, int]:
    """The number at a place, and the place after it.

    Raises:
        ModelRefused: it is truncated, or longer than 64 bits.
    """
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(raw):
            break
        octet = raw[at]
        at += 1
        value |= (octet & 0x7F) << shift
        if octet < 0x80 and value < 1 << 64:
            return value, at
    raise ModelRefused("a number is truncated or longer than 64 bits")


def packed(raw: bytes) -> list[int]:
    """The numbers of a packed field."""
    found, at = [], 0
    while at < len(raw):
        value, at = varint(raw, at)
        found.append(value)
    return found


def signed(value: int) -> int:
    """A 64-bit number as the signed one that it stands for."""
    return value - (1 << 64) if value >> 63 else value
