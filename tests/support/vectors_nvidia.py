"""Real evidence of NVIDIA's GPUs and switches; none of it is beside a machine that names it."""

import base64
import json
from datetime import UTC, datetime

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.claims import DeviceClaims, NvidiaGpuClaims
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.devices import DEVICES
from cleanroom.attestation.evidence import Device, DeviceEvidence
from cleanroom.attestation.policy.nvidia_gpu import NvidiaGpuPolicy
from cleanroom.attestation.policy.nvidia_switch import NvidiaSwitchPolicy
from cleanroom.attestation.result import Finding
from cleanroom.attestation.rules import nvidia_gpu, nvidia_switch
from tests.support.vectors import Case, content

ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)
"""The certificates end in the year 9999."""
CHAINS = {
    "nv-h100-nvtrust": "nvidia/nvtrust__hopperCertChain.txt",
    "nv-h100-case2": "nvidia/trustee__hopper_cert_chain_case2.txt",
    "nv-h100-case4": "nvidia/trustee__hopper_cert_chain_case4.txt",
    "nv-h100-coco": "nvidia/trustee__hopper_coco_certs1.txt",
}
"""Chains of reports that stand in files of their own."""
TRAILING_ZERO = {"nv-h100-coco"}
"""Reports that a collector kept one byte too long; the byte is cut before verification."""


def device_of(case: Case) -> Device:
    """Which kind of device a case is of."""
    return "nvidia-switch" if "-ls10" in case["id"] else "nvidia-gpu"


def evidence_of(case: Case, *, as_found: bool = False) -> list[DeviceEvidence]:
    """Every device of a case; `as_found` keeps a trailing byte."""
    cut = 1 if case["id"] in TRAILING_ZERO and not as_found else 0
    return [
        DeviceEvidence(platform=device_of(case), report=raw[: len(raw) - cut], endorsements=[chain])
        for raw, chain, _ in _parts(case)
    ]


def nonces_of(case: Case) -> list[str]:
    """The nonce of each device, as its collector says; empty where it does not."""
    return [nonce for _, _, nonce in _parts(case)]


def authenticated(evidence: DeviceEvidence, anchors: Anchors | None = None) -> DeviceClaims:
    """The claims without a binding."""
    return DEVICES[evidence.platform](
        evidence, anchors=anchors or Anchors.vendor(), collateral=Collateral(), now=ANY_TIME
    )


def failing(claims: DeviceClaims) -> set[str]:
    """Codes of findings that fail in the default policy, which pins what was measured."""
    findings = _compared(claims)
    return {finding.code for finding in findings if not finding.passed}


def _compared(claims: DeviceClaims) -> list[Finding]:
    pinned: dict[str, object] = {
        "platform": claims.platform,
        "architectures": [claims.architecture],
        "measurements": {index: [value] for index, value in claims.measurements.items()},
        "vbios": [claims.vbios_version],
    }
    if isinstance(claims, NvidiaGpuClaims):
        policy = NvidiaGpuPolicy.from_plain(pinned | {"drivers": [claims.driver_version]})
        return nvidia_gpu.compare(claims, policy)
    return nvidia_switch.compare(claims, NvidiaSwitchPolicy.from_plain(pinned))


def _parts(case: Case) -> list[tuple[bytes, bytes, str]]:
    raw = content(case["evidence"])
    if case["id"] in CHAINS:
        return [(bytes.fromhex(raw.decode().strip()), content(CHAINS[case["id"]]), "")]
    return [
        (base64.b64decode(one["evidence"]), base64.b64decode(one["certificate"]), one["nonce"])
        for one in json.loads(raw)
    ]
