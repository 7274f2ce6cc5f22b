"""The rules for an NVIDIA GPU, one function each; `compare` lists every rule."""

from collections.abc import Iterator

from cleanroom.attestation.claims.nvidia_gpu import NvidiaGpuClaims
from cleanroom.attestation.policy.nvidia_gpu import NvidiaGpuPolicy
from cleanroom.attestation.result import Finding
from cleanroom.attestation.rules.comparing import (
    any_or_one_of,
    assurance_as_asked,
    finding,
    one_of,
)
from cleanroom.attestation.rules.nvidia import measured_as_listed, version_as_listed


def compare(claims: NvidiaGpuClaims, policy: NvidiaGpuPolicy) -> list[Finding]:
    """Every finding about one GPU, passed or not, in the order of the rules."""
    return [
        *check_assurance(claims, policy),
        *check_architecture(claims, policy),
        *check_mode(claims, policy),
        *check_versions(claims, policy),
        *check_measurements(claims, policy),
        *check_device(claims, policy),
        *check_unnamed_fields(claims),
    ]


def check_assurance(claims: NvidiaGpuClaims, policy: NvidiaGpuPolicy) -> Iterator[Finding]:
    """Simulated evidence only under a root that the entry pins; hardware only without one."""
    yield assurance_as_asked("nvidia-gpu-assurance", claims, policy.development_roots)


def check_architecture(claims: NvidiaGpuClaims, policy: NvidiaGpuPolicy) -> Iterator[Finding]:
    """The GPU is of a listed generation."""
    found, allowed = claims.architecture, policy.architectures
    yield one_of("nvidia-gpu-architecture", "architecture", found, allowed)


def check_mode(claims: NvidiaGpuClaims, policy: NvidiaGpuPolicy) -> Iterator[Finding]:
    """The GPU is passed through in a listed way, and its links are open only where that is."""
    yield one_of("nvidia-gpu-mode", "mode", claims.mode, policy.modes)
    found = "open" if claims.protected_pcie else "closed or encrypted"
    passed = not claims.protected_pcie or "protected-pcie" in policy.modes
    expected = "any" if "protected-pcie" in policy.modes else "closed or encrypted"
    yield finding("nvidia-gpu-mode", "links", found, expected, passed=passed)


def check_versions(claims: NvidiaGpuClaims, policy: NvidiaGpuPolicy) -> Iterator[Finding]:
    """Driver and VBIOS are accepted ones."""
    driver, vbios = claims.driver_version, claims.vbios_version
    yield version_as_listed("nvidia-gpu-driver", "driver", driver, policy.drivers)
    yield version_as_listed("nvidia-gpu-vbios", "VBIOS", vbios, policy.vbios)


def check_measurements(claims: NvidiaGpuClaims, policy: NvidiaGpuPolicy) -> Iterator[Finding]:
    """The GPU measured what is listed, and nothing else."""
    found, listed = claims.measurements, policy.measurements
    yield from measured_as_listed("nvidia-gpu-measurement", found, listed)


def check_device(claims: NvidiaGpuClaims, policy: NvidiaGpuPolicy) -> Iterator[Finding]:
    """The GPU is a listed one."""
    found, allowed = claims.device_id, policy.device_ids
    yield any_or_one_of("nvidia-gpu-device-id", "device", found, allowed)


def check_unnamed_fields(claims: NvidiaGpuClaims) -> Iterator[Finding]:
    """Fields of the report that have no name here are shown."""
    found = ", ".join(str(one) for one in claims.unnamed_fields) or "none"
    yield finding("nvidia-gpu-unnamed-fields", "unnamed fields", found, "any", passed=True)
