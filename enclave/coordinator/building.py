"""Builders for development rooms: they sign what simulated images measure, and entries name that.

Two builders with keys of the moment, so that a room on one machine runs as one would whose images
two companies built. Their word is worth as much as the simulation. Real images are signed with
`cleanroom measure sign`.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from cleanroom.attestation.policy.reference import NamedReferenceValues
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

BUILDERS = ("first-builder", "second-builder")
VALIDITY = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class NamedEntry:
    """An entry of `attestation` that names its image."""

    entry: dict[str, object]
    """Plain values, with `reference_values` where it had `measurements`."""
    envelopes: dict[str, Envelope]
    """What each builder signed, by the builder's name."""


def named_entry(entry: Mapping[str, object], image: str, code: bytes, now: datetime) -> NamedEntry:
    """Let two fresh builders sign what an entry lists, and name that instead.

    Args:
        entry: for `sev-snp` or `tdx`, plain values, with `measurements`.
        image: the image's name.
        code: what was measured, as `installed_code_digest` gives it.
        now: when it is signed, aware, in whole seconds.
    """
    statement = _statement(entry, image, code, now)
    builders = [Ed25519Signer.generate(name) for name in BUILDERS]
    name = {
        "digest": content_digest(statement.to_bytes()),
        "builders": {one.kid: base64.b64encode(one.public_key).decode() for one in builders},
        "threshold": len(builders),
    }
    NamedReferenceValues.from_plain(name)
    kept = {field: value for field, value in entry.items() if field != "measurements"}
    return NamedEntry(
        entry=kept | {"reference_values": name},
        envelopes={one.kid: sign_reference_values(statement, one) for one in builders},
    )


def _statement(
    entry: Mapping[str, object], image: str, code: bytes, now: datetime
) -> ReferenceValuesStatement:
    measured = entry["measurements"]
    listed: list[object] = measured if isinstance(measured, list) else []
    predicate = ReferenceValuesPredicate.from_plain(
        {
            "image": image,
            "version": code.hex()[:12],
            "launches": [_launch(entry["platform"], one) for one in listed],
            "issued_at": instant_text(now),
            "valid_until": instant_text(now + VALIDITY),
        }
    )
    source = InputDigest(sha256=hashlib.sha256(code).hexdigest())
    return compose_reference_values(predicate, [BuildInput(name="code", digest=source)])


def _launch(platform: object, measured: object) -> dict[str, object]:
    """One way of starting it; the simulator knows no number of processors."""
    if platform == "tdx":
        return {"platform": "tdx", "image": measured}
    return {
        "platform": "sev-snp",
        "measurement": measured,
        "vcpus": 1,
        "vcpu_type": "EPYC-v4",
        "guest_features": "0x1",
        "hypervisor": "qemu",
    }
