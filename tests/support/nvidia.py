"""Simulated GPUs and switches for tests, and a machine that has them; made once per session."""

import tempfile
from functools import cache
from pathlib import Path

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.binding import Binding
from cleanroom.attestation.claims import AnyClaims, DeviceClaims
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.devices import DEVICES
from cleanroom.attestation.evidence import DeviceEvidence, Evidence
from cleanroom.attestation.policy import SevSnpPolicy
from cleanroom.attestation.table import compare
from cleanroom.attestation.verifier import verify
from enclave.attester.composite import CompositeAttester
from enclave.attester.scenarios_nvidia import NvidiaScenarioName
from enclave.attester.simulated_nvidia import SimulatedNvidiaBoard
from tests.support.platform import (
    BINDING,
    GENESIS,
    NOW,
    good_attester,
    good_policy,
    simulated_platform,
)

NONCE = bytes(range(32))
"""A nonce for devices alone."""


def board(which: int = 0) -> SimulatedNvidiaBoard:
    """A board; another number gives another, with another root."""
    return _board(which)


@cache
def _board(which: int) -> SimulatedNvidiaBoard:
    with tempfile.TemporaryDirectory() as directory:
        return SimulatedNvidiaBoard.create(Path(directory) / str(which), NOW)


def board_anchors(which: int = 0) -> Anchors:
    """The board's root and the simulated machine's."""
    roots = [board(which).root_fingerprint, simulated_platform().root_fingerprint]
    return Anchors.development(roots)


def gpu_evidence(
    scenario: NvidiaScenarioName = "good", which: int = 0, nonce: bytes = NONCE
) -> DeviceEvidence:
    """Evidence of the first GPU of a board."""
    return board(which).device("nvidia-gpu", 0, scenario).collect(nonce)


def switch_evidence(scenario: NvidiaScenarioName = "good", nonce: bytes = NONCE) -> DeviceEvidence:
    """Evidence of the first switch, linked to two GPUs."""
    peers = tuple(bytes([at]) * 8 for at in (1, 2))
    return board().device("nvidia-switch", 0, scenario, peers).collect(nonce)


def authenticated(evidence: DeviceEvidence, anchors: Anchors | None = None) -> DeviceClaims:
    """Claims of a device alone, without a binding."""
    return DEVICES[evidence.platform](
        evidence, anchors=anchors or board_anchors(), collateral=Collateral(), now=NOW
    )


def guest_with(
    gpus: int = 1, switches: int = 0, scenario: NvidiaScenarioName = "good", which: int = 0
) -> CompositeAttester:
    """A SEV-SNP guest with devices of a board; the scenario is the first device's."""
    return CompositeAttester(good_attester(), board(which).devices(gpus, switches, scenario))


def policy_with(gpus: int = 1, switches: int = 0) -> SevSnpPolicy:
    """An entry that accepts the good guest with so many good devices."""
    return good_policy(devices=board().policy(gpus, switches).to_plain())


def verified_whole(
    evidence: Evidence, binding: Binding = BINDING, anchors: Anchors | None = None
) -> AnyClaims:
    """Claims of a guest and its devices."""
    return verify(
        evidence,
        binding=binding,
        anchors=anchors or board_anchors(),
        collateral=Collateral(),
        now=NOW,
    )


def failing(claims: AnyClaims, policy: SevSnpPolicy) -> set[str]:
    """Codes of the findings that fail."""
    findings = compare(claims, policy, GENESIS)
    return {finding.code for finding in findings if not finding.passed}
