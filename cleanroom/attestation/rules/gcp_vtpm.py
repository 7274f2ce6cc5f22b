"""The rules of an entry for Google Cloud's vTPM, one function each; `compare` lists every rule."""

from collections.abc import Iterator

from cleanroom.attestation.claims import GcpVtpmClaims
from cleanroom.attestation.policy import GcpVtpmPolicy
from cleanroom.attestation.result import Finding
from cleanroom.attestation.rules.boot import check_boot
from cleanroom.attestation.rules.comparing import (
    any_or_one_of,
    assurance_as_asked,
    finding,
    one_of,
)


def compare(claims: GcpVtpmClaims, policy: GcpVtpmPolicy, _genesis: bytes) -> list[Finding]:
    """Every finding of one entry, passed or not, in the order of the rules."""
    return [
        *check_assurance(claims, policy),
        *check_memory(claims, policy),
        *check_production(claims),
        *check_instance(claims, policy),
        *check_boot("gcp-vtpm", claims.boot, policy.boot),
        *check_host_data(claims, policy),
    ]


def check_assurance(claims: GcpVtpmClaims, policy: GcpVtpmPolicy) -> Iterator[Finding]:
    """Simulated evidence only under a root that this entry pins; hardware only without one."""
    yield assurance_as_asked("gcp-vtpm-assurance", claims, policy.development_roots)


def check_memory(_claims: GcpVtpmClaims, policy: GcpVtpmPolicy) -> Iterator[Finding]:
    """The parties know that this evidence does not show memory to be protected."""
    yield finding("gcp-vtpm-memory", "memory", "open-to-host", policy.memory, passed=True)


def check_production(claims: GcpVtpmClaims) -> Iterator[Finding]:
    """Google calls the vTPM one of production; no entry can ask for less."""
    found = "production" if claims.production else "not said to be of production"
    yield finding("gcp-vtpm-production", "vTPM", found, "production", passed=claims.production)


def check_instance(claims: GcpVtpmClaims, policy: GcpVtpmPolicy) -> Iterator[Finding]:
    """The instance is of a listed project and zone, and a listed one."""
    yield one_of("gcp-vtpm-project", "project", claims.project, policy.projects)
    yield any_or_one_of("gcp-vtpm-zone", "zone", claims.zone, policy.zones)
    yield any_or_one_of("gcp-vtpm-instance", "instance", claims.instance, policy.instances)


def check_host_data(_claims: GcpVtpmClaims, policy: GcpVtpmPolicy) -> Iterator[Finding]:
    """The entry asks for nothing that a vTPM cannot carry."""
    yield finding("gcp-vtpm-host-data", "host data", "none", policy.host_data, passed=True)
