"""What an entry says about a confidential guest on Azure, in words; for both processors."""

from cleanroom.attestation.policy import AzureSnpPolicy, AzureTdxPolicy
from cleanroom.attestation.words.boot import (
    NO_HOST_DATA,
    boot_hints,
    described_boot,
    open_boot,
)

PARAVISOR = "Microsoft's paravisor runs inside the guest and sees all of it: it is trusted"
STALE = (
    "the processor's report may be older than this conversation: firmware that went back since "
    "then is not seen"
)
CONSOLE = "the serial console may be on: what the guest writes there leaves it"
UNSIGNED = "secure boot may be off: unsigned boot loaders and kernels start"


def described_guest(policy: AzureSnpPolicy | AzureTdxPolicy) -> list[str]:
    """What an entry accepts of guests, one phrase each."""
    ids = policy.guest.vm_ids
    machines = "any" if ids == "any" else f"{len(ids)} listed"
    return [f"virtual machines: {machines}", *described_boot(policy.boot)]


def open_guest(policy: AzureSnpPolicy | AzureTdxPolicy) -> list[str]:
    """One sentence for each thing about the guest that an entry does not close."""
    asked, said = policy.guest, [PARAVISOR]
    if asked.secure_boot != "require":
        said.append(UNSIGNED)
    if asked.console != "forbid":
        said.append(CONSOLE)
    if asked.fresh_report == "any":
        said.append(STALE)
    return [*said, *open_boot(policy.boot), NO_HOST_DATA]


def guest_hints(platform: str) -> dict[str, str]:
    """What usually mends a finding about the guest, by its code."""
    return boot_hints(platform) | {
        f"{platform}-guest": "start the guest with the settings that the manifest asks for",
        f"{platform}-vm-id": "run on a virtual machine that the manifest lists",
        f"{platform}-fresh-report": "write the digest of the binding into the vTPM before the "
        "report is read",
    }
