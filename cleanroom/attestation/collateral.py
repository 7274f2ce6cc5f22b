"""What a vendor says besides certificates: revocation lists, as bytes that somebody fetched.

`Collateral` is an argument without a default: who verifies without revocation lists writes
`Collateral()` and so says it. Fetching is the business of `cleanroom.collateral`.
"""

from typing import Annotated

from pydantic import Field

from cleanroom.encoding import Bytes, Record

LARGEST_CRL = 1024 * 1024
"""AMD's lists are below 1 KiB today; in bytes."""


class Collateral(Record):
    """Revocation lists to apply; empty when there are none to apply."""

    amd_crls: list[Annotated[Bytes, Field(min_length=1, max_length=LARGEST_CRL)]] = Field(
        default=[], max_length=8
    )
    """DER lists of https://kdsintf.amd.com/{vcek,vlek}/v1/{product}/crl, each signed by its ARK."""
