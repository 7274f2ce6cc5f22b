"""Rules about a SEV-SNP processor; every entry for a guest on one begins with them.

Codes start with the platform, which is what an entry is read by: `azure-snp-tcb`; those of
`sev-snp` itself with `snp`.
"""

from collections.abc import Iterator
from datetime import timedelta

from cleanroom.attestation.claims.snp import SnpClaims
from cleanroom.attestation.policy import Demand
from cleanroom.attestation.policy.snp import SnpPolicy
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
    unresolved,
)

SAFE_FLOORS: dict[str, dict[str, int]] = {
    "Milan": {"snp": 0x18},
    "Genoa": {"snp": 0x17},
    "Turin": {},
}
"""Firmware below this has public breaks (AMD-SB-3015, AMD-SB-3019), whatever a manifest says."""
HIGHEST = 0
"""The highest privilege level: there a paravisor or a utility VM runs."""


def code_of(claims: SnpClaims, rule: str) -> str:
    """The stable code of a rule about these claims."""
    return f"{claims.platform.removeprefix('sev-')}-{rule}"


def compare_processor(claims: SnpClaims, policy: SnpPolicy) -> list[Finding]:
    """Every finding about the processor, passed or not."""
    return [
        *check_assurance(claims, policy),
        *check_product(claims, policy),
        *check_report_version(claims, policy),
        *check_measurement(claims, policy),
        *check_tcb(claims, policy),
        *check_safe_tcb(claims, policy),
        *check_tcb_order(claims),
        *check_guest_policy(claims, policy),
        *check_platform_info(claims, policy),
        *check_chip_id(claims, policy),
        *check_revocation(claims, policy),
        *check_list_age(claims, policy),
    ]


def check_assurance(claims: SnpClaims, policy: SnpPolicy) -> Iterator[Finding]:
    """Simulated evidence only under a root that this entry pins; hardware only without one."""
    yield assurance_as_asked(code_of(claims, "assurance"), claims, policy.development_roots)


def check_product(claims: SnpClaims, policy: SnpPolicy) -> Iterator[Finding]:
    """The processor is of a listed product line."""
    yield one_of(code_of(claims, "product"), "product", claims.product, policy.products)


def check_report_version(claims: SnpClaims, policy: SnpPolicy) -> Iterator[Finding]:
    """The report is new enough."""
    found, least = claims.report_version, policy.min_report_version
    yield finding(
        code_of(claims, "report-version"),
        "report version",
        str(found),
        f"{least} or newer",
        passed=found >= least,
    )


def check_measurement(claims: SnpClaims, policy: SnpPolicy) -> Iterator[Finding]:
    """What was launched is a listed image, paravisor or utility VM."""
    code, allowed = code_of(claims, "measurement"), policy.measurements
    if allowed is None:
        yield unresolved(code, "measurement", claims.measurement)
    else:
        yield any_or_one_of(code, "measurement", claims.measurement, allowed)


def check_own_report(claims: SnpClaims) -> Iterator[Finding]:
    """The report is from the highest level, under the chip's own key; no entry asks for less."""
    yield one_of(code_of(claims, "vmpl"), "VMPL", claims.vmpl, [HIGHEST])
    yield one_of(code_of(claims, "signing-key"), "signing key", claims.signing_key, ["vcek"])


def check_tcb(claims: SnpClaims, policy: SnpPolicy) -> Iterator[Finding]:
    """Each chosen TCB version is at or above the manifest's floors, component by component."""
    floors = policy.min_tcb.of(claims.product)
    for version in policy.tcb_applies_to:
        levels = claims.tcb[version]
        if floors is None:
            yield finding(
                code_of(claims, "tcb"),
                f"{version} TCB",
                levels_text(levels),
                "floors",
                passed=False,
            )
        else:
            yield at_least(code_of(claims, "tcb"), f"{version} TCB", levels, floors.model_dump())


