"""The rules of a TDX policy entry, one function each; `compare` lists every rule."""

from collections.abc import Iterator

from cleanroom.attestation.claims import TdxClaims
from cleanroom.attestation.policy import Demand, TdxPolicy
from cleanroom.attestation.policy.tdx import EventRule, TdImage
from cleanroom.attestation.result import Finding
from cleanroom.attestation.rules.comparing import any_or_one_of, bits_as_asked, finding, unresolved
from cleanroom.attestation.rules.dcap import check_launch_data, check_measured, compare_platform


def compare(claims: TdxClaims, policy: TdxPolicy, genesis: bytes) -> list[Finding]:
    """Every finding of one entry, passed or not, in the order of the rules."""
    return [
        *compare_platform(claims, policy),
        *check_measurements(claims, policy),
        *check_host_data(claims, policy, genesis),
        *check_td_attributes(claims, policy),
        *check_unnamed_attributes(claims, policy),
        *check_service_td(claims, policy),
        *check_owner(claims, policy),
        *check_module(claims, policy),
    ]


def check_measurements(claims: TdxClaims, policy: TdxPolicy) -> list[Finding]:
    """One listed image holds whole; otherwise the findings of the one that fails least."""
    if policy.measurements is None:
        return [unresolved("tdx-measurement", "MRTD", claims.measurement)]
    attempts = [_image(claims, image) for image in policy.measurements]
    return min(attempts, key=lambda attempt: sum(not one.passed for one in attempt))


def _image(claims: TdxClaims, image: TdImage) -> list[Finding]:
    registers = (image.rtmr0, image.rtmr1, image.rtmr2, image.rtmr3)
    return [
        check_measured("tdx-measurement", "MRTD", claims.measurement, image.mrtd),
        *(
            check_measured(f"tdx-rtmr{index}", f"RTMR{index}", found, asked)
            for index, (found, asked) in enumerate(zip(claims.rtmrs, registers, strict=True))
        ),
        *(found for rule in image.events for found in _events(claims, rule)),
    ]


def _events(claims: TdxClaims, rule: EventRule) -> Iterator[Finding]:
    code, where = "tdx-events", f"events of RTMR{rule.register_index}"
    if claims.events is None:
        yield finding(code, where, "no event log", "an event log", passed=False)
        return
    digests = [one.digest for one in claims.events if one.register_index == rule.register_index]
    strange = [digest for digest in digests if digest not in rule.allowed]
    missing = [digest for digest in rule.required if digest not in digests]
    yield finding(code, where, _first(strange, "listed"), "listed", passed=not strange)
    yield finding(
        code, where, _first(missing, "all there", "without "), "all there", passed=not missing
    )


def _first(digests: list[str], otherwise: str, before: str = "") -> str:
    if not digests:
        return otherwise
    more = f" and {len(digests) - 1} more" if len(digests) > 1 else ""
    return f"{before}{digests[0][:16]}…{more}"


def check_host_data(claims: TdxClaims, policy: TdxPolicy, genesis: bytes) -> Iterator[Finding]:
    """The launcher tied the guest to this room."""
    yield from check_launch_data(claims, claims.host_data, policy.host_data, genesis)


def check_td_attributes(claims: TdxClaims, policy: TdxPolicy) -> Iterator[Finding]:
    """Each attribute of the guest is as asked."""
    demands: dict[str, Demand] = policy.td_attributes.model_dump(exclude={"unnamed"})
    yield from bits_as_asked("tdx-attributes", "TD attribute", claims.td_attributes, demands)


def check_unnamed_attributes(claims: TdxClaims, policy: TdxPolicy) -> Iterator[Finding]:
    """No attribute is set that has no name here, unless the entry says so."""
    asked = policy.td_attributes.unnamed
    unknown = ", ".join(str(bit) for bit in claims.td_attributes_unknown) or "none"
    yield finding(
        "tdx-attributes-unnamed",
        "TD attributes without a name",
        unknown,
        "none" if asked == "forbid" else "any",
        passed=asked == "any" or not claims.td_attributes_unknown,
    )


def check_service_td(claims: TdxClaims, policy: TdxPolicy) -> Iterator[Finding]:
    """No service guest is bound to this one, or the listed one is.

    A TD report 1.0 has no such field. The only service guest there is migrates others, so a guest
    that must not be migrated cannot have one: then a clear `migratable` stands for zero.
    """
    asked, found = policy.mr_service_td, claims.mr_service_td
    if found:
        yield check_measured("tdx-service-td", "MR_SERVICETD", found, asked)
        return
    passed = asked == "any" or (asked == "zero" and not claims.td_attributes["migratable"])
    migratable = "set" if claims.td_attributes["migratable"] else "clear"
    found = f"not in a TD report 1.0, migratable is {migratable}"
    yield finding("tdx-service-td", "MR_SERVICETD", found, asked, passed=passed)


def check_owner(claims: TdxClaims, policy: TdxPolicy) -> Iterator[Finding]:
    """What the launcher said about the guest's owner is as asked."""
    yield check_measured("tdx-owner", "MROWNER", claims.mr_owner, policy.mr_owner)
    found, asked = claims.mr_owner_config, policy.mr_owner_config
    yield check_measured("tdx-owner", "MROWNERCONFIG", found, asked)


def check_module(claims: TdxClaims, policy: TdxPolicy) -> Iterator[Finding]:
    """The TDX module is a listed one."""
    yield any_or_one_of("tdx-module", "MRSEAM", claims.mr_seam, policy.mr_seam)
