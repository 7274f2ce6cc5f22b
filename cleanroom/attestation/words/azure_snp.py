"""An entry for Azure over SEV-SNP in words: accepted, left open, what mends a finding."""

from cleanroom.attestation.policy import AzureSnpPolicy
from cleanroom.attestation.words.azure import described_guest, guest_hints, open_guest
from cleanroom.attestation.words.snp import described_processor, open_processor, processor_hints

HINTS = (
    processor_hints("azure-snp")
    | guest_hints("azure-snp")
    | {
        "azure-snp-paravisor": "run on a paravisor that the manifest lists",
        "azure-snp-paravisor-svn": "restart the guest, so that Azure starts a newer paravisor",
    }
)
"""What usually mends a failed finding, by its code."""
ANY_BUILD = "any paravisor that a listed key signed is accepted: what it does is Microsoft's word"


def described(policy: AzureSnpPolicy) -> list[str]:
    """What this entry accepts, one phrase each."""
    keys = (f"paravisor signed by {key}" for key in policy.paravisor_keys)
    svn = f"paravisor of security version {policy.min_paravisor_svn} or newer"
    return [*described_processor(policy), *keys, svn, *described_guest(policy)]


def left_open(policy: AzureSnpPolicy) -> list[str]:
    """One sentence for each thing that this entry does not close."""
    builds = [ANY_BUILD] if policy.measurements == "any" else []
    return [*open_processor(policy), *builds, *open_guest(policy)]
