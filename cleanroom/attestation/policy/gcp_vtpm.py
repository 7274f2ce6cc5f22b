"""What the parties accept from a virtual machine on Google Cloud by its vTPM.

Google certifies the attestation key of each instance, and names the instance in the certificate.
The vTPM runs on Google's host: it says what booted, and hides nothing from Google. Evidence of the
processor below is of platform `sev-snp` or `tdx`. Shape only; `rules.gcp_vtpm` compares.
"""

from typing import Annotated, Literal

from pydantic import Field
from pydantic import StringConstraints as Text

from cleanroom.attestation.policy.base import DevelopmentRoots
from cleanroom.attestation.policy.boot import BootValues
from cleanroom.attestation.policy.tpm import OpenMemory
from cleanroom.encoding import Record

ProjectId = Annotated[str, Text(pattern=r"^[a-z0-9.:-]{1,63}$")]
"""A project's id, such as `clean-room-prod`."""
Zone = Annotated[str, Text(pattern=r"^[a-z0-9-]{1,63}$")]
"""A zone, such as `europe-west4-a`."""
InstanceId = Annotated[str, Text(pattern=r"^[0-9]{1,20}$")]
"""An instance's number, in decimal."""


class GcpVtpmPolicy(Record):
    """One accepted kind of instance on Google Cloud; all fields must hold together."""

    platform: Literal["gcp-vtpm"]
    """The platform this entry is for."""
    memory: OpenMemory
    """This evidence does not show that memory is protected; without a default."""
    projects: Annotated[list[ProjectId], Field(min_length=1, max_length=64)]
    """Projects that the instance may belong to."""
    zones: Literal["any"] | Annotated[list[Zone], Field(min_length=1, max_length=64)] = "any"
    """Zones that it may run in."""
    instances: Literal["any"] | Annotated[list[InstanceId], Field(min_length=1, max_length=1024)]
    """Instances that are accepted; `any` is every one of the projects'."""
    boot: BootValues
    """What must have booted."""
    host_data: Literal["any"]
    """A vTPM carries nothing from a launcher."""
    development_roots: DevelopmentRoots = None
    """SHA-256 of simulated roots. With it only simulated evidence counts, without it only real."""

    @property
    def lists_machines(self) -> bool:
        """Whether only listed instances are accepted."""
        return self.instances != "any"
