"""CBOR (RFC 8949) as evidence may use it: bounded, closed, in one encoding, and without tags.

What is read is written again and must give the same bytes: so there is no second form of a length,
no duplicate key, no value without end and nothing after the last one. Tags are refused before
anything is made of them; the formats that have one take it off the front. What maps mean is told
by their readers, which name every key that may be there.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import cbor2

from cleanroom.attestation.rejection import rejected
from cleanroom.errors import EvidenceRejected

DEEPEST = 8
"""Arrays and maps nest at most so deep; today's evidence needs four levels."""
LONGEST_TEXT = 1024
"""No text of evidence is longer; in characters."""
OPEN_MAP, BREAK = b"\xbf", b"\xff"
"""Where a map of indefinite length begins and ends (RFC 8949 §3.2.2)."""
MOST_OPEN = 23
"""Members of such a map: with so few, a definite head is one byte too (RFC 8949 §3)."""

Key = int | str


class _NoTags(dict[int, Callable[..., Any]]):
    """Answers every tag with a refusal, so that the decoder's own meanings are never used."""

    def __missing__(self, tag: int) -> Callable[..., Any]:
        def refuse(*_: object) -> object:
            raise ValueError(f"tag {tag}")

        return refuse


_NO_TAGS = _NoTags()


def read(raw: bytes, what: str, *, may_be_open: bool = False) -> object:
    """The one value in `raw`: whole numbers, text, bytes, arrays, maps and null only.

    Args:
        raw: the whole value.
        what: its name, for messages.
        may_be_open: whether it may be a map of indefinite length, as some firmware writes its
            outermost one; nothing inside may.

    Raises:
        EvidenceRejected: it is not CBOR, not in its only form, too deep, or of other types.
    """
    is_open = may_be_open and raw[:1] == OPEN_MAP
    try:
        value: object = cbor2.loads(
            raw,
            semantic_decoders=_NO_TAGS,
            max_depth=DEEPEST,
            allow_indefinite=is_open,
            allow_duplicate_keys=False,
        )
        _require_plain(value, what)
        written = cbor2.dumps(value)
    except (cbor2.CBORError, ValueError, OverflowError, RecursionError):
        raise _malformed(what) from None
    if is_open and isinstance(value, Mapping) and len(value) <= MOST_OPEN:
        written = OPEN_MAP + written[1:] + BREAK
    if written != raw:
        raise rejected(
            what, found="in another form than the shortest, or followed by bytes", expected="CBOR"
        )
    return value


def _malformed(what: str) -> EvidenceRejected:
    return rejected(
        what,
        found="malformed",
        expected="CBOR without tags, duplicate keys and lengths without end",
        cause="the evidence was truncated or altered on its way",
    )


def _require_plain(value: object, what: str) -> None:
    if isinstance(value, Mapping):
        if not all(isinstance(key, int | str) for key in value):
            raise rejected(f"a key of {what}", found="another type", expected="a number or text")
        parts: Collection[object] = [*value.keys(), *value.values()]
    elif isinstance(value, list | tuple):
        parts = value
    elif value is None or (isinstance(value, int | str | bytes) and not isinstance(value, bool)):
        return
    else:
        raise rejected(f"a value of {what}", found="of another type", expected="a plain one")
    for part in parts:
        _require_plain(part, what)


class Members:
    """The members of a closed map: every key has a name here, and is taken with its type.

    Args:
        value: what was read.
        what: the map's name, for messages.
        required: names by key; each must be there.
        optional: names by key; nothing else may be there.
    """

    def __init__(
        self,
        value: object,
        what: str,
        required: Mapping[Any, str],
        optional: Mapping[Any, str] | None = None,
    ) -> None:
        self._members = mapping(value, what)
        self._names: dict[Any, str] = {**required, **(optional or {})}
        self.what = what
        for key, name in required.items():
            if key not in self._members:
                raise rejected(f"{what} {name}", found="missing", expected="in the map")
        for key in self._members:
            if key not in self._names:
                raise rejected(f"{what} key {key!r}", found="unknown here", expected="known keys")

    def __contains__(self, key: Key) -> bool:
        """Whether an optional member is there."""
        return key in self._members

    def value(self, key: Key) -> object:
        """A member of any type."""
        return self._members[key]

    def name(self, key: Key) -> str:
        """What a member is called in messages."""
        return f"{self.what} {self._names[key]}"

    def octets(self, key: Key, sizes: Collection[int]) -> bytes:
        """A byte string of one of these sizes."""
        return octets(self._members[key], self.name(key), sizes)

    def text(self, key: Key) -> str:
        """A text in printable ASCII, not empty."""
        return text(self._members[key], self.name(key))

    def number(self, key: Key, largest: int) -> int:
        """A whole number from 0."""
        found = self._members[key]
        if not isinstance(found, int) or not 0 <= found <= largest:
            raise rejected(self.name(key), found="another", expected=f"a number up to {largest}")
        return found

    def array(self, key: Key, sizes: Collection[int]) -> tuple[object, ...]:
        """An array of one of these lengths."""
        found = self._members[key]
        if not isinstance(found, list | tuple) or len(found) not in sizes:
            raise rejected(self.name(key), found="another", expected=f"an array of {_spans(sizes)}")
        return tuple(found)


def mapping(value: object, what: str) -> Mapping[object, object]:
    """A map.

    Raises:
        EvidenceRejected: it is something else.
    """
    # The decoder gives dict or frozendict, depending on where the map stands.
    if not isinstance(value, Mapping):
        raise rejected(what, found="no map", expected="a map")
    return value


def octets(value: object, what: str, sizes: Collection[int]) -> bytes:
    """A byte string of one of these sizes.

    Raises:
        EvidenceRejected: it is something else.
    """
    if not isinstance(value, bytes):
        raise rejected(what, found="no bytes", expected="bytes")
    if len(value) not in sizes:
        raise rejected(what, found=f"{len(value)} bytes", expected=f"{_spans(sizes)} bytes")
    return value


def text(value: object, what: str) -> str:
    """A text in printable ASCII, not empty: it may be shown on a terminal.

    Raises:
        EvidenceRejected: it is something else.
    """
    if not isinstance(value, str) or not value or len(value) > LONGEST_TEXT:
        raise rejected(what, found="no text, or too long", expected="a text")
    if not (value.isascii() and value.isprintable()):
        raise rejected(what, found="not printable", expected="printable ASCII")
    return value


def _spans(sizes: Collection[int]) -> str:
    if isinstance(sizes, range):
        return f"{sizes.start} to {sizes.stop - 1}"
    return " or ".join(str(size) for size in sorted(sizes))
