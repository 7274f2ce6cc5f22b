"""What the evidence of a confidential guest on Azure over TDX says."""

from typing import Literal

from pydantic import Field

from cleanroom.attestation.claims.azure import AzureGuest
from cleanroom.attestation.claims.base import Hex, Word
from cleanroom.attestation.claims.boot import MeasuredBoot
from cleanroom.attestation.claims.dcap import DcapClaims


class AzureTdxClaims(DcapClaims):
    """A quote about Microsoft's paravisor, and what that says about its guest."""

    platform: Literal["azure-tdx"]
    """A confidential guest on Azure over TDX."""
    measurement: Hex
    """MRTD: the paravisor, 48 bytes."""
    td_attributes: dict[str, bool]
    """Each known attribute of the guest by name."""
    td_attributes_word: Word
    """The attributes as they stand in the quote."""
    td_attributes_unknown: list[int]
    """Numbers of set bits that have no name here."""
    mr_seam: Hex
    """Digest of the TDX module, 48 bytes."""
    guest: AzureGuest
    """What the paravisor says."""
    boot: MeasuredBoot
    """What booted, by the paravisor's vTPM."""
    report_data: Hex = Field(max_length=128)
    """`extraData` of the quote: SHA-256 of the binding, or what somebody else's evidence holds."""
