"""The rules for an NVIDIA switch, one function each; `compare` lists every rule."""

from collections.abc import Iterator

from cleanroom.attestation.claims.nvidia_switch import NvidiaSwitchClaims
from cleanroom.attestation.policy.nvidia_switch import NvidiaSwitchPolicy
from cleanroom.attestation.result import Finding
from cleanroom.attestation.rules.comparing import (
    any_or_one_of,
    assurance_as_asked,
    finding,
    one_of,
)
from cleanroom.attestation.rules.nvidia import measured_as_listed, version_as_listed


def compare(claims: NvidiaSwitchClaims, policy: NvidiaSwitchPolicy) -> list[Finding]:
    """Every finding about one switch, passed or not, in the order of the rules."""
    return [
        *check_assurance(claims, policy),
        *check_architecture(claims, policy),
        *check_lock(claims, policy),
        *check_version(claims, policy),
        *check_measurements(claims, policy),
        *check_device(claims, policy),
        *check_unnamed_fields(claims),
    ]


def check_assurance(claims: NvidiaSwitchClaims, policy: NvidiaSwitchPolicy) -> Iterator[Finding]:
    """Simulated evidence only under a root that the entry pins; hardware only without one."""
    yield assurance_as_asked("nvidia-switch-assurance", claims, policy.development_roots)


def check_architecture(claims: NvidiaSwitchClaims, policy: NvidiaSwitchPolicy) -> Iterator[Finding]:
    """The switch is of a listed generation."""
    found, allowed = claims.architecture, policy.architectures
    yield one_of("nvidia-switch-architecture", "architecture", found, allowed)


def check_lock(claims: NvidiaSwitchClaims, policy: NvidiaSwitchPolicy) -> Iterator[Finding]:
    """The switch's routes are locked."""
    found = "locked" if claims.locked else "open"
    expected = "locked" if policy.lock == "require" else "any"
    passed = claims.locked or policy.lock == "any"
    yield finding("nvidia-switch-lock", "routes", found, expected, passed=passed)


def check_version(claims: NvidiaSwitchClaims, policy: NvidiaSwitchPolicy) -> Iterator[Finding]:
    """The firmware is an accepted one."""
    found = claims.vbios_version
    yield version_as_listed("nvidia-switch-vbios", "firmware", found, policy.vbios)


def check_measurements(claims: NvidiaSwitchClaims, policy: NvidiaSwitchPolicy) -> Iterator[Finding]:
    """The switch measured what is listed, and nothing else."""
    found, listed = claims.measurements, policy.measurements
    yield from measured_as_listed("nvidia-switch-measurement", found, listed)


def check_device(claims: NvidiaSwitchClaims, policy: NvidiaSwitchPolicy) -> Iterator[Finding]:
    """The switch is a listed one."""
    found, allowed = claims.device_id, policy.device_ids
    yield any_or_one_of("nvidia-switch-device-id", "device", found, allowed)


def check_unnamed_fields(claims: NvidiaSwitchClaims) -> Iterator[Finding]:
    """Fields of the report that have no name here are shown."""
    found = ", ".join(str(one) for one in claims.unnamed_fields) or "none"
    yield finding("nvidia-switch-unnamed-fields", "unnamed fields", found, "any", passed=True)
