"""Published CCA tokens as evidence; their keys are public, so they stand as development roots."""

import base64
import json
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.claims import CcaClaims
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.platforms import cca
from cleanroom.attestation.policy import CcaPolicy
from cleanroom.encoding import content_digest
from tests.support.vectors import Case, content

NOW = datetime(2026, 6, 1, tzinfo=UTC)
"""Any time: a token has none."""


def key_of(case: Case) -> bytes:
    """The platform's public key: SubjectPublicKeyInfo, DER."""
    text = content(case["trust_anchor"])
    if text.startswith(b"-----BEGIN"):
        return _from_pem(text)
    parts = json.loads(text)
    if "kty" in parts:
        x, y = (int.from_bytes(base64.urlsafe_b64decode(parts[name] + "==")) for name in "xy")
        return _spki(ec.EllipticCurvePublicNumbers(x, y, ec.SECP384R1()).public_key())
    (triple,) = parts["triples"]["attester-verification-keys"]
    return _from_pem(triple["verification-keys"][0]["value"].encode())


def _from_pem(text: bytes) -> bytes:
    key = load_pem_public_key(text)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return _spki(key)


def _spki(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def evidence_of(case: Case) -> Evidence:
    """A case's token with its platform's key."""
    return Evidence(platform="cca", report=content(case["token"]), endorsements=[key_of(case)])


def authenticated(case: Case, evidence: Evidence | None = None) -> CcaClaims:
    """The claims without a binding, of the case's evidence or of other evidence."""
    return cca.authenticate(
        evidence or evidence_of(case),
        anchors=Anchors.development([content_digest(key_of(case))]),
        collateral=Collateral(),
        now=NOW,
    )


def policy_of(case: Case, **changed: object) -> CcaPolicy:
    """The default policy for a case's platform, realm and firmware, with some fields changed."""
    claims = authenticated(case)
    registered = {
        "public_key": content_digest(key_of(case)),
        "implementation_id": claims.implementation_id,
        "instance_id": claims.instance_id,
    }
    plain: dict[str, object] = {
        "platform": "cca",
        "platforms": [registered],
        "initial_measurements": [claims.initial_measurement],
        "host_data": claims.host_data,
        "software": {
            one.kind: {"measurements": [one.measurement], "signer_ids": [one.signer_id]}
            for one in claims.software
        },
        "platform_configs": [claims.platform_config],
        "development_roots": [registered["public_key"]],
    }
    return CcaPolicy.from_plain(plain | changed)
