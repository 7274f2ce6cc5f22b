"""Microsoft's endorsement of a utility VM: COSE_Sign1 with its signer's chain in the header.

Sources: RFC 9052 §4.2, RFC 9360 for `x5chain`, RFC 9597 for claims, the did:x509 method, and the
documents that Azure Container Instances hands to a group (`UVM_REFERENCE_INFO`). The timestamp's
counter-signature in the unprotected header is not read. Reading says what the bytes are, not
whether they are true: `platforms.azure_aci` does that.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import cbor2

from cleanroom.attestation.formats import cbor, der
from cleanroom.attestation.formats.cose import SIGN1_TAG, signed_bytes
from cleanroom.attestation.formats.der import Der
from cleanroom.attestation.formats.signatures import Suite
from cleanroom.attestation.formats.x509 import Certificate, read_certificate
from cleanroom.attestation.rejection import rejected
from cleanroom.encoding import parse_json
from cleanroom.errors import EvidenceRejected, NotCanonical, RecordMalformed

WHAT = "the UVM endorsement"
ALGORITHM, CRITICAL, CLAIMS, CHAIN = 1, 2, 15, 33
ISSUER, SUBJECT = 1, 2
"""Claims of a CWT inside the header (RFC 9597), where newer endorsements name issuer and feed."""
PS384 = -38
SUITE: Suite = "rsa-pss-sha384"
CERTIFICATE_SUITE: Suite = "rsa-pkcs1-sha384"
EPOCH = 1
"""The tag of the signing time (RFC 8949 §3.4.2)."""
EXTENDED_KEY_USAGE = "2.5.29.37"
LONGEST_CHAIN = range(2, 6)
LARGEST_CERTIFICATE = range(1, 8192)
LARGEST_PAYLOAD = range(1, 16 * 1024)
SIGNATURE_SIZES = {256, 384, 512}
"""Of RSA with 2048, 3072 or 4096 bits; in bytes."""
MEASUREMENT, SVN = "x-ms-sevsnpvm-launchmeasurement", "x-ms-sevsnpvm-guestsvn"


@dataclass(frozen=True, slots=True)
class UvmEndorsement:
    """The parts of an endorsement; nothing is verified yet."""

    signed: bytes = field(repr=False)
    """The `Sig_structure` of RFC 9052 §4.4."""
    signature: bytes = field(repr=False)
    chain: tuple[Certificate, ...]
    """Root first, signer last."""
    issuer: str
    """A did:x509."""
    feed: str
    measurement: str
    """96 lower-case hex digits."""
    svn: int


class _EpochOnly(dict[int, Callable[..., Any]]):
    """Keeps the tag of the signing time as it is and refuses every other one."""

    def __missing__(self, tag: int) -> Callable[..., Any]:
        def keep(value: object, *_: object) -> object:
            if tag != EPOCH:
                raise ValueError(f"tag {tag}")
            return cbor2.CBORTag(EPOCH, value)

        return keep


_EPOCH_ONLY = _EpochOnly()


def read_endorsement(raw: bytes) -> UvmEndorsement:
    """Read an endorsement.

    Raises:
        EvidenceRejected: not this format, another algorithm, or a chain or words of another shape.
    """
    parts = cbor.read(raw.removeprefix(SIGN1_TAG), WHAT)
    if not isinstance(parts, list | tuple) or len(parts) != 4:
        raise rejected(WHAT, found="no array of four", expected="a COSE_Sign1")
    protected = cbor.octets(parts[0], f"{WHAT}'s protected header", range(1, 32 * 1024))
    payload = cbor.octets(parts[2], f"{WHAT}'s payload", LARGEST_PAYLOAD)
    headers = _headers(protected)
    issuer, feed = _named(headers)
    tree = _payload(payload)
    return UvmEndorsement(
        signed=signed_bytes(protected, payload),
        signature=cbor.octets(parts[3], f"{WHAT}'s signature", SIGNATURE_SIZES),
        chain=_chain(headers.get(CHAIN)),
        issuer=cbor.text(issuer, f"{WHAT}'s issuer"),
        feed=cbor.text(feed, f"{WHAT}'s feed"),
        measurement=_measurement(tree),
        svn=_svn(tree),
    )


def _headers(protected: bytes) -> Mapping[object, object]:
    try:
        found = cbor2.loads(
            protected, semantic_decoders=_EPOCH_ONLY, max_depth=4, allow_duplicate_keys=False
        )
        written = cbor2.dumps(found)
    except (cbor2.CBORError, ValueError, OverflowError, RecursionError):
        raise rejected(WHAT, found="with a malformed header", expected="CBOR") from None
    headers = cbor.mapping(found, f"{WHAT}'s protected header")
    if written != protected or headers.get(ALGORITHM) != PS384 or CRITICAL in headers:
        raise rejected(
            f"{WHAT}'s protected header",
            found="of another form",
            expected="PS384, no critical header, the shortest encoding",
        )
    return headers


def _named(headers: Mapping[object, object]) -> tuple[object, object]:
    """Issuer and feed: inside a CWT, or beside it in older endorsements; never in both."""
    if CLAIMS not in headers:
        return headers.get("iss"), headers.get("feed")
    if "iss" in headers or "feed" in headers:
        raise rejected(f"{WHAT}'s issuer", found="there twice", expected="once")
    claims = cbor.mapping(headers[CLAIMS], f"{WHAT}'s claims")
    return claims.get(ISSUER), claims.get(SUBJECT)


def _chain(found: object) -> tuple[Certificate, ...]:
    if not isinstance(found, list | tuple) or len(found) not in LONGEST_CHAIN:
        raise rejected(f"{WHAT}'s chain", found="another", expected="two to five certificates")
    encoded = [cbor.octets(one, f"{WHAT}'s certificate", LARGEST_CERTIFICATE) for one in found]
    return tuple(read_certificate(one, CERTIFICATE_SUITE) for one in reversed(encoded))


def _payload(payload: bytes) -> dict[str, object]:
    try:
        tree = parse_json(payload, "UVM endorsement")
    except (NotCanonical, RecordMalformed):
        raise _malformed("payload", "JSON") from None
    if not isinstance(tree, dict):
        raise _malformed("payload", "a JSON object")
    return tree


def _measurement(tree: dict[str, object]) -> str:
    found = tree.get(MEASUREMENT)
    if not isinstance(found, str) or len(found) != 96 or not set(found) <= set("0123456789abcdef"):
        raise _malformed(MEASUREMENT, "96 lower-case hex digits")
    return found


def _svn(tree: dict[str, object]) -> int:
    found = tree.get(SVN)
    text = str(found) if isinstance(found, str | int) else ""
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise _malformed(SVN, "a number")
    return int(text)


def did_of(root: Certificate, usage: str) -> str:
    """The did:x509 that names this root and an extended key usage.

    Args:
        root: a certificate authority of the chain.
        usage: an object identifier in dots.
    """
    digest = bytes.fromhex(root.fingerprint.removeprefix("sha256:"))
    name = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return f"did:x509:0:sha256:{name}::eku:{usage}"


def key_usages(certificate: Certificate) -> list[str]:
    """The extended key usages of a certificate; none where it does not say."""
    if EXTENDED_KEY_USAGE not in certificate.extensions:
        return []
    outer = Der(certificate.extensions[EXTENDED_KEY_USAGE].value, certificate.common_name)
    listed = outer.inside(der.SEQUENCE, "key usages")
    outer.end()
    usages = []
    while listed.more:
        usages.append(listed.oid("key usage"))
    return usages


def _malformed(member: str, expected: str) -> EvidenceRejected:
    return rejected(f"{WHAT}'s {member}", found="of another form", expected=expected)
