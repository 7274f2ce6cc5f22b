"""The public part of a TPM key: TPMT_PUBLIC, its name, and what the TPM promises about it.

Source: TCG "TPM Library, Part 2" §12.2.4 TPMT_PUBLIC, §8.3 TPMA_OBJECT; "Part 1" §16 for names. The
name is a digest of everything here, so whoever pins a name has pinned the promises too.
"""

import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cleanroom.attestation.formats.reader import Reader
from cleanroom.attestation.rejection import rejected
from cleanroom.encoding import Digest

RSA, ECC, SHA256, NONE = 0x0001, 0x0023, 0x000B, 0x0010
CURVES: dict[int, ec.EllipticCurve] = {0x0003: ec.SECP256R1(), 0x0004: ec.SECP384R1()}
"""TPM_ECC_CURVE."""
ATTRIBUTES = {
    "fixedTPM": 1,
    "fixedParent": 4,
    "sensitiveDataOrigin": 5,
    "restricted": 16,
    "sign": 18,
}
"""TPMA_OBJECT bits that an attestation key has: made in this TPM, never outside of it, and it signs
nothing from outside that looks like a quote."""
DECRYPT = 17
RSA_EXPONENT = 65537
"""What an exponent of 0 stands for."""
SMALLEST_RSA = 2048


@dataclass(frozen=True, slots=True)
class TpmKey:
    """An attestation key's public part."""

    name: Digest
    """SHA-256 of the whole structure: the TPM's name for it, without the algorithm before it."""
    public_key: bytes
    """SubjectPublicKeyInfo, DER."""


def read_attestation_key(raw: bytes) -> TpmKey:
    """Read TPMT_PUBLIC of a key that may attest.

    Raises:
        EvidenceRejected: malformed, or a key that promises less than an attestation key does.
    """
    reader = Reader(raw, "TPM key")
    kind, hashed = (reader.number(2, what, "big") for what in ("type", "name algorithm"))
    if hashed != SHA256:
        raise rejected("TPM key's name algorithm", found=f"{hashed:#06x}", expected="SHA-256")
    _require_attributes(reader.number(4, "attributes", "big"))
    reader.take(reader.number(2, "policy's length", "big"), "policy")
    if reader.number(2, "symmetric algorithm", "big") != NONE:
        raise rejected("TPM key", found="with a symmetric algorithm", expected="a signing key")
    if reader.number(2, "scheme", "big") != NONE:
        reader.take(2, "scheme's hash")
    public_key = _key(reader, kind)
    reader.end()
    name = "sha256:" + hashlib.sha256(raw).hexdigest()
    return TpmKey(name, public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _require_attributes(word: int) -> None:
    missing = [name for name, bit in ATTRIBUTES.items() if not word >> bit & 1]
    if missing or word >> DECRYPT & 1:
        raise rejected(
            "TPM key's attributes",
            found=f"{word:#010x}",
            expected="a restricted signing key that never left its TPM",
            cause="any text can be signed with another kind of key, so its quotes prove nothing",
        )


def _key(reader: Reader, kind: int) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey:
    if kind == RSA:
        return _rsa(reader)
    if kind == ECC:
        return _ecc(reader)
    raise rejected("TPM key type", found=f"{kind:#06x}", expected="RSA or ECC")


def _rsa(reader: Reader) -> rsa.RSAPublicKey:
    reader.take(2, "key bits")
    exponent = reader.number(4, "exponent", "big") or RSA_EXPONENT
    modulus = reader.number(reader.number(2, "modulus' length", "big"), "modulus", "big")
    return rsa_key(modulus, exponent, "TPM key")


def rsa_key(modulus: int, exponent: int, what: str) -> rsa.RSAPublicKey:
    """An RSA key that is long enough, with the usual exponent.

    Raises:
        EvidenceRejected: it is not.
    """
    if modulus.bit_length() < SMALLEST_RSA or exponent != RSA_EXPONENT or not modulus & 1:
        raise rejected(
            what,
            found=f"RSA with {modulus.bit_length()} bits and exponent {exponent}",
            expected=f"{SMALLEST_RSA} bits or more and {RSA_EXPONENT}",
        )
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()


def _ecc(reader: Reader) -> ec.EllipticCurvePublicKey:
    curve = CURVES.get(reader.number(2, "curve", "big"))
    if reader.number(2, "key derivation", "big") != NONE:
        reader.take(2, "key derivation's hash")
    x = reader.number(reader.number(2, "x's length", "big"), "x", "big")
    y = reader.number(reader.number(2, "y's length", "big"), "y", "big")
    if curve is None:
        raise rejected("TPM key's curve", found="another", expected="P-256 or P-384")
    try:
        return ec.EllipticCurvePublicNumbers(x, y, curve).public_key()
    except ValueError:
        raise rejected("TPM key", found="not on its curve", expected="a point of it") from None