def check_safe_tcb(claims: SnpClaims, policy: SnpPolicy) -> Iterator[Finding]:
    """No chosen TCB version is below what is publicly broken."""
    floors = SAFE_FLOORS[claims.product]
    for version in policy.tcb_applies_to:
        yield at_least(code_of(claims, "tcb-safe"), f"{version} TCB", claims.tcb[version], floors)


def check_tcb_order(claims: SnpClaims) -> Iterator[Finding]:
    """Reported is never above committed, nor committed above current."""
    for lower, upper in (("reported", "committed"), ("committed", "current")):
        low, high = claims.tcb[lower], claims.tcb[upper]  # type: ignore[index]
        yield finding(
            code_of(claims, "tcb-order"),
            f"{lower} TCB",
            levels_text(low),
            f"at most the {upper} {levels_text(high)}",
            passed=all(low[component] <= high[component] for component in low),
        )


def check_guest_policy(claims: SnpClaims, policy: SnpPolicy) -> Iterator[Finding]:
    """Each bit of the guest policy is as asked."""
    demands: dict[str, Demand] = policy.guest_policy.model_dump()
    yield from bits_as_asked(
        code_of(claims, "guest-policy"), "guest policy", claims.guest_policy, demands
    )


def check_platform_info(claims: SnpClaims, policy: SnpPolicy) -> Iterator[Finding]:
    """Each named bit of the platform is as asked; unnamed bits are shown and not judged."""
    demands: dict[str, Demand] = policy.platform_info.model_dump()
    yield from bits_as_asked(
        code_of(claims, "platform-info"), "platform", claims.platform_info, demands
    )
    unknown = ", ".join(str(bit) for bit in claims.platform_info_unknown) or "none"
    yield finding(
        code_of(claims, "platform-unknown"),
        "platform bits without a name",
        unknown,
        "any",
        passed=True,
    )


def check_chip_id(claims: SnpClaims, policy: SnpPolicy) -> Iterator[Finding]:
    """The processor is a listed one; Milan always needs a list."""
    if policy.chip_ids == "any":
        passed, expected = claims.product != "Milan", "any (for Milan: a list)"
    else:
        passed = claims.chip_id in {chip.ljust(128, "0") for chip in policy.chip_ids}
        expected = any_of(policy.chip_ids)
    yield finding(code_of(claims, "chip-id"), "chip id", claims.chip_id, expected, passed=passed)


def check_revocation(claims: SnpClaims, policy: SnpPolicy) -> Iterator[Finding]:
    """A list of the root's clears the certificates, and is in force; none only where none is asked.

    That the certificates are on no list is a matter of authenticity: `silicon.sev_snp`.
    """
    code, seen = code_of(claims, "revocation"), claims.revocation
    if seen is None:
        required = policy.revocation == "require"
        expected = "a list of the root's" if required else "any or none"
        yield finding(code, "revocation list", "none", expected, passed=not required)
        return
    ends = seen.until + timedelta(days=policy.crl_grace_d)
    grace = f", or {policy.crl_grace_d} days past" if policy.crl_grace_d else ""
    yield finding(
        code,
        "revocation list",
        f"of {seen.issued_at:%Y-%m-%d}, the next due {seen.until:%Y-%m-%d}",
        f"in force on {claims.verified_at:%Y-%m-%d}{grace}",
        passed=claims.verified_at <= ends,
    )


def check_list_age(claims: SnpClaims, policy: SnpPolicy) -> Iterator[Finding]:
    """The list was issued lately enough, where an entry says how lately."""
    seen, most = claims.revocation, policy.max_crl_age_d
    if seen is None or most is None:
        return
    age = claims.verified_at - seen.issued_at
    yield finding(
        code_of(claims, "revocation-age"),
        "age of the revocation list",
        f"{age.days} days",
        f"at most {most} days",
        passed=age <= timedelta(days=most),
    )
