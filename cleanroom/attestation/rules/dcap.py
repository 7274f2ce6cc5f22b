"""Rules about a platform of Intel's; those of SGX and TDX entries begin with them.

Codes start with the platform, which is what an entry is read by: `tdx-tcb-status`.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from cleanroom.attestation.claims.dcap import DcapClaims
from cleanroom.attestation.policy import Demand
from cleanroom.attestation.policy.dcap import AcceptedRisk, DcapPolicy
from cleanroom.attestation.result import Finding
from cleanroom.attestation.rules.comparing import (
    any_or_one_of,
    assurance_as_asked,
    bits_as_asked,
    finding,
    one_of,
)
from cleanroom.encoding import instant_text


def compare_platform(claims: DcapClaims, policy: DcapPolicy) -> list[Finding]:
    """Every finding about the platform, passed or not."""
    return [
        *check_assurance(claims, policy),
        *check_tcb_status(claims, policy),
        *check_advisories(claims, policy),
        *check_tcb_evaluation(claims, policy),
        *check_collateral_age(claims, policy),
        *check_platform_flags(claims, policy),
        *check_ppid(claims, policy),
    ]


def check_assurance(claims: DcapClaims, policy: DcapPolicy) -> Iterator[Finding]:
    """Simulated evidence only under a root that this entry pins; hardware only without one."""
    yield assurance_as_asked(f"{claims.platform}-assurance", claims, policy.development_roots)


def check_tcb_status(claims: DcapClaims, policy: DcapPolicy) -> Iterator[Finding]:
    """Intel's status of the platform is a listed one, and the risk of it is still accepted."""
    code = f"{claims.platform}-tcb-status"
    yield one_of(code, "TCB status", claims.host.tcb_status, policy.tcb_status)
    if claims.host.tcb_status != "UpToDate" and claims.host.tcb_status in policy.tcb_status:
        yield _accepted(code, claims, claims.host.tcb_status, policy)


def check_advisories(claims: DcapClaims, policy: DcapPolicy) -> Iterator[Finding]:
    """Each advisory that applies is accepted by name, and still is."""
    for advisory in claims.host.advisory_ids:
        yield _accepted(f"{claims.platform}-advisory", claims, advisory, policy)


def check_tcb_evaluation(claims: DcapClaims, policy: DcapPolicy) -> Iterator[Finding]:
    """Intel's documents know the TCB recovery that the entry asks for."""
    found, least = claims.host.tcb_evaluation_number, policy.min_tcb_evaluation_number
    yield finding(
        f"{claims.platform}-tcb-evaluation",
        "TCB evaluation number",
        str(found),
        f"{least} or newer",
        passed=found >= least,
    )


def check_collateral_age(claims: DcapClaims, policy: DcapPolicy) -> Iterator[Finding]:
    """Intel's lists and documents were issued lately enough; that they are in force is `silicon`'s.

    Claims of old builds do not say when: they meet no limit.
    """
    issued, most = claims.host.collateral_issued_at, policy.max_collateral_age_d
    limit = "" if most is None else f", at most {most} days old"
    yield finding(
        f"{claims.platform}-collateral-age",
        "Intel's collateral",
        f"of {_date(issued)}, the next due {_date(claims.host.collateral_until)}",
        f"in force on {_day(claims)}{limit}",
        passed=most is None
        or (issued is not None and claims.verified_at - issued <= timedelta(days=most)),
    )


def check_platform_flags(claims: DcapClaims, policy: DcapPolicy) -> Iterator[Finding]:
    """The platform is configured as asked."""
    demands: dict[str, Demand] = policy.platform_flags.model_dump()
    code = f"{claims.platform}-platform-flags"
    yield from bits_as_asked(code, "platform", claims.host.platform_flags, demands)


def check_ppid(claims: DcapClaims, policy: DcapPolicy) -> Iterator[Finding]:
    """The platform is a listed one."""
    yield any_or_one_of(f"{claims.platform}-ppid", "platform id", claims.host.ppid, policy.ppids)


def check_measured(code: str, check: str, found: str, asked: str) -> Finding:
    """A register is `zero`, `any`, or a value."""
    expected = "0" * len(found) if asked == "zero" else asked
    return finding(code, check, found, asked, passed=expected in ("any", found))


def check_launch_data(
    claims: DcapClaims, found: str, asked: str, genesis: bytes
) -> Iterator[Finding]:
    """The launcher tied the guest to this room; genesis is followed by zeros."""
    expected = genesis.hex().ljust(len(found), "0") if asked == "genesis" else asked
    yield check_measured(f"{claims.platform}-host-data", "host data", found, expected)


def _accepted(code: str, claims: DcapClaims, name: str, policy: DcapPolicy) -> Finding:
    accepted: AcceptedRisk | None = policy.accepted_risks.get(name)
    expected = "none that is not accepted"
    if accepted is not None:
        expected = f"accepted until {instant_text(accepted.until)}"
    passed = accepted is not None and claims.verified_at < accepted.until
    return finding(
        code, f"accepted risk {name}", f"there on {_day(claims)}", expected, passed=passed
    )


def _date(moment: datetime | None) -> str:
    return "an unknown day" if moment is None else f"{moment:%Y-%m-%d}"


def _day(claims: DcapClaims) -> str:
    return f"{claims.verified_at:%Y-%m-%d}"
