"""The rules of a CCA policy entry, one function each; `compare` lists every rule."""

from collections.abc import Iterator

from cleanroom.attestation.claims.cca import CcaClaims
from cleanroom.attestation.policy.cca import AcceptedSoftware, CcaPolicy
from cleanroom.attestation.result import Finding
from cleanroom.attestation.rules.comparing import (
    any_of,
    any_or_one_of,
    assurance_as_asked,
    finding,
    one_of,
)

HOST_DATA_DIGITS = 128
"""The personalization value is 64 bytes."""


def compare(claims: CcaClaims, policy: CcaPolicy, genesis: bytes) -> list[Finding]:
    """Every finding of one entry, passed or not, in the order of the rules."""
    return [
        *check_assurance(claims, policy),
        *check_platform(claims, policy),
        *check_lifecycle(claims, policy),
        *check_config(claims, policy),
        *check_software(claims, policy),
        *check_initial(claims, policy),
        *check_extended(claims, policy),
        *check_host_data(claims, policy, genesis),
    ]


def check_assurance(claims: CcaClaims, policy: CcaPolicy) -> Iterator[Finding]:
    """Simulated evidence only under a key that this entry pins; registered ones only without."""
    yield assurance_as_asked("cca-assurance", claims, policy.development_roots)


def check_platform(claims: CcaClaims, policy: CcaPolicy) -> Iterator[Finding]:
    """The platform is registered, and under the very key that signed."""
    registered = {
        (one.public_key, one.implementation_id, one.instance_id) for one in policy.platforms
    }
    found = (claims.anchor, claims.implementation_id, claims.instance_id)
    yield finding(
        "cca-platform",
        "platform",
        f"instance {claims.instance_id} of {claims.implementation_id}",
        "registered with the key that signed: "
        + any_of([one.instance_id for one in policy.platforms]),
        passed=found in registered,
    )


def check_lifecycle(claims: CcaClaims, policy: CcaPolicy) -> Iterator[Finding]:
    """The platform is in a listed state."""
    yield one_of("cca-lifecycle", "lifecycle", claims.lifecycle, policy.lifecycles)


def check_config(claims: CcaClaims, policy: CcaPolicy) -> Iterator[Finding]:
    """The platform is configured as listed."""
    found, allowed = claims.platform_config, policy.platform_configs
    yield any_or_one_of("cca-config", "platform configuration", found, allowed)


def check_software(claims: CcaClaims, policy: CcaPolicy) -> Iterator[Finding]:
    """The platform's firmware is what is listed: all of it, each once, and nothing else."""
    if policy.software == "any":
        yield finding(
            "cca-software", "firmware", f"{len(claims.software)} pieces", "any", passed=True
        )
        return
    kinds = sorted(component.kind for component in claims.software)
    expected = sorted(policy.software)
    yield finding(
        "cca-software",
        "pieces of firmware",
        ", ".join(kinds),
        ", ".join(expected),
        passed=kinds == expected,
    )
    for component in claims.software:
        accepted = policy.software.get(component.kind)
        if accepted is not None:
            yield from _accepted(
                component.kind, component.measurement, component.signer_id, accepted
            )


def _accepted(
    kind: str, measurement: str, signer_id: str, accepted: AcceptedSoftware
) -> Iterator[Finding]:
    yield one_of("cca-software", f"firmware {kind}", measurement, accepted.measurements)
    yield one_of("cca-software", f"signer of {kind}", signer_id, accepted.signer_ids)


def check_initial(claims: CcaClaims, policy: CcaPolicy) -> Iterator[Finding]:
    """The realm was launched as a listed one."""
    found, allowed = claims.initial_measurement, policy.initial_measurements
    yield one_of("cca-rim", "initial measurement", found, allowed)


def check_extended(claims: CcaClaims, policy: CcaPolicy) -> Iterator[Finding]:
    """What the realm measured later is as asked."""
    demands: dict[str, str | list[str]] = policy.extended_measurements.model_dump()
    for (name, asked), found in zip(demands.items(), claims.extensible_measurements, strict=True):
        allowed = ["0" * len(found)] if asked == "zero" else asked
        yield any_or_one_of("cca-rem", name.upper(), found, allowed)


def check_host_data(claims: CcaClaims, policy: CcaPolicy, genesis: bytes) -> Iterator[Finding]:
    """The launcher tied the realm to this room."""
    padded = genesis.hex().ljust(HOST_DATA_DIGITS, "0")
    expected = padded if policy.host_data == "genesis" else policy.host_data
    yield finding(
        "cca-host-data",
        "personalization value",
        claims.host_data,
        expected,
        passed=expected in ("any", claims.host_data),
    )
