"""Writes and signs a simulated TDX quote and its event log, by the layouts that are read."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cleanroom.attestation.binding import Binding
from cleanroom.attestation.formats.event_log import EV_NO_ACTION, SPEC_ID
from cleanroom.attestation.formats.quote import (
    BODIES,
    BODY_TYPES,
    ECDSA_P256,
    ENCLAVE_REPORT,
    HEADER,
    INTEL_QE_VENDOR,
    PCK_CHAIN,
    QE_REPORT_CERTIFICATION,
    TDX_TYPE,
    Body,
)
from enclave.attester.issuing_intel import raw_signature
from enclave.attester.reporting import write
from enclave.attester.scenarios_tdx import TdxScenario

SHA384 = 0x000C
EV_EFI_BOOT, EV_IPL = 0x80000003, 0x0D
QE_SIGNER = hashlib.sha256(b"cleanroom/simulated-qe/v1").digest()
"""Who signed the simulated quoting enclave."""
QE_PRODUCT = 2
REGISTERS = 4


@dataclass(frozen=True, slots=True)
class TdxLaunch:
    """A guest as its launcher started it."""

    measurement: bytes
    """MRTD, 48 bytes."""
    host_data: bytes
    """MRCONFIGID, 48 bytes."""
    scenario: TdxScenario


@dataclass(frozen=True, slots=True)
class QuoteKeys:
    """What signs a quote, and who vouches for it."""

    pck: ec.EllipticCurvePrivateKey
    attestation: ec.EllipticCurvePrivateKey
    chain: bytes
    """PEM: the PCK certificate, its authority, the root."""


def measured_events(kernel: bytes = b"kernel") -> list[tuple[int, int, bytes]]:
    """What a simulated guest measures while booting: RTMR, event type, SHA-384 digest."""
    told = ((0, EV_EFI_BOOT, b"firmware tables"), (1, EV_EFI_BOOT, kernel), (2, EV_IPL, b"cmdline"))
    return [
        (register, kind, hashlib.sha384(b"cleanroom/simulated-boot/v1 " + what).digest())
        for register, kind, what in told
    ]


def registers_after(events: Sequence[tuple[int, int, bytes]]) -> list[bytes]:
    """RTMR0 to RTMR3 after these events."""
    values = [bytes(48)] * REGISTERS
    for register, _, digest in events:
        values[register] = hashlib.sha384(values[register] + digest).digest()
    return values


def sign_quote(launch: TdxLaunch, binding: Binding, keys: QuoteKeys) -> bytes:
    """A quote of version 4 or 5, signed as the quoting enclave would."""
    scenario = launch.scenario
    kind: Body = "td15" if scenario.td15 else "td10"
    header = write(
        HEADER,
        {
            "version": 5 if scenario.td15 else 4,
            "att_key_type": ECDSA_P256,
            "tee_type": TDX_TYPE,
            "qe_vendor_id": INTEL_QE_VENDOR,
            "user_data": bytes(20),
        },
    )
    body = write(BODIES[kind], _body(launch, binding, kind))
    number = next(number for number, name in BODY_TYPES.items() if name == kind)
    described = _le(number, 2) + _le(len(body), 4) if scenario.td15 else b""
    signed = header + described + body
    part = _signature_part(signed, scenario, keys)
    return signed + _le(len(part), 4) + part


def event_log(events: Sequence[tuple[int, int, bytes]]) -> bytes:
    """A log of these events in the format of CCEL, filled up as firmware does."""
    spec = (
        SPEC_ID + bytes(4) + b"\x00\x02\x00\x02" + _le(1, 4) + _le(SHA384, 2) + _le(48, 2) + b"\0"
    )
    first = _le(1, 4) + _le(EV_NO_ACTION, 4) + bytes(20) + _le(len(spec), 4) + spec
    entries = [
        _le(register + 1, 4)
        + _le(kind, 4)
        + _le(1, 4)
        + _le(SHA384, 2)
        + digest
        + _le(4, 4)
        + b"told"
        for register, kind, digest in events
    ]
    return first + b"".join(entries) + b"\xff" * 64


def _body(launch: TdxLaunch, binding: Binding, kind: Body) -> dict[str, int | bytes]:
    scenario = launch.scenario
    kernel = b"another kernel" if scenario.other_kernel else b"kernel"
    registers = registers_after(measured_events(kernel))
    level = bytes([scenario.level] * 14)
    values: dict[str, int | bytes] = {
        "tee_tcb_svn": bytes([scenario.module_svn, scenario.module_version]) + level,
        "mr_seam": hashlib.sha384(b"cleanroom/simulated-module/v1").digest(),
        "mr_signer_seam": bytes(48),
        "seam_attributes": bytes(8),
        "td_attributes": scenario.attributes,
        "xfam": 0x61AE7,
        "mr_td": _spoiled(launch.measurement) if scenario.other_measurement else launch.measurement,
        "mr_config_id": launch.host_data,
        "mr_owner": bytes(48),
        "mr_owner_config": bytes(48),
        "report_data": _spoiled(binding) if scenario.other_binding else binding,
        **{f"rtmr{index}": value for index, value in enumerate(registers)},
    }
    if kind == "td15":
        now = bytes([scenario.module_svn_now, scenario.module_version])
        values |= {"tee_tcb_svn2": now + level}
        values |= {"mr_service_td": b"\x5e" * 48 if scenario.service_td else bytes(48)}
    return values


def _signature_part(signed: bytes, scenario: TdxScenario, keys: QuoteKeys) -> bytes:
    key, auth = point(keys.attestation), bytes(range(32))
    spoken_for = bytes(64) if scenario.other_key else key
    report = write(
        ENCLAVE_REPORT,
        {
            "cpu_svn": bytes([scenario.level] * 16),
            "isv_ext_prod_id": bytes(16),
            "attributes": bytes.fromhex("1500000000000000e700000000000000"),
            "mr_enclave": hashlib.sha256(b"cleanroom/simulated-qe-code/v1").digest(),
            "mr_signer": _spoiled(QE_SIGNER) if scenario.other_qe else QE_SIGNER,
            "config_id": bytes(64),
            "isv_prod_id": QE_PRODUCT,
            "isv_svn": scenario.qe_svn,
            "isv_family_id": bytes(16),
            "report_data": hashlib.sha256(spoken_for + auth).digest() + bytes(32),
        },
    )
    chain = _le(PCK_CHAIN, 2) + _le(len(keys.chain), 4) + keys.chain
    certified = report + raw_signature(keys.pck, report) + _le(len(auth), 2) + auth + chain
    wrapped = _le(QE_REPORT_CERTIFICATION, 2) + _le(len(certified), 4) + certified
    return raw_signature(keys.attestation, signed) + key + wrapped


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public key as x ‖ y, 64 bytes."""
    encoded = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return encoded[1:]


def _le(number: int, size: int) -> bytes:
    return number.to_bytes(size, "little")


def _spoiled(raw: bytes) -> bytes:
    return bytes([raw[0] ^ 1]) + raw[1:]
