"""The rules of a SEV-SNP policy entry, one function each; `compare` lists every rule."""

from collections.abc import Iterator

from cleanroom.attestation.claims import SevSnpClaims
from cleanroom.attestation.policy import Demand, SevSnpPolicy
from cleanroom.attestation.result import Finding
from cleanroom.attestation.rules.comparing import (
    any_of,
    any_or_one_of,
    assurance_as_asked,
    at_least,
    bits_as_asked,
    finding,
    levels_text,
    one_of,
)

SAFE_FLOORS: dict[str, dict[str, int]] = {
    "Milan": {"snp": 0x18},
    "Genoa": {"snp": 0x17},
    "Turin": {},
}
"""Firmware below this has public breaks (AMD-SB-3015, AMD-SB-3019), whatever a manifest says."""


def compare(claims: SevSnpClaims, policy: SevSnpPolicy, genesis: bytes) -> list[Finding]:
    """Every finding of one entry, passed or not, in the order of the rules."""
    return [
        *check_assurance(claims, policy),
        *check_product(claims, policy),
        *check_report_version(claims, policy),
        *check_measurement(claims, policy),
        *check_host_data(claims, policy, genesis),
        *check_tcb(claims, policy),
        *check_safe_tcb(claims, policy),
        *check_tcb_order(claims),
        *check_guest_policy(claims, policy),
        *check_platform_info(claims, policy),
        *check_vmpl(claims, policy),
        *check_signing_key(claims, policy),
        *check_chip_id(claims, policy),
        *check_id_key(claims, policy),
        *check_author_key(claims, policy),
        *check_mitigations(claims, policy),
    ]


def check_assurance(claims: SevSnpClaims, policy: SevSnpPolicy) -> Iterator[Finding]:
    """Simulated evidence only under a root that this entry pins; hardware only without one."""
    yield assurance_as_asked("snp-assurance", claims, policy.development_roots)


def check_product(claims: SevSnpClaims, policy: SevSnpPolicy) -> Iterator[Finding]:
    """The processor is of a listed product line."""
    yield one_of("snp-product", "product", claims.product, policy.products)


def check_report_version(claims: SevSnpClaims, policy: SevSnpPolicy) -> Iterator[Finding]:
    """The report is new enough."""
    found, least = claims.report_version, policy.min_report_version
    yield finding(
        "snp-report-version",
        "report version",
        str(found),
        f"{least} or newer",
        passed=found >= least,
    )


def check_measurement(claims: SevSnpClaims, policy: SevSnpPolicy) -> Iterator[Finding]:
    """The image is a listed one."""
    yield one_of("snp-measurement", "measurement", claims.measurement, policy.measurements)


def check_host_data(
    claims: SevSnpClaims, policy: SevSnpPolicy, genesis: bytes
) -> Iterator[Finding]:
    """The launcher tied the guest to this room."""
    expected = genesis.hex() if policy.host_data == "genesis" else policy.host_data
    yield finding(
        "snp-host-data",
        "host data",
        claims.host_data,
        expected,
        passed=expected in ("any", claims.host_data),
    )


def check_tcb(claims: SevSnpClaims, policy: SevSnpPolicy) -> Iterator[Finding]:
    """Each chosen TCB version is at or above the manifest's floors, component by component."""
    floors = policy.min_tcb.of(claims.product)
    for version in policy.tcb_applies_to:
        levels = claims.tcb[version]
        if floors is None:
            yield finding("snp-tcb", f"{version} TCB", levels_text(levels), "floors", passed=False)
        else:
            yield at_least("snp-tcb", f"{version} TCB", levels, floors.model_dump())


def check_safe_tcb(claims: SevSnpClaims, policy: SevSnpPolicy) -> Iterator[Finding]:
    """No chosen TCB version is below what is publicly broken."""
    floors = SAFE_FLOORS[claims.product]
    for version in policy.tcb_applies_to:
        yield at_least("snp-tcb-safe", f"{version} TCB", claims.tcb[version], floors)


def check_tcb_order(claims: SevSnpClaims) -> Iterator[Finding]:
    """Reported is never above committed, nor committed above current."""
    for lower, upper in (("reported", "committed"), ("committed", "current")):
        low, high = claims.tcb[lower], claims.tcb[upper]  # type: ignore[index]
        yield finding(
            "snp-tcb-order",
            f"{lower} TCB",
            levels_text(low),
            f"at most the {upper} {levels_text(high)}",
            passed=all(low[component] <= high[component] for component in low),
        )


def check_guest_policy(claims: SevSnpClaims, policy: SevSnpPolicy) -> Iterator[Finding]:
    """Each bit of the guest policy is as asked."""
    demands: dict[str, Demand] = policy.guest_policy.model_dump()
    yield from bits_as_asked("snp-guest-policy", "guest policy", claims.guest_policy, demands)


def check_platform_info(claims: SevSnpClaims, policy: SevSnpPolicy) -> Iterator[Finding]:
    """Each named bit of the platform is as asked; unnamed bits are shown and not judged."""
    demands: dict[str, Demand] = policy.platform_info.model_dump()
    yield from bits_as_asked("snp-platform-info", "platform", claims.platform_info, demands)
    unknown = ", ".join(str(bit) for bit in claims.platform_info_unknown) or "none"
    yield finding(
        "snp-platform-unknown", "platform bits without a name", unknown, "any", passed=True
    )


def check_vmpl(claims: SevSnpClaims, policy: SevSnpPolicy) -> Iterator[Finding]:
    """The report was asked for from a listed privilege level."""
    yield one_of("snp-vmpl", "VMPL", claims.vmpl, policy.vmpl)


def check_signing_key(claims: SevSnpClaims, policy: SevSnpPolicy) -> Iterator[Finding]:
    """The report is signed by a listed kind of key, and a lent key by a listed cloud's."""
    yield one_of("snp-signing-key", "signing key", claims.signing_key, policy.signing_keys)
    if claims.signing_key == "vlek":
        yield one_of("snp-csp-id", "cloud of the VLEK", claims.csp_id, policy.csp_ids)


def check_chip_id(claims: SevSnpClaims, policy: SevSnpPolicy) -> Iterator[Finding]:
    """The processor is a listed one; Milan always needs a list."""
    if policy.chip_ids == "any":
        passed, expected = claims.product != "Milan", "any (for Milan: a list)"
    else:
        passed = claims.chip_id in {chip.ljust(128, "0") for chip in policy.chip_ids}
        expected = any_of(policy.chip_ids)
    yield finding("snp-chip-id", "chip id", claims.chip_id, expected, passed=passed)


def check_id_key(claims: SevSnpClaims, policy: SevSnpPolicy) -> Iterator[Finding]:
    """The launch was signed by a listed key."""
    yield any_or_one_of("snp-id-key", "ID key", claims.id_key_digest, policy.id_key_digests)


def check_author_key(claims: SevSnpClaims, policy: SevSnpPolicy) -> Iterator[Finding]:
    """The ID key was signed by a listed author."""
    found, allowed = claims.author_key_digest, policy.author_key_digests
    yield any_or_one_of("snp-author-key", "author key", found, allowed)


def check_mitigations(claims: SevSnpClaims, policy: SevSnpPolicy) -> Iterator[Finding]:
    """Both mitigation vectors hold every bit that is asked for."""
    asked = policy.min_mitigation_vector
    for when, word in (
        ("launch", claims.launch_mitigations),
        ("current", claims.current_mitigations),
    ):
        yield finding(
            "snp-mitigations",
            f"{when} mitigations",
            word,
            f"every bit of {asked:#x}",
            passed=int(word, 16) & asked == asked,
        )
