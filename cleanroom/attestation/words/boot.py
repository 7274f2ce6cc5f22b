"""What an entry says about a measured boot, in words; for every platform with a TPM."""

from cleanroom.attestation.policy.boot import BootValues

OPEN_PCRS = {
    "4": "PCR 4 is free: whatever is signed under the keys that PCR 7 pins may boot",
    "7": "PCR 7 is free: keys that may sign what boots can be added",
    "8": "PCR 8 is free: the boot loader's commands may differ",
    "9": "PCR 9 is free: files that the boot loader reads, and the initial file system, may differ",
    "11": "PCR 11 is free: parts of a unified kernel image may differ",
    "12": "PCR 12 is free: the kernel's command line may be extended",
}
"""What it means when an entry does not pin a register (systemd and GRUB, by UAPI's registry)."""
OPEN_MEMORY = (
    "memory is open to the host: whoever holds the machine can read and change what runs on it"
)
NO_HOST_DATA = (
    "nothing is tied to the machine before it runs: somebody else may set up a first manifest of "
    "their own"
)


def described_boot(asked: BootValues) -> list[str]:
    """Which values of registers an entry accepts, one phrase for each register."""
    listed = sorted(asked.pcrs.items(), key=lambda entry: int(entry[0]))
    return [f"PCR {index} ({asked.bank}): {' or '.join(values)}" for index, values in listed]


def open_boot(asked: BootValues) -> list[str]:
    """One sentence for each register that an entry does not close."""
    return [said for index, said in OPEN_PCRS.items() if index not in asked.pcrs]


def boot_hints(platform: str) -> dict[str, str]:
    """What usually mends a finding about the boot, by its code."""
    return {
        f"{platform}-pcr-bank": "quote the bank that the manifest pins",
        f"{platform}-pcr": "boot what the manifest pins, or list this boot's values",
    }
