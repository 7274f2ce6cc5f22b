"""An entry for Azure over TDX in words: accepted, left open, what mends a finding."""

from cleanroom.attestation.policy import AzureTdxPolicy
from cleanroom.attestation.words.azure import described_guest, guest_hints, open_guest
from cleanroom.attestation.words.dcap import described_platform, open_platform, platform_hints
from cleanroom.attestation.words.tdx import open_attributes

HINTS = (
    platform_hints("azure-tdx")
    | guest_hints("azure-tdx")
    | {
        "azure-tdx-measurement": "run on a paravisor that the manifest lists",
        "azure-tdx-attributes": "use a guest with the attributes that the manifest asks for",
        "azure-tdx-attributes-unnamed": "use a guest without attributes that are unknown here",
    }
)
"""What usually mends a failed finding, by its code."""


def described(policy: AzureTdxPolicy) -> list[str]:
    """What this entry accepts, one phrase each."""
    measured = (f"paravisor {measurement}" for measurement in policy.measurements)
    return ["azure-tdx", *described_platform(policy), *measured, *described_guest(policy)]


def left_open(policy: AzureTdxPolicy) -> list[str]:
    """One sentence for each thing that this entry does not close."""
    attributes = open_attributes(policy.td_attributes)
    return [*open_platform(policy), *attributes, *open_guest(policy)]
