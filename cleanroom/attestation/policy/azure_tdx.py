"""What the parties accept from a confidential guest on Azure over TDX (DCesv5 and later).

MRTD is of Microsoft's paravisor and the run-time registers are not used; what the parties chose is
what the vTPM measured. Shape only; `rules.azure_tdx` compares.
"""

from typing import Annotated, Literal

from pydantic import Field

from cleanroom.attestation.policy.azure import AzureGuestDemands
from cleanroom.attestation.policy.base import Measurement
from cleanroom.attestation.policy.boot import BootValues
from cleanroom.attestation.policy.dcap import DcapPolicy
from cleanroom.attestation.policy.devices import GuestWithDevices
from cleanroom.attestation.policy.tdx import TdAttributeDemands


class AzureTdxPolicy(GuestWithDevices, DcapPolicy):
    """One accepted kind of guest on Azure; all fields must hold together, never mix and match."""

    platform: Literal["azure-tdx"]
    """The platform this entry is for."""
    measurements: Annotated[list[Measurement], Field(min_length=1, max_length=64)]
    """MRTD of paravisors; Microsoft signs none of them in a way that a quote shows."""
    td_attributes: TdAttributeDemands = TdAttributeDemands(sept_ve_disable="any")
    """What is asked of each attribute; Azure's paravisor handles the exceptions that
    `sept_ve_disable` would prevent, and leaves that bit clear."""
    guest: AzureGuestDemands = AzureGuestDemands()
    """What the paravisor must say about its guest."""
    boot: BootValues
    """What must have booted."""
    host_data: Literal["any"]
    """Azure ties nothing to a guest before it runs."""
