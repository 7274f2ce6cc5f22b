"""An entry for Google Cloud's vTPM in words: accepted, left open, what mends a finding."""

from cleanroom.attestation.policy import GcpVtpmPolicy
from cleanroom.attestation.words.boot import (
    NO_HOST_DATA,
    OPEN_MEMORY,
    boot_hints,
    described_boot,
    open_boot,
)

HINTS = boot_hints("gcp-vtpm") | {
    "gcp-vtpm-assurance": "development_roots in the manifest and a simulated room belong together",
    "gcp-vtpm-production": "use an instance of Google Cloud's production",
    "gcp-vtpm-project": "run in a project that the manifest lists",
    "gcp-vtpm-zone": "run in a zone that the manifest lists",
    "gcp-vtpm-instance": "run on an instance that the manifest lists",
}
"""What usually mends a failed finding, by its code."""
GOOGLE = "the vTPM runs on Google's host: what it quotes is Google's word"
ANY_INSTANCE = "any instance of the projects is accepted: whoever may start one may attest"


def described(policy: GcpVtpmPolicy) -> list[str]:
    """What this entry accepts, one phrase each."""
    zones = "any" if policy.zones == "any" else ", ".join(policy.zones)
    instances = "any" if policy.instances == "any" else ", ".join(policy.instances)
    return [
        f"gcp-vtpm of {', '.join(policy.projects)}",
        f"memory: {policy.memory}",
        f"zones: {zones}",
        f"instances: {instances}",
        *described_boot(policy.boot),
    ]


def left_open(policy: GcpVtpmPolicy) -> list[str]:
    """One sentence for each thing that this entry does not close."""
    said = [OPEN_MEMORY, GOOGLE]
    if policy.instances == "any":
        said.append(ANY_INSTANCE)
    return [*said, *open_boot(policy.boot), NO_HOST_DATA]
