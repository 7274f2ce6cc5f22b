"""The rules of a Nitro policy entry, one function each; `compare` lists every rule."""

from collections.abc import Iterator

from cleanroom.attestation.claims.nitro import NitroClaims
from cleanroom.attestation.policy.nitro import NitroPolicy
from cleanroom.attestation.result import Finding
from cleanroom.attestation.rules.comparing import (
    any_or_one_of,
    assurance_as_asked,
    finding,
    one_of,
)

ABSENT = "not in the document"


def compare(claims: NitroClaims, policy: NitroPolicy, genesis: bytes) -> list[Finding]:
    """Every finding of one entry, passed or not, in the order of the rules.

    `genesis` is not compared with anything: a launcher of enclaves ties nothing to them.
    """
    del genesis
    return [
        *check_assurance(claims, policy),
        *check_debug(claims, policy),
        *check_image(claims, policy),
        *check_surroundings(claims, policy),
        *check_module(claims, policy),
        *check_host_data(policy),
    ]


def check_assurance(claims: NitroClaims, policy: NitroPolicy) -> Iterator[Finding]:
    """Simulated evidence only under a root that this entry pins; hardware only without one."""
    yield assurance_as_asked("nitro-assurance", claims, policy.development_roots)


def check_debug(claims: NitroClaims, policy: NitroPolicy) -> Iterator[Finding]:
    """No register of the image is zero, which is debug mode."""
    found = "debug" if claims.debug else "production"
    expected = "production" if policy.debug == "forbid" else "any"
    passed = not claims.debug or policy.debug == "any"
    yield finding("nitro-debug", "mode", found, expected, passed=passed)


def check_image(claims: NitroClaims, policy: NitroPolicy) -> Iterator[Finding]:
    """The image, its kernel and its application are listed ones."""
    for number, allowed in (("0", policy.pcr0), ("1", policy.pcr1), ("2", policy.pcr2)):
        yield one_of(f"nitro-pcr{number}", f"PCR{number}", claims.pcrs[number], allowed)


def check_surroundings(claims: NitroClaims, policy: NitroPolicy) -> Iterator[Finding]:
    """Role, parent instance and signer of the image are listed ones."""
    for number, allowed in (("3", policy.pcr3), ("4", policy.pcr4), ("8", policy.pcr8)):
        found = claims.pcrs.get(number, ABSENT)
        yield any_or_one_of(f"nitro-pcr{number}", f"PCR{number}", found, allowed)


def check_module(claims: NitroClaims, policy: NitroPolicy) -> Iterator[Finding]:
    """The enclave is a listed one."""
    yield any_or_one_of("nitro-module-id", "module id", claims.module_id, policy.module_ids)


def check_host_data(policy: NitroPolicy) -> Iterator[Finding]:
    """The launcher ties nothing to an enclave; said, so that the receipt shows it."""
    yield finding("nitro-host-data", "host data", "none", policy.host_data, passed=True)
