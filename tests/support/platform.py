"""A simulated machine for tests, made once per session: RSA-4096 keys take their time."""

import tempfile
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.appraisal import appraise
from cleanroom.attestation.binding import Binding, bind
from cleanroom.attestation.claims import SevSnpClaims, TdxClaims
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.policy import Product, SevSnpPolicy, TdxPolicy
from cleanroom.attestation.result import AttestationResult
from cleanroom.attestation.verifier import verify
from enclave.attester.scenarios import GOOD_TCB, ScenarioName
from enclave.attester.scenarios_tdx import TdxScenarioName
from enclave.attester.simulated import SimulatedAttester, SimulatedPlatform
from enclave.attester.simulated_tdx import SimulatedTdxPlatform

NOW = datetime(2027, 1, 15, 12, 0, 0, tzinfo=UTC)
"""When tests take place: within the year that leaf certificates live."""
MEASUREMENT = bytes(range(48))
"""A launch digest for tests that do not care which."""
GENESIS = b"\x5a" * 32
"""A genesis digest for tests that do not care which."""
BINDING = bind("cleanroom/test/v1", b"nonce")
"""Report data for tests that do not care which."""


@cache
def simulated_platform() -> SimulatedPlatform:
    """The one simulated machine of this test session."""
    with tempfile.TemporaryDirectory() as directory:
        return SimulatedPlatform.create(Path(directory), NOW)


@cache
def other_platform() -> SimulatedPlatform:
    """Another machine with another root: an attacker's."""
    with tempfile.TemporaryDirectory() as directory:
        return SimulatedPlatform.create(Path(directory), NOW)


def good_attester(
    product: Product = "Genoa", scenario: ScenarioName = "good", host_data: bytes = GENESIS
) -> SimulatedAttester:
    """A guest of `MEASUREMENT` on the simulated machine."""
    return simulated_platform().attester(MEASUREMENT, host_data, product, scenario)


def good_evidence(product: Product = "Genoa", scenario: ScenarioName = "good") -> Evidence:
    """Evidence bound to `BINDING`."""
    return good_attester(product, scenario).collect(BINDING)


def good_policy(
    platform: SimulatedPlatform | None = None,
    measurement: bytes = MEASUREMENT,
    /,
    **changed: object,
) -> SevSnpPolicy:
    """An entry that accepts the good machine, with some fields changed (plain JSON values)."""
    machine = platform or simulated_platform()
    plain: dict[str, object] = {
        "platform": "sev-snp",
        "products": ["Genoa"],
        "measurements": [measurement.hex()],
        "host_data": "genesis",
        "min_tcb": {product: dict(levels) for product, levels in GOOD_TCB.items()},
        "development_roots": [machine.root_fingerprint],
    }
    return SevSnpPolicy.from_plain(plain | changed)


def development_anchors() -> Anchors:
    """The simulated machine's root only."""
    return Anchors.development([simulated_platform().root_fingerprint])


def verified(evidence: Evidence, binding: Binding = BINDING, now: datetime = NOW) -> SevSnpClaims:
    """Claims of simulated SEV-SNP evidence, without revocation lists."""
    claims = verify(
        evidence,
        binding=binding,
        anchors=development_anchors(),
        collateral=Collateral(),
        now=now,
    )
    assert isinstance(claims, SevSnpClaims)
    return claims


@cache
def good_result() -> AttestationResult:
    """How the good guest is appraised."""
    claims = verified(good_evidence())
    return appraise(claims, {"worker-snp": good_policy()}, genesis=GENESIS, now=NOW)


@cache
def simulated_tdx() -> SimulatedTdxPlatform:
    """The one simulated TDX machine of this test session."""
    with tempfile.TemporaryDirectory() as directory:
        return SimulatedTdxPlatform.create(Path(directory), NOW)


@cache
def other_tdx() -> SimulatedTdxPlatform:
    """Another machine with another root: an attacker's."""
    with tempfile.TemporaryDirectory() as directory:
        return SimulatedTdxPlatform.create(Path(directory), NOW)


def good_tdx_evidence(scenario: TdxScenarioName = "good", host_data: bytes = GENESIS) -> Evidence:
    """A TDX guest's evidence of `MEASUREMENT`, bound to `BINDING`."""
    return simulated_tdx().attester(MEASUREMENT, host_data, scenario).collect(BINDING)


def good_tdx_policy(
    platform: SimulatedTdxPlatform | None = None,
    measurement: bytes = MEASUREMENT,
    /,
    **changed: object,
) -> TdxPolicy:
    """An entry that accepts the good TDX machine, with some fields changed (plain JSON values)."""
    plain = (platform or simulated_tdx()).policy(measurement).to_plain()
    return TdxPolicy.from_plain(plain | changed)


def verified_tdx(
    evidence: Evidence,
    binding: Binding = BINDING,
    now: datetime = NOW,
    collateral: Collateral | None = None,
) -> TdxClaims:
    """Claims of simulated TDX evidence, by this collateral or the one that came along."""
    if collateral is not None:
        evidence = evidence.model_copy(update={"endorsements": []})
    claims = verify(
        evidence,
        binding=binding,
        anchors=Anchors.development([simulated_tdx().root_fingerprint]),
        collateral=collateral or Collateral(),
        now=now,
    )
    assert isinstance(claims, TdxClaims)
    return claims
