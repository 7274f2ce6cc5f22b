"""What the claims of every machine and every device have in common: who vouches, for what."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic import StringConstraints as Text

from cleanroom.attestation.evidence import Device, Platform
from cleanroom.encoding import Digest, Instant, Record

Assurance = Literal["hardware", "simulated"]
"""Whether a vendor's or a development root vouches."""
Hex = Annotated[str, Text(pattern=r"^([0-9a-f]{2})*$")]
"""Bytes as lower-case hex."""
Word = Annotated[str, Text(pattern=r"^0x[0-9a-f]{1,16}$")]
"""A number of up to 64 bits, which JSON could not carry exactly."""


class Vouched(Record):
    """A vendor's chain vouches for this, bound to the 64 bytes that were expected."""

    platform: Platform | Device
    """Which platform's rules were applied."""
    assurance: Assurance
    """What kind of root vouches."""
    anchor: Digest
    """SHA-256 of the root that vouches: its certificate, or its public key where there is none."""
    evidence: Digest
    """The evidence these claims come from."""
    verified_at: Instant
    """The `now` of the verification."""
    report_data: Hex = Field(min_length=64, max_length=128)
    """The binding as this platform carries it; for most the 64 bytes themselves."""
