"""What builders sign about the image of the simulated machine, and entries that name it."""

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from cleanroom.attestation.reference_values import (
    BuildInput,
    InputDigest,
    ReferenceValuesPredicate,
    ReferenceValuesStatement,
    compose_reference_values,
    sign_reference_values,
)
from cleanroom.crypto.envelope import Envelope
from cleanroom.crypto.signing import Ed25519Signer
from cleanroom.encoding import content_digest, instant_text
from tests.support.platform import MEASUREMENT, NOW

BUILDERS = ("ann-provide", "bob-provide", "cy-provide")
"""Who may sign; two of them must."""


def builder(name: str) -> Ed25519Signer:
    """A builder's key; always the same."""
    return Ed25519Signer(name, hashlib.sha256(f"builder {name}".encode()).digest())


def snp_launch(measurement: bytes = MEASUREMENT, vcpus: int = 2) -> dict[str, Any]:
    """One way of launching an image, plain."""
    return {
        "platform": "sev-snp",
        "measurement": measurement.hex(),
        "vcpus": vcpus,
        "vcpu_type": "EPYC-v4",
        "guest_features": "0x1",
        "hypervisor": "qemu",
    }


def tdx_launch(mrtd: bytes = MEASUREMENT) -> dict[str, Any]:
    """One way of launching an image on TDX, plain."""
    image = {"mrtd": mrtd.hex(), "rtmr1": "01" * 48, "rtmr2": "02" * 48}
    return {"platform": "tdx", "image": image}


def image_statement(now: datetime = NOW, **changed: Any) -> ReferenceValuesStatement:
    """What honest builders of the worker image say; fields of the predicate may be bent."""
    predicate = {
        "image": "worker",
        "version": "1.4.0",
        "launches": [snp_launch(), snp_launch(b"\xaa" * 48, vcpus=4)],
        "issued_at": instant_text(now - timedelta(days=30)),
        "valid_until": instant_text(now + timedelta(days=20)),
    }
    inputs = [BuildInput(name="kernel", digest=InputDigest(sha256="00" * 32))]
    made = ReferenceValuesPredicate.from_plain(predicate | changed)
    return compose_reference_values(made, inputs)


def signed_values(*names: str, what: ReferenceValuesStatement | None = None) -> list[Envelope]:
    """The statement under the signatures of some builders: two of the three by default."""
    said = what or image_statement()
    return [sign_reference_values(said, builder(name)) for name in names or BUILDERS[:2]]


def name_of(
    what: ReferenceValuesStatement | None = None,
    *,
    builders: Sequence[str] = BUILDERS,
    threshold: int = 2,
) -> dict[str, Any]:
    """How an entry names a statement, plain."""
    keys = {name: base64.b64encode(builder(name).public_key).decode() for name in builders}
    digest = content_digest((what or image_statement()).to_bytes())
    return {"digest": digest, "builders": keys, "threshold": threshold}


def naming(entry: dict[str, Any], **name: Any) -> dict[str, Any]:
    """A plain entry that names the image where it listed measurements."""
    others = {field: value for field, value in entry.items() if field != "measurements"}
    return others | {"reference_values": name_of(**name)}
