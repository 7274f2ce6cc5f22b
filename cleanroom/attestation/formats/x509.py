"""X.509 certificates of vendors: strict DER in, a few named fields out (RFC 5280 §4.1).

Only the suites that the caller names are read. No chain is built here; `silicon` and `platforms`
do that with the checks of this module.
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
from typing import NamedTuple

from cleanroom.attestation.formats import der
from cleanroom.attestation.formats.der import Der
from cleanroom.attestation.formats.signatures import SUITES, Suite, require_signed
from cleanroom.attestation.rejection import rejected

COMMON_NAME = "2.5.4.3"
BASIC_CONSTRAINTS = "2.5.29.19"
KEY_USAGE = "2.5.29.15"
UNDERSTOOD = frozenset({BASIC_CONSTRAINTS, KEY_USAGE})
"""A critical extension other than these is refused (RFC 5280 §4.2)."""
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----\s*")


class Extension(NamedTuple):
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
    suite: Suite
    """How its issuer signed it."""
    signature: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the whole certificate: `sha256:` and 64 hex digits."""
        return "sha256:" + hashlib.sha256(self.encoded).hexdigest()


@lru_cache(maxsize=64)
def read_certificate(encoded: bytes, *suites: Suite) -> Certificate:
    """Read one certificate, DER.

    Args:
        encoded: the whole certificate.
        suites: how it may be signed.

    Raises:
        EvidenceRejected: it is not strict DER, or signed in another way.
    """
    outer = Der(encoded, "certificate")
    parts = outer.inside(der.SEQUENCE, "")
    outer.end()
    tbs = parts.whole(der.SEQUENCE, "tbsCertificate")
    algorithm = parts.whole(der.SEQUENCE, "signatureAlgorithm")
    signature = parts.bits("signatureValue")
    parts.end()
    return _read_tbs(encoded, tbs, algorithm, signature, suites)


def _read_tbs(
    encoded: bytes, tbs: bytes, algorithm: bytes, signature: bytes, suites: tuple[Suite, ...]
) -> Certificate:
    body = Der(tbs, "certificate").inside(der.SEQUENCE, "tbsCertificate")
    _require_version_3(body)
    serial = body.integer("serialNumber")
    inner = body.whole(der.SEQUENCE, "signature")
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
        suite=_suite(algorithm, inner, suites),
        signature=signature,
    )


def _require_version_3(body: Der) -> None:
    version = body.inside(0xA0, "version")
    number = version.integer("number")
    version.end()
    if number != 2:
        raise rejected("certificate version", found=str(number + 1), expected="3")


def _suite(outer: bytes, inner: bytes, suites: tuple[Suite, ...]) -> Suite:
    found = SUITES.get(outer)
    if found not in suites or SUITES.get(inner) != found:
        raise rejected(
            "certificate signature algorithm",
            found=found or "another",
            expected=" or ".join(suites),
        )
    return found


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


def require_issued(certificate: Certificate, issuer: Certificate) -> None:
    """Refuse a certificate that `issuer` did not sign, or whose issuer has another name.

    Raises:
        EvidenceRejected: the name or the signature does not fit.
    """
    if certificate.issuer != issuer.subject:
        raise rejected(
            f"the issuer of {certificate.common_name}",
            found="another name",
            expected=issuer.common_name,
        )
    require_signed(
        certificate.tbs,
        certificate.signature,
        issuer.public_key,
        certificate.common_name,
        certificate.suite,
    )


def require_understood(certificate: Certificate) -> None:
    """Refuse a critical extension that no check here heeds (RFC 5280 §4.2).

    Raises:
        EvidenceRejected: there is one.
    """
    for oid, extension in certificate.extensions.items():
        if extension.critical and oid not in UNDERSTOOD:
            raise rejected(f"critical extension {oid}", found="unknown here", expected="known ones")


def pem_certificates(text: bytes) -> tuple[bytes, ...]:
    """The DER certificates of a PEM text that holds nothing else.

    Raises:
        EvidenceRejected: something is not a certificate.
    """
    found = _PEM.findall(text)
    if not found or _PEM.sub(b"", text).strip():
        raise rejected("a PEM endorsement", found="not only certificates", expected="certificates")
    try:
        return tuple(base64.b64decode(b"".join(body.split()), validate=True) for body in found)
    except binascii.Error:
        raise rejected("a PEM endorsement", found="not base64", expected="base64") from None
