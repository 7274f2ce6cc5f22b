"""X.509 certificates of AMD's hierarchy: strict DER in, a few named fields out (RFC 5280 §4.1).

Only one signature suite is read: RSASSA-PSS with SHA-384, MGF1-SHA-384 and a 48-byte salt (AMD
57230). No chain is built and no time is compared here; `platforms` does that.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from types import MappingProxyType

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import load_der_public_key

from cleanroom.attestation.formats import der
from cleanroom.attestation.formats.der import Der
from cleanroom.attestation.rejection import rejected
from cleanroom.errors import EvidenceRejected

PSS_SHA384 = bytes.fromhex(
    "304106092a864886f70d01010a3034a00f300d06096086480165030402020500"
    "a11c301a06092a864886f70d010108300d06096086480165030402020500a203020130"
)
"""AlgorithmIdentifier of the suite (RFC 4055 §3.1)."""
PSS_SHA384_TRAILER = bytes.fromhex(
    "304606092a864886f70d01010a3039a00f300d06096086480165030402020500"
    "a11c301a06092a864886f70d010108300d06096086480165030402020500a203020130a303020101"
)
"""The same with the default trailer field written out, as AMD's older certificates have it."""
SALT_LENGTH = 48
COMMON_NAME = "2.5.4.3"
BASIC_CONSTRAINTS = "2.5.29.19"
KEY_USAGE = "2.5.29.15"
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*")


