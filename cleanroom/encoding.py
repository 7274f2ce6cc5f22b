"""One canonical form for everything that is signed, sent or stored.

`Record` is a frozen, strict, closed model whose bytes are RFC 8785 JSON, *canonical or refused*.
`frame` concatenates fields without ambiguity before they are hashed; `digest` names bytes.
This module signs nothing, reads no clock and no file.
"""

import base64
import binascii
import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Self

import rfc8785
from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError
from pydantic import StringConstraints as Text

from cleanroom.errors import NotCanonical, Problem, RecordMalformed

LARGEST_RECORD = 16 * 1024 * 1024
"""No record is larger, in bytes, unless its class says so: nothing embeds data."""
DEEPEST_RECORD = 64
"""No record nests deeper; the standard library's JSON reader recurses."""
_RARE_NUMBER = re.compile(r"[:,\[]-?[0-9]+(?:[.eE]|(?<=[0-9]{16}))")
"""A fraction, an exponent or 16 digits, where JSON may have a number; in texts it means nothing."""


def frame(domain: str, *fields: bytes) -> bytes:
    """Concatenate `domain` and `fields`, each with its length as u32 big-endian before it.

    Two different lists of fields never give the same bytes.

    Args:
        domain: what the bytes are for, such as `cleanroom/join/v1`.
        fields: any bytes, each shorter than 4 GiB.
    """
    parts = (domain.encode(), *fields)
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def digest(domain: str, *fields: bytes) -> str:
    """Name the framed fields: `sha256:` and 64 hex digits."""
    return "sha256:" + hashlib.sha256(frame(domain, *fields)).hexdigest()


