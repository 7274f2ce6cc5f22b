"""Ready entries for a manifest's `attestation`: what clouds can meet today, and what hardware can.

`cloud-2026` is what machines that can be rented in 2026 satisfy; `hardened-turin` asks for what
EPYC Turin can do and hardly anybody sells. Both are ordinary entries: what they leave open is what
`explain.left_open` says of them. Measurements, chips and the room's own values are the author's:
what is not given here is a value that no machine has, so a fragment that is pasted and not filled
in accepts nothing.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from cleanroom.attestation.policy import AppraisalPolicy, NitroPolicy, SevSnpPolicy, TdxPolicy

ProfileName = Literal["cloud-2026", "hardened-turin"]
UNFILLED = "f" * 96
"""Stands for a measurement until the author fills it in; no SHA-384 that anybody knows."""
UNFILLED_CHIP = "f" * 128
"""Stands for a chip until the author fills it in."""
FLOORS: Mapping[str, dict[str, int]] = MappingProxyType(
    {
        "Genoa": {"bl": 10, "tee": 0, "snp": 0x17, "ucode": 84},
        "Turin": {"fmc": 1, "bl": 1, "tee": 1, "snp": 4, "ucode": 81},
    }
)
"""Patch levels: SNP 0x17 on Genoa is the first without BadRAM and EntrySign (AMD-SB-3015, -3019);
the others are the lowest that were seen on clouds' machines with it."""
EVALUATION = 18
"""Intel's TCB recovery of the first half of 2025; older documents may still be in force."""

GRACE_D = 7
"""A week in which an operator may fetch AMD's list again before rooms stop; `hardened-turin` has
none. In days."""


class Profile(NamedTuple):
    """A set of entries that belong together."""

    name: ProfileName
    summary: str
    """One line."""
    entries: dict[str, AppraisalPolicy]
    """By the names that are proposed for the manifest."""


def profile(name: ProfileName, measurements: list[str], machines: list[str]) -> Profile:
    """The entries of a profile.

    Args:
        name: which.
        measurements: launch digests, MRTDs or PCR0s, 96 hex digits each; `UNFILLED` without any.
        machines: chips, 128 hex digits each; only `hardened-turin` asks for them.
    """
    summary, make = PROFILES[name]
    return Profile(name, summary, make(measurements or [UNFILLED], machines or [UNFILLED_CHIP]))


def _cloud(measurements: list[str], machines: list[str]) -> dict[str, AppraisalPolicy]:
    del machines  # clouds say which machine one gets only afterwards
    return {
        "snp": SevSnpPolicy.from_plain(
            {
                "platform": "sev-snp",
                "products": ["Genoa", "Turin"],
                "measurements": measurements,
                "host_data": "genesis",
                "min_tcb": dict(FLOORS),
                "revocation": "require",
                "crl_grace_d": GRACE_D,
            }
        ),
        "tdx": TdxPolicy.from_plain(
            {
                "platform": "tdx",
                "measurements": [
                    {"mrtd": mrtd, "rtmr1": UNFILLED, "rtmr2": UNFILLED} for mrtd in measurements
                ],
                "host_data": "genesis",
                "min_tcb_evaluation_number": EVALUATION,
            }
        ),
        "nitro": NitroPolicy.from_plain(
            {
                "platform": "nitro",
                "pcr0": measurements,
                "pcr1": [UNFILLED],
                "pcr2": [UNFILLED],
                "host_data": "any",
            }
        ),
    }


def _hardened(measurements: list[str], machines: list[str]) -> dict[str, AppraisalPolicy]:
    return {
        "snp": SevSnpPolicy.from_plain(
            {
                "platform": "sev-snp",
                "products": ["Turin"],
                "measurements": measurements,
                "host_data": "genesis",
                "min_tcb": {"Turin": FLOORS["Turin"]},
                "tcb_applies_to": ["reported", "committed", "launch", "current"],
                "min_report_version": 5,
                "guest_policy": {
                    "smt": "forbid",
                    "single_socket": "require",
                    "cxl": "forbid",
                    "aes256_xts": "require",
                    "rapl_dis": "require",
                    "ciphertext_hiding": "require",
                    "page_swap_disable": "require",
                },
                "platform_info": {
                    "ciphertext_hiding": "require",
                    "ecc": "require",
                    "rapl_dis": "require",
                    "smt": "forbid",
                },
                "chip_ids": machines,
                "revocation": "require",
            }
        ),
    }


PROFILES: Mapping[
    ProfileName, tuple[str, Callable[[list[str], list[str]], dict[str, AppraisalPolicy]]]
] = MappingProxyType(
    {
        "cloud-2026": ("what machines that can be rented in 2026 satisfy", _cloud),
        "hardened-turin": ("what EPYC Turin can do, on listed chips only", _hardened),
    }
)
"""What each profile is for, and what makes its entries."""
