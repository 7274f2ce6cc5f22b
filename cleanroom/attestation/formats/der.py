"""Strict DER (ITU-T X.690): definite, minimal lengths, and only the types that certificates need.

Exists beside the X.509 reader of `cryptography` for one reason: AMD's VCEK and VLEK certificates
have serial number 0, which that library announces it will refuse.
"""

from datetime import UTC, datetime
from functools import lru_cache

from cleanroom.attestation.rejection import rejected
from cleanroom.errors import EvidenceRejected

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
ENUMERATED = 0x0A
UTF8_STRING, PRINTABLE_STRING, IA5_STRING, UTC_TIME, GENERALIZED_TIME = 0x0C, 0x13, 0x16, 0x17, 0x18
SEQUENCE, SET = 0x30, 0x31
LONGEST_LENGTH = 3
"""Lengths take at most three bytes: certificates are far below 16 MiB."""


class Der:
    """Takes DER elements off the front of some bytes, without copying them.

    Args:
        raw: where the elements are.
        what: their name, for messages.
        start: where the first one begins.
        end: where the last one ends; with the bytes if not given.
    """

    # NOTE: a chain takes some five hundred elements, so this class counts positions itself where
    # others use `Reader`; the rules are the same: bounded, named, and to the last byte.
    __slots__ = ("_at", "_end", "_raw", "what")

    def __init__(self, raw: bytes, what: str, start: int = 0, end: int | None = None) -> None:
        self._raw = raw
        self._at = start
        self._end = len(raw) if end is None else end
        self.what = what

    @property
    def more(self) -> int:
        """How many bytes are left."""
        return self._end - self._at

    def content(self, tag: int, field: str) -> bytes:
        """The contents of the next element, which must have this tag.

        Raises:
            EvidenceRejected: another tag, a length that is not minimal, or too few bytes.
        """
        start = self._enter(tag, field)
        return self._raw[start : self._at]

    def whole(self, tag: int, field: str) -> bytes:
        """The next element with its tag and length."""
        before = self._at
        self._enter(tag, field)
        return self._raw[before : self._at]

    def inside(self, tag: int, field: str) -> "Der":
        """A reader of what is inside the next element."""
        start = self._enter(tag, field)
        return Der(self._raw, f"{self.what} {field}", start, self._at)

    def optional(self, tag: int, field: str) -> bytes:
        """The contents of the next element if it has this tag, else nothing is taken."""
        return self.content(tag, field) if self._next_is(tag) else b""

    def end(self) -> None:
        """Refuse trailing bytes."""
        if self._at != self._end:
            raise rejected(
                self.what,
                found=f"followed by {self.more} bytes",
                expected="nothing after its last field",
            )

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
        return _dotted(raw)

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
        return self._at < self._end and self._raw[self._at] == tag

    def _enter(self, tag: int, field: str) -> int:
        """Go behind the next element, which must have this tag; where its contents start."""
        raw, at = self._raw, self._at
        if at + 2 > self._end:
            raise self._cut(field, self._end - at, 2)
        if raw[at] != tag:
            raise self._malformed(field, f"tag {raw[at]:#04x}", f"tag {tag:#04x}")
        size, start = raw[at + 1], at + 2
        if size >= 0x80:
            size, start = self._long(size & 0x7F, start, field)
        if start + size > self._end:
            raise self._cut(field, self._end - start, size)
        self._at = start + size
        return start

    def _long(self, octets: int, at: int, field: str) -> tuple[int, int]:
        """A length of several bytes, and where the contents start."""
        if not 1 <= octets <= LONGEST_LENGTH:
            raise self._malformed(field, "a length without end or beyond bounds", "a short one")
        if at + octets > self._end:
            raise self._cut(field, self._end - at, octets)
        length = int.from_bytes(self._raw[at : at + octets], "big")
        if length < 0x80 or length >> 8 * (octets - 1) == 0:
            raise self._malformed(field, "a length in a longer form than needed", "the shortest")
        return length, at + octets

    def _cut(self, field: str, left: int, expected: int) -> EvidenceRejected:
        return rejected(
            f"{self.what} {field}",
            found=f"cut after {left} bytes",
            expected=f"{expected} bytes",
            cause="the evidence was truncated on its way",
        )

    def _malformed(self, field: str, found: str, expected: str) -> EvidenceRejected:
        return rejected(
            f"{self.what} {field}", found=found, expected=expected, cause="this is not strict DER"
        )


@lru_cache(maxsize=256)
def _dotted(raw: bytes) -> str:
    """An object identifier's contents, which end with a complete arc, in dots."""
    arcs, arc = [], 0
    for octet in raw:
        arc = arc << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(str(number) for number in (first, arcs[0] - 40 * first, *arcs[1:]))
