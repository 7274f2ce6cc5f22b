"""What the parties accept from a confidential container group on Azure Container Instances.

A group runs in a utility VM of Microsoft's, whose launch digest Microsoft endorses with a signed
document; what runs in it is bound by the container policy in the report's host data. Shape only;
`rules.azure_aci` compares.
"""

from typing import Annotated, Literal

from pydantic import Field
from pydantic import StringConstraints as Text

from cleanroom.attestation.policy.base import Measurement
from cleanroom.attestation.policy.snp import SnpPolicy

Issuer = Annotated[
    str, Text(pattern=r"^did:x509:0:sha256:[A-Za-z0-9_-]{43}::eku:[0-9]+(\.[0-9]+){2,20}$")
]
"""A did:x509 that names a root by SHA-256 and an extended key usage of the signing certificate."""
Feed = Annotated[str, Text(pattern=r"^[ -~]{1,128}$")]
"""What kind of image is endorsed, such as `ContainerPlat-AMD-UVM`."""


class AzureAciPolicy(SnpPolicy):
    """One accepted kind of container group; all fields must hold together, never mix and match."""

    platform: Literal["azure-aci"]
    """The platform this entry is for."""
    measurements: Literal["any"] | Annotated[list[Measurement], Field(min_length=1, max_length=64)]
    """Launch digests of utility VMs; `any` is each one that a listed issuer endorses."""
    host_data: Annotated[str, Text(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the container policy (CCE) that the group was started with: 64 lower-case hex
    digits. It says which containers run, so no other value will do."""
    uvm_issuers: Annotated[list[Issuer], Field(min_length=1, max_length=8)]
    """Who may endorse the utility VM."""
    uvm_feeds: Annotated[list[Feed], Field(min_length=1, max_length=8)]
    """Which kind of image the endorsement must be for."""
    min_uvm_svn: int = Field(ge=0, le=2**31)
    """The lowest security version of the utility VM."""
