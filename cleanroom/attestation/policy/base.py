"""The words that policy entries of several platforms share."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic import StringConstraints as Text

from cleanroom.encoding import Digest


def _visible(text: str) -> str:
    if not text.isprintable():
        raise ValueError("expected one line of visible characters: people sign what they read")
    return text


Demand = Literal["require", "forbid", "any"]
"""What is asked of one bit."""
Measurement = Annotated[str, Text(pattern=r"^[0-9a-f]{96}$")]
"""A SHA-384 measurement, 96 lower-case hex digits."""
Sentence = Annotated[str, AfterValidator(_visible), Field(min_length=1, max_length=500)]
"""Words for people: one line, every character visible."""
DevelopmentRoots = Annotated[list[Digest], Field(min_length=1, max_length=8)] | None
"""SHA-256 of simulated roots. With it only simulated evidence counts, without it only real."""
