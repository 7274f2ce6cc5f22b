"""COSE_Sign1 (RFC 9052 §4.2): one signer, one payload, one algorithm in the protected header.

Only ECDSA as vendors use it, and only without other headers: what is not signed says nothing here.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import cbor2

from cleanroom.attestation.formats import cbor
from cleanroom.attestation.formats.signatures import Suite, der_signature, require_signed
from cleanroom.attestation.rejection import rejected

SIGN1_TAG = b"\xd2"
"""Tag 18 before the array (RFC 9052 §2)."""
ALGORITHM = 1
"""The key of `alg` in the protected header (RFC 9052 §3.1)."""
ALGORITHMS: Mapping[int, Suite] = {-7: "ecdsa-p256-sha256", -35: "ecdsa-p384-sha384"}
"""ES256 and ES384 (RFC 9053 §2.1), each with one curve only."""
SIGNATURE_SIZES: Mapping[Suite, int] = {"ecdsa-p256-sha256": 64, "ecdsa-p384-sha384": 96}
"""r ‖ s, both as long as the curve's order (RFC 9053 §2.1); in bytes."""
LARGEST = 64 * 1024
"""No payload is larger, as no evidence is; in bytes."""


@dataclass(frozen=True, slots=True)
class Sign1:
    """A signed message; nothing is verified yet."""

    payload: bytes = field(repr=False)
    suite: Suite
    signed: bytes = field(repr=False)
    """What the signature covers: the `Sig_structure` of RFC 9052 §4.4."""
    signature: bytes = field(repr=False)
    """r ‖ s, big-endian."""


def read_sign1(
    raw: bytes, what: str, suites: Collection[Suite], *, tag_optional: bool = False
) -> Sign1:
    """Read one message.

    Args:
        raw: the whole message.
        what: its name, for messages.
        suites: how it may be signed.
        tag_optional: whether tag 18 may be left out.

    Raises:
        EvidenceRejected: not this format, another algorithm, or headers that are not signed.
    """
    if not raw.startswith(SIGN1_TAG) and not tag_optional:
        raise rejected(what, found="without tag 18", expected="a tagged COSE_Sign1")
    parts = cbor.read(raw.removeprefix(SIGN1_TAG), what)
    if not isinstance(parts, list | tuple) or len(parts) != 4:
        raise rejected(what, found="no array of four", expected="a COSE_Sign1")
    protected = cbor.octets(parts[0], f"{what} protected header", range(1, 17))
    if cbor.mapping(parts[1], f"{what} unprotected header"):
        raise rejected(f"{what} unprotected header", found="not empty", expected="empty")
    payload = cbor.octets(parts[2], f"{what} payload", range(1, LARGEST + 1))
    suite = _suite(protected, what, suites)
    signature = cbor.octets(parts[3], f"{what} signature", {SIGNATURE_SIZES[suite]})
    return Sign1(payload, suite, signed_bytes(protected, payload), signature)


def signed_bytes(protected: bytes, payload: bytes) -> bytes:
    """What a signer signs: the `Sig_structure` of RFC 9052 §4.4, without external data."""
    return cbor2.dumps(["Signature1", protected, b"", payload])


def require_signer(message: Sign1, public_key: bytes, what: str) -> None:
    """Refuse a message that `public_key` did not sign.

    Args:
        message: from `read_sign1`.
        public_key: SubjectPublicKeyInfo, DER.
        what: the message's name, for messages.

    Raises:
        EvidenceRejected: another kind of key, or the signature does not verify.
    """
    require_signed(
        message.signed, der_signature(message.signature), public_key, what, message.suite
    )


def _suite(protected: bytes, what: str, suites: Collection[Suite]) -> Suite:
    headers = cbor.Members(
        cbor.read(protected, f"{what} protected header"),
        f"{what} protected header",
        {ALGORITHM: "alg"},
    )
    found = headers.value(ALGORITHM)
    suite = ALGORITHMS.get(found) if isinstance(found, int) else None
    if suite not in suites or suite is None:
        raise rejected(f"{what} algorithm", found=str(found)[:16], expected=" or ".join(suites))
    return suite
