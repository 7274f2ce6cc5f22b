"""What the evidence of a confidential container group on Azure says."""

from typing import Literal

from cleanroom.attestation.claims.snp import SnpClaims


class AzureAciClaims(SnpClaims):
    """A processor's report about Microsoft's utility VM, and Microsoft's endorsement of that.

    `host_data` is SHA-256 of the container policy, `measurement` the utility VM's.
    """

    platform: Literal["azure-aci"]
    """A confidential container group on Azure Container Instances."""
    uvm_issuer: str
    """Who endorsed the measurement: a did:x509."""
    uvm_feed: str
    """What kind of image it is."""
    uvm_svn: int
    """The security version that the endorsement gives it."""
