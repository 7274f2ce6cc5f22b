"""An entry for Azure over SEV-SNP in words: accepted, left open, what mends a finding."""

from cleanroom.attestation.policy import AzureSnpPolicy
from cleanroom.attestation.words.azure import GUEST_HINTS, described_guest, open_guest
from cleanroom.attestation.words.snp import PROCESSOR_HINTS, described_processor, open_processor

PARAVISOR_HINTS = {
    "azure-paravisor": "run on a paravisor that the manifest lists",
    "azure-paravisor-svn": "restart the guest, so that Azure starts a newer paravisor",
}
HINTS = PROCESSOR_HINTS | GUEST_HINTS | PARAVISOR_HINTS
"""What usually mends a failed finding, by its code."""
ANY_BUILD = "any paravisor that a listed key signed is accepted: what it does is Microsoft's word"


def described(policy: AzureSnpPolicy) -> list[str]:
    """What this entry accepts, one phrase each."""
    keys = (f"paravisor signed by {key}" for key in policy.paravisor_keys)
    svn = f"paravisor of security version {policy.min_paravisor_svn} or newer"
    return [*described_processor(policy), *keys, svn, *described_guest(policy)]


def left_open(policy: AzureSnpPolicy) -> list[str]:
    """One sentence for each thing that this entry does not close."""
    builds = [ANY_BUILD] if policy.paravisor_measurements == "any" else []
    return [*open_processor(policy), *builds, *open_guest(policy)]
