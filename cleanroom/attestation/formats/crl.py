"""Certificate revocation lists (RFC 5280 §5): signed by their issuer, and heeded.

What comes before the signature is read strictly here; the entries are left to `cryptography`, once
the signature says that they are the issuer's. Until when a list counts is for whoever asks: the
newest one is handed back with its window.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography import x509

from cleanroom.attestation.formats import der
from cleanroom.attestation.formats.der import Der
from cleanroom.attestation.formats.signatures import require_signed
from cleanroom.attestation.formats.x509 import Certificate
from cleanroom.attestation.rejection import rejected


@dataclass(frozen=True, slots=True)
class RevocationList:
    """A list's fields; nothing is verified yet."""

    issuer: bytes
    """The issuer's name, DER."""
    start: datetime
    end: datetime
    encoded: bytes
    """The whole list, DER."""
    tbs: bytes
    """What is signed, DER."""
    signature: bytes


def require_unrevoked(
    certificate: Certificate, issuer: Certificate, lists: Iterable[bytes], now: datetime
) -> RevocationList | None:
    """Refuse a certificate that its issuer has revoked, by any list that is not of the future.

    Lists of other issuers are skipped. A list whose end has passed revokes still, for nothing is
    ever taken off a list of AMD's or Intel's; whether it also clears is the caller's to say.

    Args:
        certificate: what may be revoked; its suite is what the issuer signs lists with, too.
        issuer: who signed it.
        lists: DER.
        now: lists that were issued later are not heeded, aware.

    Returns:
        The newest of them; None where there is none of this issuer.

    Raises:
        EvidenceRejected: a list of this issuer is not signed by it, or revokes the certificate.
    """
    issued = [crl for crl in map(read_crl, lists) if crl.issuer == issuer.subject]
    for crl in issued:
        require_signed(
            crl.tbs,
            crl.signature,
            issuer.public_key,
            "the revocation list",
            certificate.suite,
        )
    heeded = [crl for crl in issued if crl.start <= now]
    for crl in heeded:
        _require_absent(crl, certificate, issuer)
    return max(heeded, key=lambda crl: (crl.start, crl.end), default=None)


def require_current(
    newest: RevocationList | None, issuer: Certificate, now: datetime
) -> RevocationList:
    """Return the list, once there is one and it is in force.

    Raises:
        EvidenceRejected: there is none of this issuer, or `now` is after its end.
    """
    if newest is None:
        raise rejected(
            "collateral",
            found=f"without a list of {issuer.common_name} by {now:%Y-%m-%d}",
            expected="one of each issuer",
            cause="fetch the vendor's revocation lists again, and check the clock",
        )
    if now > newest.end:
        raise rejected(
            "the revocation list",
            found=f"not valid on {now:%Y-%m-%d}",
            expected=f"{newest.start:%Y-%m-%d} to {newest.end:%Y-%m-%d}",
            cause="fetch the vendor's revocation lists again",
        )
    return newest


@lru_cache(maxsize=64)
def read_crl(encoded: bytes) -> RevocationList:
    """A list's fields, strictly; nothing is verified.

    Raises:
        EvidenceRejected: it is no list of version 2 (RFC 5280 §5.1).
    """
    outer = Der(encoded, "revocation list")
    parts = outer.inside(der.SEQUENCE, "outer part")
    outer.end()
    tbs = parts.whole(der.SEQUENCE, "tbsCertList")
    parts.whole(der.SEQUENCE, "signatureAlgorithm")
    signature = parts.bits("signatureValue")
    parts.end()
    body = Der(tbs, "revocation list").inside(der.SEQUENCE, "tbsCertList")
    if body.integer("version") != 1:
        raise rejected("a revocation list", found="of another version", expected="version 2")
    body.whole(der.SEQUENCE, "signature")
    issuer = body.whole(der.SEQUENCE, "issuer")
    start, end = body.time("thisUpdate"), body.time("nextUpdate")
    return RevocationList(issuer, start, end, encoded, tbs, signature)


@lru_cache(maxsize=64)
def _revoked(encoded: bytes) -> frozenset[int]:
    """Serial numbers on a list whose signature holds."""
    try:
        crl = x509.load_der_x509_crl(encoded)
        critical = any(extension.critical for extension in crl.extensions)
        serials = frozenset(entry.serial_number for entry in crl)
    except ValueError:
        raise rejected("a revocation list", found="not readable", expected="a DER CRL") from None
    if critical:
        # Delta, indirect and partial lists say so in a critical extension (RFC 5280 §5.2).
        raise rejected("a revocation list", found="partial", expected="a complete one")
    return serials


def _require_absent(crl: RevocationList, certificate: Certificate, issuer: Certificate) -> None:
    if certificate.serial in _revoked(crl.encoded):
        whom = "its root" if issuer.issuer == issuer.subject else issuer.common_name
        raise rejected(
            certificate.common_name,
            found=f"revoked by {whom}",
            expected="a certificate in force",
            cause="fetch the vendor's certificates again; if it stays, do not use this machine",
        )
