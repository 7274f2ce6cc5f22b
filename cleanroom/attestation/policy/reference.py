"""Which image an entry stands for: a signed statement of its builders, named instead of copied.

The name is the digest of the very statement, so whoever signs the manifest signs which image runs;
the keys say whose word that is, and the statement says until when. Shape only: `resolving` opens
envelopes, and an entry whose name nobody resolved accepts nothing.
"""

from typing import Annotated, Self

from pydantic import Field, model_validator

from cleanroom.encoding import Bytes, Digest, Name, Record

MOST_BUILDERS = 16
BuilderKey = Annotated[Bytes, Field(min_length=32, max_length=32)]
"""A raw Ed25519 public key, 32 bytes."""


class NamedReferenceValues(Record):
    """One statement of reference values, by its digest, and who must have signed it."""

    digest: Digest
    """SHA-256 of the signed statement: one image, with every way of launching it."""
    builders: dict[Name, BuilderKey] = Field(min_length=1, max_length=MOST_BUILDERS)
    """Who may sign it: Ed25519 public keys, 32 bytes each, by the names that signatures carry."""
    threshold: int = Field(ge=1, le=MOST_BUILDERS)
    """How many different builders must have signed it."""

    @model_validator(mode="after")
    def _builders_fit(self) -> Self:
        if self.threshold > len(self.builders):
            raise ValueError(
                f"threshold is {self.threshold}, expected at most {len(self.builders)}, "
                "the builders listed"
            )
        if len(set(self.builders.values())) != len(self.builders):
            raise ValueError("builders lists one key under two names, expected one of their own")
        return self


class NamesImage(Record):
    """The part of an entry that platforms share whose launches builders can compute."""

    reference_values: NamedReferenceValues | None = Field(
        default=None, exclude_if=lambda named: named is None
    )
    """The image by its builders' signed statement; instead of `measurements`."""

    def require_one_image(self, measurements: object) -> None:
        """Go on only if the entry says exactly once what may run.

        Raises:
            ValueError: both are given, or neither.
        """
        if (measurements is None) == (self.reference_values is None):
            given = "neither is" if measurements is None else "both are"
            raise ValueError(
                f"measurements and reference_values: {given} given, expected exactly one of them"
            )
