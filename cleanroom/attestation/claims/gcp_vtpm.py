"""What Google's vTPM and its certificate say about an instance on Google Cloud."""

from typing import Literal

from pydantic import Field

from cleanroom.attestation.claims.base import Claims, Hex
from cleanroom.attestation.claims.boot import MeasuredBoot


class GcpVtpmClaims(Claims):
    """What the vTPM quotes, and which instance Google certifies it for."""

    platform: Literal["gcp-vtpm"]
    """A vTPM of Google Cloud."""
    project: str
    """The project's id."""
    project_number: str
    """The project's number, in decimal."""
    zone: str
    """Where the instance runs."""
    instance: str
    """The instance's number, in decimal."""
    instance_name: str
    """The instance's name."""
    production: bool
    """Whether Google calls the vTPM one of production; false where it does not say."""
    boot: MeasuredBoot
    """What booted."""
    report_data: Hex = Field(max_length=128)
    """`extraData` of the quote: SHA-256 of the binding, or what somebody else's evidence holds."""

    @property
    def hides_memory(self) -> bool:
        """A vTPM protects no memory, and does not say whether the processor does."""
        return False
