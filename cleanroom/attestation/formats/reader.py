"""The one way in which bytes from outside are read: bounded, named, and to the last byte.

`Reader` takes fields off the front; `Layout` reads a fixed structure by a table whose rows cover
every byte once. Both refuse what is too short, too long or not zero where it must be. Neither
knows what a field means.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from cleanroom.attestation.rejection import rejected

Order = Literal["little", "big"]


class Reader:
    """Takes fields off the front of `raw`, and never looks beyond its end."""

    def __init__(self, raw: bytes, what: str) -> None:
        self._raw = raw
        self._at = 0
        self.what = what

    @property
    def left(self) -> int:
        """How many bytes were not taken yet."""
        return len(self._raw) - self._at

    def take(self, size: int, field: str) -> bytes:
        """The next `size` bytes.

        Raises:
            EvidenceRejected: fewer are left.
        """
        end = self._at + size
        if end > len(self._raw):
            raise rejected(
                f"{self.what} {field}",
                found=f"cut after {self.left} bytes",
                expected=f"{size} bytes",
                cause="the evidence was truncated on its way",
            )
        taken = self._raw[self._at : end]
        self._at = end
        return taken

    def number(self, size: int, field: str, order: Order) -> int:
        """The next `size` bytes as an unsigned number."""
        return int.from_bytes(self.take(size, field), order)

    def peek(self) -> int:
        """The next byte without taking it; -1 at the end."""
        return self._raw[self._at] if self.left else -1

    def ahead(self, size: int) -> bytes:
        """Up to `size` of the next bytes, without taking them."""
        return self._raw[self._at : self._at + size]

    def since(self, left_before: int) -> bytes:
        """Everything taken since `left` was `left_before`."""
        return self._raw[len(self._raw) - left_before : self._at]

    def end(self) -> None:
        """Refuse trailing bytes.

        Raises:
            EvidenceRejected: some are left.
        """
        if self.left:
            raise rejected(
                self.what,
                found=f"followed by {self.left} bytes",
                expected="nothing after its last field",
            )


@dataclass(frozen=True, slots=True)
class Row:
    """One field of a fixed structure."""

    offset: int
    """Where it starts; in bytes."""
    size: int
    """How long it is; in bytes."""
    name: str
    """Its name in the specification, lower case."""
    kind: Literal["bytes", "number", "zero"]
    """Bytes as they stand, an unsigned number, or reserved bytes that must be zero."""


class Layout:
    """A structure of fixed size whose rows cover every byte exactly once.

    Args:
        what: the structure's name, for messages.
        size: its size in bytes.
        order: the byte order of its numbers.
        rows: its fields in order; a gap or an overlap is a bug at import.
    """

    def __init__(self, what: str, size: int, order: Order, rows: tuple[Row, ...]) -> None:
        end = 0
        for row in rows:
            if row.offset != end:
                raise RuntimeError(f"{what}: {row.name} starts at {row.offset:#x}, not {end:#x}")
            end += row.size
        if end != size:
            raise RuntimeError(f"{what}: rows end at {end:#x}, not {size:#x}")
        self.what, self.size, self.order, self.rows = what, size, order, rows

    def read(self, raw: bytes) -> "Fields":
        """Every field by name.

        Raises:
            EvidenceRejected: too short, too long, or a reserved byte is not zero.
        """
        if len(raw) != self.size:
            raise rejected(
                f"the {self.what}", found=f"{len(raw)} bytes", expected=f"{self.size} bytes"
            )
        reader = Reader(raw, self.what)
        octets: dict[str, bytes] = {}
        numbers: dict[str, int] = {}
        for row in self.rows:
            taken = reader.take(row.size, row.name)
            if row.kind == "zero":
                require_zero(taken, f"{self.what} {row.name} at {row.offset:#x}")
            elif row.kind == "number":
                numbers[row.name] = int.from_bytes(taken, self.order)
            else:
                octets[row.name] = taken
        reader.end()
        return Fields(MappingProxyType(octets), MappingProxyType(numbers))


@dataclass(frozen=True, slots=True)
class Fields:
    """What a layout read."""

    octets: Mapping[str, bytes]
    """Fields of kind `bytes`."""
    numbers: Mapping[str, int]
    """Fields of kind `number`."""


def require_zero(raw: bytes, field: str) -> None:
    """Refuse reserved bytes that are not zero: a newer format may give them a meaning.

    Raises:
        EvidenceRejected: one is not zero.
    """
    if any(raw):
        raise rejected(
            field,
            found="not zero",
            expected="reserved bytes to be zero",
            cause="a newer format than this version knows, or altered bytes",
        )
