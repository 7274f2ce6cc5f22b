"""An entry for Azure Container Instances in words: accepted, left open, what mends a finding."""

from cleanroom.attestation.policy import AzureAciPolicy
from cleanroom.attestation.words.snp import described_processor, open_processor, processor_hints

HINTS = processor_hints("azure-aci") | {
    "azure-aci-host-data": "start the group with the container policy that the manifest pins",
    "azure-aci-uvm-issuer": "send the endorsement of a listed issuer",
    "azure-aci-uvm-feed": "run in the kind of utility VM that the manifest lists",
    "azure-aci-uvm-svn": "start the group again, so that Azure uses a newer utility VM",
}
"""What usually mends a failed finding, by its code."""
MICROSOFT = "Microsoft's utility VM runs the containers and sees all of them: it is trusted"
NOT_GENESIS = (
    "the container policy is tied to the group, not this room: somebody else may set up a first "
    "manifest of their own"
)


def described(policy: AzureAciPolicy) -> list[str]:
    """What this entry accepts, one phrase each."""
    issuers = (f"utility VM endorsed by {issuer}" for issuer in policy.uvm_issuers)
    feeds = f"{' or '.join(policy.uvm_feeds)} of security version {policy.min_uvm_svn} or newer"
    return ["azure-aci", *described_processor(policy), *issuers, feeds]


def left_open(policy: AzureAciPolicy) -> list[str]:
    """One sentence for each thing that this entry does not close."""
    return [*open_processor(policy), MICROSOFT, NOT_GENESIS]