@dataclass(frozen=True, slots=True)
class Extension:
    """One extension; what it means is the reader's business."""

    critical: bool
    value: bytes


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate's fields; nothing is verified yet."""

    encoded: bytes = field(repr=False)
    """The whole certificate, DER."""
    tbs: bytes = field(repr=False)
    """What is signed, DER."""
    serial: int
    issuer: bytes = field(repr=False)
    """The issuer's name, DER."""
    subject: bytes = field(repr=False)
    """The subject's name, DER."""
    common_name: str
    """The subject's common name."""
    not_before: datetime
    not_after: datetime
    public_key: bytes = field(repr=False)
    """SubjectPublicKeyInfo, DER."""
    extensions: Mapping[str, Extension] = field(repr=False)
    """Extensions by object identifier."""
    signature: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the whole certificate: `sha256:` and 64 hex digits."""
        return "sha256:" + hashlib.sha256(self.encoded).hexdigest()


@lru_cache(maxsize=64)
def read_certificate(encoded: bytes) -> Certificate:
    """Read one certificate, DER.

    Raises:
        EvidenceRejected: it is not strict DER, or not of AMD's one signature suite.
    """
    outer = Der(encoded, "certificate")
    parts = outer.inside(der.SEQUENCE, "")
    outer.end()
    tbs = parts.whole(der.SEQUENCE, "tbsCertificate")
    _require_suite(parts.whole(der.SEQUENCE, "signatureAlgorithm"))
    signature = parts.bits("signatureValue")
    parts.end()
    return _read_tbs(encoded, tbs, signature)


def _read_tbs(encoded: bytes, tbs: bytes, signature: bytes) -> Certificate:
    body = Der(tbs, "certificate").inside(der.SEQUENCE, "tbsCertificate")
    _require_version_3(body)
    serial = body.integer("serialNumber")
    _require_suite(body.whole(der.SEQUENCE, "signature"))
    issuer = body.whole(der.SEQUENCE, "issuer")
    validity = body.inside(der.SEQUENCE, "validity")
    not_before, not_after = validity.time("notBefore"), validity.time("notAfter")
    validity.end()
    subject = body.whole(der.SEQUENCE, "subject")
    public_key = body.whole(der.SEQUENCE, "subjectPublicKeyInfo")
    extensions = _read_extensions(body.inside(0xA3, "extensions"))
    body.end()
    return Certificate(
        encoded=encoded,
        tbs=tbs,
        serial=serial,
        issuer=issuer,
        subject=subject,
        common_name=_common_name(subject),
        not_before=not_before,
        not_after=not_after,
        public_key=public_key,
        extensions=extensions,
        signature=signature,
    )


def _require_version_3(body: Der) -> None:
    version = body.inside(0xA0, "version")
    number = version.integer("number")
    version.end()
    if number != 2:
        raise rejected("certificate version", found=str(number + 1), expected="3")


def _require_suite(algorithm: bytes) -> None:
    if algorithm not in {PSS_SHA384, PSS_SHA384_TRAILER}:
        raise rejected(
            "certificate signature algorithm", found="another", expected="RSASSA-PSS with SHA-384"
        )


def _read_extensions(wrapper: Der) -> Mapping[str, Extension]:
    listed = wrapper.inside(der.SEQUENCE, "list")
    wrapper.end()
    extensions: dict[str, Extension] = {}
    while listed.more:
        entry = listed.inside(der.SEQUENCE, "entry")
        oid = entry.oid("extnID")
        if oid in extensions:
            raise rejected("certificate extension", found=f"{oid} twice", expected="each once")
        critical = entry.true("critical")
        extensions[oid] = Extension(critical, entry.content(der.OCTET_STRING, "extnValue"))
        entry.end()
    return MappingProxyType(extensions)


def _common_name(name: bytes) -> str:
    parts = Der(name, "certificate name").inside(der.SEQUENCE, "")
    found = []
    while parts.more:
        attributes = parts.inside(der.SET, "part")
        attribute = attributes.inside(der.SEQUENCE, "attribute")
        attributes.end()
        oid = attribute.oid("type")
        text = attribute.text("value", (der.UTF8_STRING, der.PRINTABLE_STRING, der.IA5_STRING))
        attribute.end()
        if oid == COMMON_NAME:
            found.append(text)
    if len(found) != 1:
        raise rejected("certificate common name", found=f"there {len(found)} times", expected="one")
    return found[0]


def require_authority(certificate: Certificate, *, signs_more: bool = False) -> None:
    """Refuse a certificate that may not issue others (RFC 5280 §4.2.1.3, §4.2.1.9).

    Args:
        certificate: an intermediate or a root.
        signs_more: whether it issues other authorities; else its path length must be 0.

    Raises:
        EvidenceRejected: no certificate authority, or not allowed to sign certificates.
    """
    constraints = _extension(certificate, BASIC_CONSTRAINTS).inside(der.SEQUENCE, "constraints")
    if not constraints.true("cA"):
        raise rejected(certificate.common_name, found="no authority", expected="one")
    if not signs_more and constraints.integer("pathLenConstraint") != 0:
        raise rejected(certificate.common_name, found="an open path length", expected="0")
    usage = _extension(certificate, KEY_USAGE).content(der.BIT_STRING, "bits")
    if len(usage) != 2 or not usage[1] & 0x04:
        raise rejected(
            certificate.common_name, found="no key that signs certificates", expected="one"
        )


def _extension(certificate: Certificate, oid: str) -> Der:
    if oid not in certificate.extensions:
        raise rejected(f"extension {oid}", found="missing", expected="in every authority")
    return Der(certificate.extensions[oid].value, certificate.common_name)


def require_valid(certificate: Certificate, now: datetime) -> None:
    """Refuse a certificate outside its validity.

    Raises:
        EvidenceRejected: `now` is before or after it.
    """
    if not certificate.not_before <= now <= certificate.not_after:
        raise rejected(
            f"the time {now:%Y-%m-%d}",
            found=f"outside the validity of {certificate.common_name}",
            expected=f"{certificate.not_before:%Y-%m-%d} to {certificate.not_after:%Y-%m-%d}",
            cause="fetch the certificate again, and check the clock",
        )


@lru_cache(maxsize=64)
def require_signed(content: bytes, signature: bytes, public_key: bytes, what: str) -> None:
    """Refuse `content` unless `signature` is RSASSA-PSS of it under an RSA-4096 key.

    A success is remembered: the same three values always verify again.

    Raises:
        EvidenceRejected: another key type, or the signature does not verify.
    """
    try:
        key = load_der_public_key(public_key)
    except (ValueError, UnsupportedAlgorithm):
        raise rejected(f"the issuer's key of {what}", found="unreadable", expected="RSA") from None
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size != 4096:
        raise rejected(
            f"the issuer's key of {what}", found="another", expected="RSA with 4096 bits"
        )
    pss = padding.PSS(padding.MGF1(SHA384()), SALT_LENGTH)
    try:
        key.verify(signature, content, pss, SHA384())
    except InvalidSignature:
        raise _unsigned(what) from None


def _unsigned(what: str) -> EvidenceRejected:
    return rejected(
        f"the signature of {what}",
        found="not its issuer's",
        expected="one that verifies",
        cause="the certificates do not belong together, or were altered",
    )


def pem_certificates(text: bytes) -> tuple[bytes, ...]:
    """The DER certificates of a PEM text that holds nothing else.

    Raises:
        EvidenceRejected: something is not a certificate.
    """
    if not text or _PEM.sub(b"", text).strip():
        raise rejected("a PEM endorsement", found="not only certificates", expected="certificates")
    try:
        return tuple(
            base64.b64decode(b"".join(body.split()), validate=True) for body in _PEM.findall(text)
        )
    except binascii.Error:
        raise rejected("a PEM endorsement", found="not base64", expected="base64") from None
