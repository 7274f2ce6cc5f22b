"""Signatures of vendors' keys, by suite: an algorithm, its hash and its parameters, all fixed.

A suite is chosen by the platform whose chain it is, never by the evidence alone.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import load_der_public_key

from cleanroom.attestation.rejection import rejected
from cleanroom.errors import EvidenceRejected

Suite = Literal[
    "rsa4096-pss-sha384",
    "rsa-pss-sha256",
    "rsa-pss-sha384",
    "rsa-pkcs1-sha256",
    "rsa-pkcs1-sha384",
    "ecdsa-p256-sha256",
    "ecdsa-p384-sha384",
]
"""One way to sign; a new one is a row in each table of this module."""
PSS_SHA384 = bytes.fromhex(
    "304106092a864886f70d01010a3034a00f300d06096086480165030402020500"
    "a11c301a06092a864886f70d010108300d06096086480165030402020500a203020130"
)
"""AlgorithmIdentifier of RSASSA-PSS with SHA-384 (RFC 4055 §3.1)."""
PSS_SHA384_TRAILER = bytes.fromhex(
    "304606092a864886f70d01010a3039a00f300d06096086480165030402020500"
    "a11c301a06092a864886f70d010108300d06096086480165030402020500a203020130a303020101"
)
"""The same with the default trailer field written out, as AMD's older certificates have it."""
ECDSA_SHA256 = bytes.fromhex("300a06082a8648ce3d040302")
"""AlgorithmIdentifier of ECDSA with SHA-256 (RFC 5758 §3.2)."""
ECDSA_SHA384 = bytes.fromhex("300a06082a8648ce3d040303")
"""AlgorithmIdentifier of ECDSA with SHA-384 (RFC 5758 §3.2)."""
PKCS1_SHA256 = bytes.fromhex("300d06092a864886f70d01010b0500")
"""AlgorithmIdentifier of RSASSA-PKCS1-v1_5 with SHA-256 (RFC 4055 §5)."""
PKCS1_SHA384 = bytes.fromhex("300d06092a864886f70d01010c0500")
"""AlgorithmIdentifier of RSASSA-PKCS1-v1_5 with SHA-384 (RFC 4055 §5)."""
SMALLEST_RSA = 2048
"""Keys of TPMs have no more; Google's and Microsoft's authorities have 4096; in bits."""
SUITES: Mapping[bytes, Suite] = {
    PKCS1_SHA256: "rsa-pkcs1-sha256",
    PKCS1_SHA384: "rsa-pkcs1-sha384",
    PSS_SHA384: "rsa4096-pss-sha384",
    PSS_SHA384_TRAILER: "rsa4096-pss-sha384",
    ECDSA_SHA256: "ecdsa-p256-sha256",
    ECDSA_SHA384: "ecdsa-p384-sha384",
}
"""Suites by the AlgorithmIdentifier of a certificate."""
SALT_LENGTH = 48
_PSS = padding.PSS(padding.MGF1(SHA384()), SALT_LENGTH)
# NOTE: TPMs choose their salt's length themselves: the digest's in FIPS mode, else the longest.
_PSS_SHA256 = padding.PSS(padding.MGF1(SHA256()), padding.PSS.AUTO)
_CURVES: Mapping[Suite, str] = {
    "ecdsa-p256-sha256": ec.SECP256R1().name,
    "ecdsa-p384-sha384": ec.SECP384R1().name,
}


@lru_cache(maxsize=256)
def require_signed(
    content: bytes, signature: bytes, public_key: bytes, what: str, suite: Suite
) -> None:
    """Refuse `content` unless `signature` is of `public_key`, in exactly this suite.

    A success is remembered: the same values always verify again.

    Args:
        content: what is signed.
        signature: PKCS #1 bytes for RSA, DER for ECDSA.
        public_key: SubjectPublicKeyInfo, DER.
        what: whose signature it is, for messages.
        suite: the only accepted way to sign.

    Raises:
        EvidenceRejected: another kind of key, or the signature does not verify.
    """
    try:
        match suite:
            case "rsa4096-pss-sha384":
                _rsa_key(public_key, what, 4096).verify(signature, content, _PSS, SHA384())
            case "rsa-pss-sha384":
                _rsa_key(public_key, what, SMALLEST_RSA).verify(signature, content, _PSS, SHA384())
            case "rsa-pss-sha256":
                key = _rsa_key(public_key, what, SMALLEST_RSA)
                key.verify(signature, content, _PSS_SHA256, SHA256())
            case "rsa-pkcs1-sha256" | "rsa-pkcs1-sha384":
                key = _rsa_key(public_key, what, SMALLEST_RSA)
                hashed = SHA256() if suite == "rsa-pkcs1-sha256" else SHA384()
                key.verify(signature, content, padding.PKCS1v15(), hashed)
            case "ecdsa-p256-sha256":
                _ec_key(public_key, what, suite).verify(signature, content, ec.ECDSA(SHA256()))
            case "ecdsa-p384-sha384":
                _ec_key(public_key, what, suite).verify(signature, content, ec.ECDSA(SHA384()))
    except InvalidSignature:
        raise _unsigned(what) from None


def der_signature(raw: bytes) -> bytes:
    """An ECDSA signature of two big-endian halves (r ‖ s), as DER."""
    half = len(raw) // 2
    return encode_dss_signature(
        int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")
    )


def _rsa_key(encoded: bytes, what: str, bits: int) -> rsa.RSAPublicKey:
    key = _load(encoded, what, "RSA")
    if not isinstance(key, rsa.RSAPublicKey) or not bits <= key.key_size <= 4096:
        expected = "RSA with 4096 bits" if bits == 4096 else f"RSA with {bits} to 4096 bits"
        raise rejected(f"the issuer's key of {what}", found="another", expected=expected)
    return key


def _ec_key(encoded: bytes, what: str, suite: Suite) -> ec.EllipticCurvePublicKey:
    key = _load(encoded, what, "an elliptic curve")
    curve = _CURVES[suite]
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != curve:
        raise rejected(f"the issuer's key of {what}", found="another", expected=curve)
    return key


@lru_cache(maxsize=64)
def _load(encoded: bytes, what: str, expected: str) -> object:
    try:
        return load_der_public_key(encoded)
    except (ValueError, UnsupportedAlgorithm):
        raise rejected(
            f"the issuer's key of {what}", found="unreadable", expected=expected
        ) from None


def _unsigned(what: str) -> EvidenceRejected:
    return rejected(
        f"the signature of {what}",
        found="not its issuer's",
        expected="one that verifies",
        cause="the certificates do not belong together, or were altered",
    )
