"""Strict DER (ITU-T X.690): definite, minimal lengths, and only the types that certificates need.

Exists beside the X.509 reader of `cryptography` for one reason: AMD's VCEK and VLEK certificates
have serial number 0, which that library announces it will refuse.
"""

from datetime import UTC, datetime

from cleanroom.attestation.formats.reader import Reader
from cleanroom.attestation.rejection import rejected
from cleanroom.errors import EvidenceRejected

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
ENUMERATED = 0x0A
UTF8_STRING, PRINTABLE_STRING, IA5_STRING, UTC_TIME, GENERALIZED_TIME = 0x0C, 0x13, 0x16, 0x17, 0x18
SEQUENCE, SET = 0x30, 0x31
LONGEST_LENGTH = 3
"""Lengths take at most three bytes: certificates are far below 16 MiB."""


class Der:
    """Takes DER elements off the front of some bytes."""

    def __init__(self, raw: bytes, what: str) -> None:
        self._reader = Reader(raw, what)
        self.what = what

    @property
    def more(self) -> int:
        """How many bytes are left."""
        return self._reader.left

    def content(self, tag: int, field: str) -> bytes:
        """The contents of the next element, which must have this tag.

        Raises:
            EvidenceRejected: another tag, a length that is not minimal, or too few bytes.
        """
        found = self._reader.number(1, field, "big")
        if found != tag:
            raise self._malformed(field, f"tag {found:#04x}", f"tag {tag:#04x}")
        return self._reader.take(self._length(field), field)

    def whole(self, tag: int, field: str) -> bytes:
        """The next element with its tag and length."""
        before = self._reader.left
        self.content(tag, field)
        return self._reader.since(before)

    def inside(self, tag: int, field: str) -> "Der":
        """A reader of what is inside the next element."""
        return Der(self.content(tag, field), f"{self.what} {field}")

    def optional(self, tag: int, field: str) -> bytes:
        """The contents of the next element if it has this tag, else nothing is taken."""
        return self.content(tag, field) if self._next_is(tag) else b""

    def end(self) -> None:
        """Refuse trailing bytes."""
        self._reader.end()

    def integer(self, field: str) -> int:
        """A non-negative INTEGER in its shortest form."""
        return self.number(INTEGER, field)

    def number(self, tag: int, field: str) -> int:
        """A non-negative INTEGER or ENUMERATED in its shortest form."""
        raw = self.content(tag, field)
        shortest = bool(raw) and not (len(raw) > 1 and raw[0] == 0 and raw[1] < 0x80)
        if not shortest or raw[0] & 0x80:
            raise self._malformed(field, "no shortest non-negative integer", "one")
        return int.from_bytes(raw, "big")

    def oid(self, field: str) -> str:
        """An OBJECT IDENTIFIER in dots."""
        raw = self.content(OID, field)
        if not raw or raw[-1] & 0x80:
            raise self._malformed(field, "an incomplete object identifier", "a complete one")
        arcs, arc = [], 0
        for octet in raw:
            arc = arc << 7 | octet & 0x7F
            if not octet & 0x80:
                arcs.append(arc)
                arc = 0
        first = min(arcs[0] // 40, 2)
        return ".".join(str(number) for number in (first, arcs[0] - 40 * first, *arcs[1:]))

    def bits(self, field: str) -> bytes:
        """A BIT STRING of whole bytes."""
        raw = self.content(BIT_STRING, field)
        if not raw or raw[0] != 0:
            raise self._malformed(field, "a bit string with unused bits", "whole bytes")
        return raw[1:]

    def true(self, field: str) -> bool:
        """An optional BOOLEAN that DER writes only when it is true."""
        raw = self.optional(BOOLEAN, field)
        if raw and raw != b"\xff":
            raise self._malformed(field, "a boolean other than true", "true, or none")
        return bool(raw)

    def boolean(self, field: str) -> bool:
        """A BOOLEAN that is written whether it is true or false."""
        raw = self.content(BOOLEAN, field)
        if raw not in {b"\x00", b"\xff"}:
            raise self._malformed(field, "no boolean", "one")
        return raw == b"\xff"

    def text(self, field: str, tags: tuple[int, ...]) -> str:
        """A string of one of these types, printable ASCII only: it may be shown on a terminal."""
        for tag in tags:
            if self._next_is(tag):
                raw = self.content(tag, field)
                if raw.isascii() and raw.decode("ascii").isprintable():
                    return raw.decode("ascii")
        raise self._malformed(field, "no printable ASCII string", "one")

    def time(self, field: str) -> datetime:
        """A UTCTime or GeneralizedTime in seconds, Zulu (RFC 5280 §4.1.2.5)."""
        short = self._next_is(UTC_TIME)
        raw = self.content(UTC_TIME if short else GENERALIZED_TIME, field)
        digits, zone = raw[:-1], raw[-1:]
        if zone != b"Z" or not digits.isdigit() or len(digits) != (12 if short else 14):
            raise self._malformed(field, "no time in whole seconds, Zulu", "one")
        if short:
            digits = (b"20" if digits < b"50" else b"19") + digits
        # Spelt out because `strptime` alone would take a tenth of a verification.
        month, day, hour, minute, second = (int(digits[at : at + 2]) for at in range(4, 14, 2))
        try:
            return datetime(int(digits[:4]), month, day, hour, minute, second, tzinfo=UTC)
        except ValueError:
            raise self._malformed(field, "no date of the calendar", "one") from None

    def _next_is(self, tag: int) -> bool:
        return self._reader.peek() == tag

    def _length(self, field: str) -> int:
        first = self._reader.number(1, field, "big")
        if first < 0x80:
            return first
        size = first & 0x7F
        if not 1 <= size <= LONGEST_LENGTH:
            raise self._malformed(field, "a length without end or beyond bounds", "a short one")
        length = self._reader.number(size, field, "big")
        if length < 0x80 or length >> 8 * (size - 1) == 0:
            raise self._malformed(field, "a length in a longer form than needed", "the shortest")
        return length

    def _malformed(self, field: str, found: str, expected: str) -> EvidenceRejected:
        return rejected(
            f"{self.what} {field}", found=found, expected=expected, cause="this is not strict DER"
        )
