"""One file of what vendors say about some machines, for whoever has no network.

A bundle is a record: canonical or refused. It is trusted as little as whoever carried it; its time
says only when somebody fetched it. Making one is the business of `cleanroom.collateral`.
"""

from typing import Annotated, Literal

from pydantic import Field

from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import LARGEST_ENDORSEMENT
from cleanroom.encoding import Bytes, Instant, Record

MOST_CERTIFICATES = 4096
"""As many chips as a policy may list."""


class Bundle(Record):
    """What was fetched, in one record."""

    format: Literal["https://cleanroom.dev/collateral/v1"]
    """Which shape this is."""
    fetched_at: Instant
    """When the oldest part was put together."""
    certificates: Annotated[
        list[Annotated[Bytes, Field(min_length=1, max_length=LARGEST_ENDORSEMENT)]],
        Field(max_length=MOST_CERTIFICATES),
    ]
    """AMD's certificates, DER, sorted."""
    collateral: Collateral
    """Lists and documents."""
