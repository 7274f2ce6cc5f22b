"""Simulated Nitro and CCA machines for tests, made once per session."""

import tempfile
from datetime import datetime
from functools import cache
from pathlib import Path

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.binding import Binding
from cleanroom.attestation.claims import AnyClaims
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.policy import CcaPolicy, NitroPolicy
from cleanroom.attestation.result import Finding
from cleanroom.attestation.table import compare
from cleanroom.attestation.verifier import verify
from enclave.attester.simulated_cca import SimulatedCcaPlatform
from enclave.attester.simulated_nitro import SimulatedNitroPlatform
from tests.support.platform import BINDING, GENESIS, MEASUREMENT, NOW


def nitro_platform(which: int = 0) -> SimulatedNitroPlatform:
    """A parent instance; another number gives another, with another root."""
    return _nitro_platform(which)


@cache
def _nitro_platform(which: int) -> SimulatedNitroPlatform:
    with tempfile.TemporaryDirectory() as directory:
        return SimulatedNitroPlatform.create(Path(directory) / str(which), NOW)


def cca_platform(which: int = 0) -> SimulatedCcaPlatform:
    """A CCA platform; another number gives another, with another key."""
    return _cca_platform(which)


@cache
def _cca_platform(which: int) -> SimulatedCcaPlatform:
    with tempfile.TemporaryDirectory() as directory:
        return SimulatedCcaPlatform.create(Path(directory) / str(which), NOW)


def nitro_enclave(scenario="good", which=0):
    """An enclave of `MEASUREMENT`."""
    return nitro_platform(which).attester(MEASUREMENT, scenario)


def cca_realm(scenario="good", which=0):
    """A realm of `MEASUREMENT`, tied to `GENESIS`."""
    return cca_platform(which).attester(MEASUREMENT, GENESIS, scenario)


def nitro_policy(**changed: object) -> NitroPolicy:
    """An entry that accepts the good enclave, with some fields changed (plain JSON values)."""
    return NitroPolicy.from_plain(nitro_platform().policy(MEASUREMENT).to_plain() | changed)


def cca_policy(**changed: object) -> CcaPolicy:
    """An entry that accepts the good realm, with some fields changed (plain JSON values)."""
    return CcaPolicy.from_plain(cca_platform().policy(MEASUREMENT).to_plain() | changed)


def anchors_of_both() -> Anchors:
    """The first machines' roots: a room may have both kinds."""
    return Anchors.of([nitro_policy(), cca_policy()])


def verified_there(
    evidence: Evidence, binding: Binding = BINDING, now: datetime = NOW
) -> AnyClaims:
    """Claims of simulated evidence of the first machines."""
    return verify(
        evidence,
        binding=binding,
        anchors=anchors_of_both(),
        collateral=Collateral(),
        now=now,
    )


def failed_codes(claims: AnyClaims, policy: NitroPolicy | CcaPolicy) -> set[str]:
    """Codes of the findings that fail."""
    findings: list[Finding] = compare(claims, policy, GENESIS)
    return {finding.code for finding in findings if not finding.passed}
