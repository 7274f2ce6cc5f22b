"""Is this CCA token authentic? A platform token, and a realm token whose key the platform names.

The steps, in this order, the first fault ends it:

1. read the collection, both messages and both sets of claims strictly;
2. the one endorsement is a public key (CPAK) whose fingerprint is an anchor;
3. the platform token's signature under that key;
4. the realm token's signature under the key (RAK) inside of it: ECDSA P-384;
5. the platform's challenge is the digest of that key, so that both tokens belong together.

The realm's challenge is compared with the binding by `verifier`, for every platform in the same
way. That the anchor is registered for this implementation and instance is appraised.

Checks that are deliberately not made: time (a token has none; freshness is the binding's), and the
instance id against the key (the specification leaves open how it is derived).
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.claims.cca import CcaClaims, CcaSoftware
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.cca import (
    HashName,
    PlatformClaims,
    RealmClaims,
    read_collection,
    read_platform,
    read_realm,
)
from cleanroom.attestation.formats.cose import read_sign1, require_signer
from cleanroom.attestation.formats.signatures import Suite
from cleanroom.attestation.rejection import rejected
from cleanroom.encoding import Digest, content_digest

PLATFORM_SUITES: tuple[Suite, ...] = ("ecdsa-p256-sha256", "ecdsa-p384-sha384")
"""How platforms sign; the specification leaves it open."""
REALM_SUITES: tuple[Suite, ...] = ("ecdsa-p384-sha384",)
"""How realm managers sign (DEN0137: RAK is ECC-P384)."""
HASHES = {"sha-256": hashlib.sha256, "sha-384": hashlib.sha384, "sha-512": hashlib.sha512}


@dataclass(frozen=True, slots=True)
class AuthenticToken:
    """A token that an anchor vouches for; its challenge is not compared yet."""

    platform: PlatformClaims
    realm: RealmClaims
    anchor: Digest


def authenticate(
    evidence: Evidence, *, anchors: Anchors, collateral: Collateral, now: datetime
) -> CcaClaims:
    """The claims in `evidence`, once a registered key vouches for them.

    Raises:
        EvidenceRejected: the first step that does not hold.
    """
    del collateral  # Nothing is published beside the keys, which are anchors.
    authentic = authentic_token(evidence, anchors)
    return _claims(authentic, evidence, anchors, now)


def authentic_token(evidence: Evidence, anchors: Anchors) -> AuthenticToken:
    """The token in `evidence`, once steps 1 to 5 hold.

    Raises:
        EvidenceRejected: the first step that does not hold.
    """
    # 1
    platform_token, realm_token = read_collection(evidence.report)
    platform_message = read_sign1(platform_token, "platform token", PLATFORM_SUITES)
    realm_message = read_sign1(realm_token, "realm token", REALM_SUITES)
    platform = read_platform(platform_message.payload)
    realm = read_realm(realm_message.payload)
    # 2
    key = _platform_key(evidence, anchors)
    # 3
    require_signer(platform_message, key, "platform token")
    # 4
    require_signer(realm_message, _realm_key(realm), "realm token")
    # 5
    _require_bound(platform, realm)
    return AuthenticToken(platform, realm, content_digest(key))


def _platform_key(evidence: Evidence, anchors: Anchors) -> bytes:
    if len(evidence.endorsements) != 1:
        raise rejected(
            "endorsements",
            found=f"{len(evidence.endorsements)} of them",
            expected="the platform's public key (CPAK), DER",
        )
    key = evidence.endorsements[0]
    if content_digest(key) not in anchors.registered_keys():
        raise rejected(
            "the platform's public key (CPAK)",
            found=f"{content_digest(key)[:23]}…",
            expected="a key that is registered here",
            cause="register the platform's key in the manifest; simulated platforms stand in "
            "development_roots",
        )
    return key


def _realm_key(realm: RealmClaims) -> bytes:
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), realm.point)
    except ValueError:
        raise rejected("realm token public key", found="no point", expected="P-384") from None
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _require_bound(platform: PlatformClaims, realm: RealmClaims) -> None:
    expected = _digest(realm.key_hash_name, realm.key)
    if not hmac.compare_digest(platform.challenge, expected):
        raise rejected(
            "platform token challenge",
            found=platform.challenge.hex()[:16] + "…",
            expected="the digest of the realm token's key",
            cause="the realm token was put beside another platform's token",
        )


def _digest(name: HashName, content: bytes) -> bytes:
    return HASHES[name](content).digest()


def _claims(
    authentic: AuthenticToken, evidence: Evidence, anchors: Anchors, now: datetime
) -> CcaClaims:
    platform, realm = authentic.platform, authentic.realm
    return CcaClaims(
        platform="cca",
        assurance=anchors.assurance,
        anchor=authentic.anchor,
        evidence=evidence.digest,
        verified_at=now.replace(microsecond=0),
        platform_profile=platform.profile,
        realm_profile=realm.profile,
        implementation_id=platform.implementation_id.hex(),
        instance_id=platform.instance_id.hex(),
        lifecycle=platform.lifecycle,
        lifecycle_word=hex(platform.lifecycle_number),
        platform_config=platform.config.hex(),
        platform_hash=platform.hash_name,
        verification_service=platform.verification_service,
        software=[
            CcaSoftware(
                kind=one.kind,
                measurement=one.measurement.hex(),
                signer_id=one.signer_id.hex(),
                version=one.version,
            )
            for one in platform.software
        ],
        initial_measurement=realm.initial.hex(),
        extensible_measurements=[one.hex() for one in realm.extensible],
        realm_hash=realm.hash_name,
        host_data=realm.personalization.hex(),
        report_data=realm.challenge.hex(),
    )