def content_digest(content: bytes) -> str:
    """Name plain bytes by what they are, without a domain: `sha256:` and 64 hex digits."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def raw_digest(name: str) -> bytes:
    """The 32 bytes behind a name made by `digest` or `content_digest`."""
    return bytes.fromhex(name.removeprefix("sha256:"))


def _bytes_from_base64(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise ValueError("expected base64 text")  # noqa: TRY004 - pydantic reports ValueError
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("expected base64 text") from None
    if base64.b64encode(raw).decode() != value:
        raise ValueError("expected canonical base64 text")
    return raw


def _instant_from_text(value: object) -> datetime:
    if isinstance(value, datetime):
        parsed = value
    elif isinstance(value, str):
        try:
            parsed = datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        except ValueError:
            raise ValueError("expected a UTC time such as 2027-01-10T00:00:00Z") from None
    else:
        raise ValueError("expected a UTC time such as 2027-01-10T00:00:00Z")  # noqa: TRY004
    if parsed.tzinfo is None or parsed.microsecond:
        raise ValueError("expected an aware time in whole seconds")
    return parsed.astimezone(UTC)


def instant_text(moment: datetime) -> str:
    """Write an aware time in whole seconds as `2027-01-10T00:00:00Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Bytes = Annotated[
    bytes,
    BeforeValidator(_bytes_from_base64, json_schema_input_type=str),
    PlainSerializer(lambda raw: base64.b64encode(raw).decode(), return_type=str),
]
"""Bytes, written as canonical base64."""
Instant = Annotated[
    datetime,
    BeforeValidator(_instant_from_text, json_schema_input_type=str),
    PlainSerializer(instant_text, return_type=str),
]
"""A moment in UTC, whole seconds, written `2027-01-10T00:00:00Z`."""
Digest = Annotated[str, Text(pattern=r"^sha256:[0-9a-f]{64}$")]
"""The name of some bytes."""
Name = Annotated[str, Text(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
"""An identifier that an author chooses: lower case, digits, `-` and `_`."""
DatasetName = Annotated[str, Text(pattern=r"^[a-z][a-z0-9_-]{0,62}(\.[a-z][a-z0-9_-]{0,62})?$")]
"""A dataset: a name that is declared, or `<computation>.<output>` of a model that stays."""


def canonical(plain: dict[str, object]) -> bytes:
    """RFC 8785 JSON of plain values, whose keys are texts.

    The standard library writes the same bytes, several times faster, as long as everything is ASCII
    and numbers are whole and short: RFC 8785 differs in how it writes other numbers (§3.2.2.3) and
    sorts other keys (§3.2.3). What may be one of these is left to `rfc8785`.
    """
    try:
        text = json.dumps(
            plain, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
        )
    except ValueError:
        text = ""  # no such number in JSON: `rfc8785` says which
    if text.isascii() and text and not _RARE_NUMBER.search(text):
        return text.encode("ascii")
    return rfc8785.dumps(plain)  # type: ignore[arg-type]


class Record(BaseModel):
    """A value that is signed, sent or stored: frozen, strict, closed, canonical."""

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        validate_default=True,
        populate_by_name=True,
    )
    largest: ClassVar[int] = LARGEST_RECORD
    """Longer bytes are not read."""

    def to_bytes(self) -> bytes:
        """The canonical bytes: RFC 8785 JSON."""
        return canonical(self.to_plain())

    def to_plain(self) -> dict[str, object]:
        """The same as plain JSON values."""
        return self.model_dump(mode="json", by_alias=True)

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read canonical bytes back.

        Raises:
            NotCanonical: the bytes are not what `to_bytes` would write for this value.
            RecordMalformed: the value is not of this shape.
        """
        plain = parse_json(raw, cls.__name__, cls.largest)
        record = cls.from_plain(plain)
        if record.to_bytes() != raw:
            raise NotCanonical(f"the bytes of this {cls.__name__} are not its canonical encoding")
        return record

    @classmethod
    def from_plain(cls, plain: object) -> Self:
        """Read plain JSON values, strictly.

        Raises:
            RecordMalformed: the value is not of this shape.
        """
        try:
            return cls.model_validate_json(rfc8785.dumps(plain))  # type: ignore[arg-type]
        except ValidationError as invalid:
            problems = problems_of(invalid)
        except (rfc8785.CanonicalizationError, RecursionError, UnicodeError):
            problems = [Problem("it holds values that JSON cannot carry exactly")]
        first = problems[0]
        place = f" at {first.where}" if first.where else ""
        raise RecordMalformed(
            f"{cls.__name__} is malformed{place}: {first.message}", problems=problems
        )


def parse_json(raw: bytes, what: str, largest: int = LARGEST_RECORD) -> object:
    """Parse bounded JSON: size and depth limited, no duplicate keys.

    Args:
        raw: UTF-8.
        what: how messages call it.
        largest: longer bytes are refused.

    Raises:
        RecordMalformed: it is too large, too deep or not JSON.
        NotCanonical: an object has the same key twice.
    """
    if len(raw) > largest:
        raise RecordMalformed(f"{what} is {len(raw)} bytes, expected at most {largest} bytes")
    try:
        parsed: object = json.loads(raw.decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError):
        raise RecordMalformed(f"{what} is not JSON") from None
    _bounded(parsed, DEEPEST_RECORD, what)
    return parsed


def problems_of(invalid: ValidationError) -> list[Problem]:
    """What pydantic found, without any input value."""
    return [
        Problem(
            message=error["msg"].removeprefix("Value error, "),
            where=".".join(str(part) for part in error["loc"]),
        )
        for error in invalid.errors(include_input=False, include_url=False, include_context=False)
    ]


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    collected = dict(pairs)
    if len(collected) != len(pairs):
        raise NotCanonical("an object holds the same key twice")
    return collected


def _bounded(value: object, depth: int, what: str) -> None:
    if depth == 0:
        raise RecordMalformed(f"{what} nests deeper than {DEEPEST_RECORD} levels")
    if isinstance(value, dict):
        for member in value.values():
            _bounded(member, depth - 1, what)
    elif isinstance(value, list):
        for member in value:
            _bounded(member, depth - 1, what)
