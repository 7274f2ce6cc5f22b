"""The kinds of plain values that fields of the manifest are made of: sets of names, texts, numbers.

Only shapes of single values: what a field means stands where the field is.
"""

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, PlainSerializer, WithJsonSchema
from pydantic import BeforeValidator as Before

from cleanroom.encoding import Name

MOST_ENTRIES = 1000
"""No map or list in a manifest is longer: people have to read it."""


def as_set(values: list[str]) -> list[str]:
    """The values in order, once none is there twice."""
    if len(set(values)) != len(values):
        twice = sorted({value for value in values if values.count(value) > 1})
        raise ValueError(f"{twice} is listed twice")
    return sorted(values)


def _uuid_from_text(value: object) -> UUID:
    if isinstance(value, UUID):
        return value
    try:
        parsed = UUID(str(value))
    except ValueError:
        raise ValueError("expected a UUID such as 3f0f5a1e-7c3b-4c55-9f1a-0d2f6f6f1e11") from None
    if str(parsed) != value:
        raise ValueError("expected a UUID in lower case with dashes")
    return parsed


def _visible(text: str) -> str:
    if not text.isprintable():
        raise ValueError("expected one line of visible characters: people sign what they read")
    return text


Names = Annotated[list[Name], AfterValidator(as_set), Field(min_length=1, max_length=MOST_ENTRIES)]
"""A set of names: no duplicates, sorted, at least one."""
Lineage = Annotated[
    UUID,
    Before(_uuid_from_text, json_schema_input_type=str),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "format": "uuid"}),
]
"""The room's identity over all its manifest versions."""
Visible = AfterValidator(_visible)
"""One line of which every character is visible."""
Title = Annotated[str, Visible, Field(min_length=1, max_length=200)]
"""Words for people: one line, every character visible."""
Number = Annotated[str, Field(pattern=r"^-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?$")]
"""A decimal number, written as text so that no digit is lost."""
