"""What a TPM 2.0 says that the parties registered."""

from typing import Literal

from pydantic import Field

from cleanroom.attestation.claims.base import Claims, Hex
from cleanroom.attestation.claims.boot import MeasuredBoot


class TpmClaims(Claims):
    """What a TPM quotes; `anchor` is the name of the key that signed."""

    platform: Literal["tpm"]
    """A TPM 2.0."""
    boot: MeasuredBoot
    """What booted."""
    report_data: Hex = Field(max_length=128)
    """`extraData` of the quote: SHA-256 of the binding, or what somebody else's evidence holds."""

    @property
    def hides_memory(self) -> bool:
        """A TPM protects no memory."""
        return False
