"""Writes and signs a simulated attestation report by the same layout that the verifier reads."""

from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384

from cleanroom.attestation.binding import Binding
from cleanroom.attestation.formats.reader import Layout
from cleanroom.attestation.formats.snp import ECDSA_P384_SHA384, LAYOUTS, SIGNED_SIZE
from cleanroom.attestation.policy import Product
from enclave.attester.scenarios import CONFUSED, CPUID, Scenario


@dataclass(frozen=True, slots=True)
class Launch:
    """A guest as its launcher started it."""

    measurement: bytes
    """48 bytes."""
    host_data: bytes
    """32 bytes."""
    product: Product
    chip_id: bytes
    """64 bytes."""
    scenario: Scenario


def sign_report(launch: Launch, binding: Binding, key: ec.EllipticCurvePrivateKey) -> bytes:
    """A report of 1184 bytes, signed as the firmware would (56860, ATTESTATION_REPORT)."""
    layout = LAYOUTS[launch.scenario.version]
    values = _values(launch, binding)
    if not launch.scenario.masked_key:
        signed = write(layout, values)[:SIGNED_SIZE]
        r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(SHA384())))
        values |= {"signature_r": r.to_bytes(48, "little"), "signature_s": s.to_bytes(48, "little")}
    return write(layout, values)


def write(layout: Layout, values: Mapping[str, int | bytes]) -> bytes:
    """A structure from its fields; what is not given is zero.

    Args:
        layout: the table of its rows.
        values: numbers and bytes by the rows' names.
    """
    parts = []
    for row in layout.rows:
        value = values.get(row.name, 0) if row.kind != "zero" else 0
        part = value.to_bytes(row.size, layout.order) if isinstance(value, int) else value
        if len(part) != row.size:
            raise ValueError(f"{row.name} is {len(part)} bytes, expected {row.size}")
        parts.append(part)
    return b"".join(parts)


def _values(launch: Launch, binding: Binding) -> dict[str, int | bytes]:
    scenario, product = launch.scenario, launch.product
    family, model, stepping = CPUID[CONFUSED[product] if scenario.other_product else product]
    tcb = scenario.reported_tcb(product)
    return {
        "version": scenario.version,
        "policy": scenario.policy,
        "signature_algo": ECDSA_P384_SHA384,
        "platform_info": scenario.platform_info,
        "key_info": scenario.key_info,
        "report_data": _spoiled(binding) if scenario.other_binding else binding,
        "measurement": _spoiled(launch.measurement)
        if scenario.other_measurement
        else launch.measurement,
        "host_data": launch.host_data,
        "report_id_ma": b"\xff" * 32,
        "current_tcb": tcb,
        "reported_tcb": tcb,
        "launch_tcb": tcb,
        "committed_tcb": scenario.committed_tcb(product),
        "cpuid_family": family,
        "cpuid_model": model,
        "cpuid_stepping": stepping,
        "chip_id": bytes(64) if scenario.hidden_chip else launch.chip_id,
        "launch_mit_vector": 1,
        "current_mit_vector": 1,
    }


def _spoiled(raw: bytes) -> bytes:
    return bytes([raw[0] ^ 1]) + raw[1:]
