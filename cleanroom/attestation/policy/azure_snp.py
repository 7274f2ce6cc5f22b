"""What the parties accept from a confidential guest on Azure over SEV-SNP (DCasv5 and later).

The report's measurement is of Microsoft's paravisor, which signs its builds with an ID key; what
the parties chose is what the vTPM measured. Shape only; `rules.azure_snp` compares.
"""

from typing import Annotated, Literal

from pydantic import Field

from cleanroom.attestation.policy.azure import AzureGuestDemands
from cleanroom.attestation.policy.base import Measurement
from cleanroom.attestation.policy.boot import BootValues
from cleanroom.attestation.policy.devices import GuestWithDevices
from cleanroom.attestation.policy.snp import KeyDigest, SnpPolicy


class AzureSnpPolicy(GuestWithDevices, SnpPolicy):
    """One accepted kind of guest on Azure; all fields must hold together, never mix and match."""

    platform: Literal["azure-snp"]
    """The platform this entry is for."""
    measurements: Literal["any"] | Annotated[list[Measurement], Field(min_length=1, max_length=64)]
    """Launch digests of paravisors; `any` is each one that a listed key signed."""
    paravisor_keys: Annotated[list[KeyDigest], Field(min_length=1, max_length=16)]
    """SHA-384 of the ID keys with which Microsoft signs the paravisor."""
    min_paravisor_svn: int = Field(ge=0, le=2**31)
    """The lowest security version of the paravisor (GUEST_SVN)."""
    guest: AzureGuestDemands = AzureGuestDemands()
    """What the paravisor must say about its guest."""
    boot: BootValues
    """What must have booted."""
    host_data: Literal["any"]
    """Azure ties nothing to a guest before it runs."""
