"""What an entry says about a platform of Intel's, in words; for SGX and TDX."""

from cleanroom.attestation.policy.dcap import DcapPolicy
from cleanroom.encoding import instant_text

FREE_HOST_DATA = "host data is free: somebody else may set up a first manifest of their own"
OPEN_FLAGS = {
    "smt": "sibling threads may run beside the guest: side channels between them stay open",
    "cached_keys": "Intel keeps the platform's root keys",
    "dynamic_platform": "processors may be added to the platform or replaced in it",
}
"""What it means when the platform's configuration may be either."""


def described_platform(policy: DcapPolicy) -> list[str]:
    """What an entry accepts of platforms, one phrase each."""
    platforms = "any" if policy.ppids == "any" else f"{len(policy.ppids)} listed"
    return [
        f"processors: {platforms}",
        f"TCB status {' or '.join(policy.tcb_status)}",
        f"TCB recovery {policy.min_tcb_evaluation_number} or newer",
    ]


def open_platform(policy: DcapPolicy) -> list[str]:
    """One sentence for each thing about the platform that an entry does not close."""
    said = []
    if policy.ppids == "any":
        said.append(
            "any platform is accepted: one whose memory bus or keys an attacker holds (TEE.fail, "
            "WireTap, relays) cannot be told apart"
        )
    said += [
        f"{name} is accepted until {instant_text(risk.until)}: {risk.risk}"
        for name, risk in policy.accepted_risks.items()
    ]
    flags: dict[str, str] = policy.platform_flags.model_dump()
    said += [words for flag, words in OPEN_FLAGS.items() if flags[flag] != "forbid"]
    return said


def platform_hints(platform: str) -> dict[str, str]:
    """What usually mends a finding about the platform, by its code."""
    return {
        f"{platform}-assurance": "development_roots in the manifest and a simulated room belong "
        "together",
        f"{platform}-tcb-status": "update the host's firmware, microcode and TDX module, or accept "
        "the status with its risk and an end",
        f"{platform}-advisory": "mend what Intel's advisory says, or accept it with an end",
        f"{platform}-tcb-evaluation": "fetch Intel's collateral again: the parties ask for newer "
        "documents",
        f"{platform}-collateral-age": "fetch Intel's collateral again, and hand it over again",
        f"{platform}-platform-flags": "change the host's configuration, or use another host",
        f"{platform}-ppid": "run on a platform that the manifest lists",
        f"{platform}-host-data": "start the machine with this room's genesis as its configuration",
    }
