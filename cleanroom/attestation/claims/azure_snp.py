"""What the evidence of a confidential guest on Azure over SEV-SNP says."""

from typing import Literal

from pydantic import Field

from cleanroom.attestation.claims.azure import AzureGuest
from cleanroom.attestation.claims.base import Hex
from cleanroom.attestation.claims.boot import MeasuredBoot
from cleanroom.attestation.claims.snp import SnpClaims


class AzureSnpClaims(SnpClaims):
    """A processor's report about Microsoft's paravisor, and what that says about its guest."""

    platform: Literal["azure-snp"]
    """A confidential guest on Azure over SEV-SNP; its `measurement` is the paravisor's."""
    guest: AzureGuest
    """What the paravisor says."""
    boot: MeasuredBoot
    """What booted, by the paravisor's vTPM."""
    report_data: Hex = Field(max_length=128)
    """`extraData` of the quote: SHA-256 of the binding, or what somebody else's evidence holds."""
