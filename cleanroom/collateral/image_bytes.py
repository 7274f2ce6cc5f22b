"""A file that will be measured, read at named places: bounded, little-endian, never beyond its end.

Firmware and kernels point from place to place, so they are not read front to back as evidence is.
"""

from cleanroom.errors import ImageUnreadable


def unreadable(field: str, *, found: str, expected: str) -> ImageUnreadable:
    """An error to raise.

    Args:
        field: what was looked at, in the words of the format's specification.
        found: what it is.
        expected: what it should be.
    """
    return ImageUnreadable(f"{field} is {found}, expected {expected}")


class ImageBytes:
    """The bytes of a file, and what it is called in messages.

    Args:
        raw: the whole file.
        what: such as `firmware`.
        largest: longer files are refused; in bytes.

    Raises:
        ImageUnreadable: the file is too long.
    """

    def __init__(self, raw: bytes, what: str, largest: int) -> None:
        if len(raw) > largest:
            raise unreadable(what, found=f"{len(raw)} bytes", expected=f"at most {largest} bytes")
        self._raw = raw
        self.what = what

    @property
    def size(self) -> int:
        """How long the file is, in bytes."""
        return len(self._raw)

    def part(self, at: int, size: int, field: str) -> bytes:
        """Some bytes.

        Args:
            at: where they start, from the start of the file.
            size: how many.
            field: what they are.

        Raises:
            ImageUnreadable: they are not all inside the file.
        """
        if at < 0 or size < 0 or at + size > self.size:
            raise unreadable(
                f"the {self.what}'s {field}",
                found=f"at {at} to {at + size}",
                expected=f"inside its {self.size} bytes",
            )
        return self._raw[at : at + size]

    def number(self, at: int, size: int, field: str) -> int:
        """An unsigned number.

        Raises:
            ImageUnreadable: it is not inside the file.
        """
        return int.from_bytes(self.part(at, size, field), "little")
