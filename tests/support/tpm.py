"""Simulated TPMs, guests on Azure and instances on Google Cloud for tests, with their policies."""

import hashlib
from functools import cache

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.binding import Binding
from cleanroom.attestation.claims import AnyClaims
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.policy import AzureSnpPolicy, AzureTdxPolicy, GcpVtpmPolicy, TpmPolicy
from cleanroom.attestation.verifier import verify
from enclave.attester.scenarios import GOOD_TCB, ScenarioName
from enclave.attester.simulated_azure import SimulatedAzureGuest
from enclave.attester.simulated_gcp import SimulatedGoogle
from enclave.attester.simulated_tpm import SimulatedTpm
from tests.support.platform import (
    BINDING,
    GENESIS,
    MEASUREMENT,
    NOW,
    simulated_platform,
    simulated_tdx,
)

PCRS = {index: hashlib.sha256(bytes([index])).digest() for index in range(24)}
"""What the registers hold after a good boot."""
BOOT = {"pcrs": {"4": [PCRS[4].hex()], "7": [PCRS[7].hex()], "11": [PCRS[11].hex()]}}
"""What good entries accept."""


@cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """One key for each name, made once per session."""
    assert name
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def ec_key(name: str) -> ec.EllipticCurvePrivateKey:
    """One key for each name, made once per session."""
    assert name
    return ec.generate_private_key(ec.SECP256R1())


def good_tpm(name: str = "good", pcrs: dict[int, bytes] | None = None) -> SimulatedTpm:
    """A TPM with a P-256 key."""
    return SimulatedTpm(ec_key(name), pcrs or PCRS)


def tpm_policy(**changed: object) -> TpmPolicy:
    """An entry that accepts the good TPM."""
    name = good_tpm().key_name
    plain = {
        "platform": "tpm",
        "memory": "open-to-host",
        "keys": [name],
        "boot": BOOT,
        "host_data": "any",
        "development_roots": [name],
    }
    return TpmPolicy.from_plain(plain | changed)


@cache
def google() -> SimulatedGoogle:
    """The one make-believe Google of this test session."""
    return SimulatedGoogle.create(NOW)


@cache
def other_google() -> SimulatedGoogle:
    """Another root with the same names: an attacker's."""
    return SimulatedGoogle.create(NOW)


def gcp_policy(**changed: object) -> GcpVtpmPolicy:
    """An entry that accepts a good instance."""
    plain = {
        "platform": "gcp-vtpm",
        "memory": "open-to-host",
        "projects": ["simulated-project"],
        "instances": "any",
        "boot": BOOT,
        "host_data": "any",
        "development_roots": [google().root_fingerprint],
    }
    return GcpVtpmPolicy.from_plain(plain | changed)


def azure_guest(
    scenario: ScenarioName = "good", name: str = "azure", pcrs: dict[int, bytes] | None = None
) -> SimulatedAzureGuest:
    """A guest on Azure over the simulated SEV-SNP machine."""
    processor = simulated_platform().attester(MEASUREMENT, GENESIS, "Genoa", scenario)
    return SimulatedAzureGuest("snp", processor.collect, SimulatedTpm(rsa_key(name), pcrs or PCRS))


def azure_tdx_guest() -> SimulatedAzureGuest:
    """A guest on Azure over the simulated TDX machine."""
    tpm = SimulatedTpm(rsa_key("azure"), PCRS)
    processor = simulated_tdx().attester(MEASUREMENT, GENESIS, "good")
    return SimulatedAzureGuest("tdx", processor.collect, tpm)


def azure_policy(**changed: object) -> AzureSnpPolicy:
    """An entry that accepts the good guest over SEV-SNP; simulated paravisors have no ID key."""
    plain = {
        "platform": "azure-snp",
        "products": ["Genoa"],
        "measurements": [MEASUREMENT.hex()],
        "min_tcb": {product: dict(levels) for product, levels in GOOD_TCB.items()},
        "paravisor_keys": ["00" * 48],
        "min_paravisor_svn": 0,
        "boot": BOOT,
        "host_data": "any",
        "development_roots": [simulated_platform().root_fingerprint],
    }
    return AzureSnpPolicy.from_plain(plain | changed)


def azure_tdx_policy(**changed: object) -> AzureTdxPolicy:
    """An entry that accepts the good guest over TDX."""
    plain = {
        "platform": "azure-tdx",
        "measurements": [MEASUREMENT.hex()],
        "min_tcb_evaluation_number": 18,
        "boot": BOOT,
        "host_data": "any",
        "development_roots": [simulated_tdx().root_fingerprint],
    }
    return AzureTdxPolicy.from_plain(plain | changed)


def development_roots() -> Anchors:
    """Every simulated root of this module."""
    return Anchors.development(
        [
            good_tpm().key_name,
            google().root_fingerprint,
            simulated_platform().root_fingerprint,
            simulated_tdx().root_fingerprint,
        ]
    )


def checked(evidence: Evidence, binding: Binding = BINDING, **changed: object) -> AnyClaims:
    """Claims of simulated evidence."""
    arguments = {
        "binding": binding,
        "anchors": development_roots(),
        "collateral": Collateral(),
        "now": NOW,
    }
    return verify(evidence, **(arguments | changed))
