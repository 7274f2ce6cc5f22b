"""The rules of a TPM entry, one function each; `compare` lists every rule."""

from collections.abc import Iterator

from cleanroom.attestation.claims import TpmClaims
from cleanroom.attestation.policy import TpmPolicy
from cleanroom.attestation.result import Finding
from cleanroom.attestation.rules.boot import check_boot
from cleanroom.attestation.rules.comparing import assurance_as_asked, finding, one_of


def compare(claims: TpmClaims, policy: TpmPolicy, _genesis: bytes) -> list[Finding]:
    """Every finding of one entry, passed or not, in the order of the rules."""
    return [
        *check_assurance(claims, policy),
        *check_memory(claims, policy),
        *check_key(claims, policy),
        *check_boot("tpm", claims.boot, policy.boot),
        *check_host_data(claims, policy),
    ]


def check_assurance(claims: TpmClaims, policy: TpmPolicy) -> Iterator[Finding]:
    """Simulated evidence only under a key that this entry pins; hardware only without one."""
    yield assurance_as_asked("tpm-assurance", claims, policy.development_roots)


def check_memory(_claims: TpmClaims, policy: TpmPolicy) -> Iterator[Finding]:
    """The parties know that memory is not protected."""
    yield finding("tpm-memory", "memory", "open-to-host", policy.memory, passed=True)


def check_key(claims: TpmClaims, policy: TpmPolicy) -> Iterator[Finding]:
    """The key is a listed one."""
    yield one_of("tpm-key", "attestation key", claims.anchor, policy.keys)


def check_host_data(_claims: TpmClaims, policy: TpmPolicy) -> Iterator[Finding]:
    """The entry asks for nothing that a TPM cannot carry."""
    yield finding("tpm-host-data", "host data", "none", policy.host_data, passed=True)
