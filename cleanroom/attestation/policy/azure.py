"""What the parties accept of a confidential guest on Azure, whichever processor is below."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic import StringConstraints as Text

from cleanroom.attestation.policy.base import Demand
from cleanroom.encoding import Record

VmId = Annotated[str, Text(pattern=r"^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}$")]
"""`vmUniqueId`, in upper-case hex with dashes."""


class AzureGuestDemands(Record):
    """What the paravisor must say about its guest."""

    secure_boot: Demand = "require"
    """The firmware starts only what is signed."""
    console: Demand = "any"
    """The serial console is on: who reads it sees what the guest writes there."""
    fresh_report: Literal["require", "any"] = "require"
    """The processor's report itself must carry the binding, so that it was made for this very
    conversation. Otherwise only the vTPM's quote was, and an older report may speak of firmware
    that was taken back since."""
    vm_ids: Literal["any"] | Annotated[list[VmId], Field(min_length=1, max_length=1024)] = "any"
    """Virtual machines that are accepted."""
