"""Certificate revocation lists (RFC 5280 §5): in force, signed by their issuer, and heeded."""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

from cryptography import x509

from cleanroom.attestation.formats.signatures import require_signed
from cleanroom.attestation.formats.x509 import Certificate
from cleanroom.attestation.rejection import rejected


def require_unrevoked(
    certificate: Certificate, issuer: Certificate, lists: Iterable[bytes], now: datetime
) -> None:
    """Refuse a certificate that its issuer has revoked.

    Lists of other issuers are skipped. Where there are lists, one of them must be this issuer's.

    Args:
        certificate: what may be revoked; its suite is what the issuer signs lists with, too.
        issuer: who signed it.
        lists: DER.
        now: the time that a list must be in force at, aware.

    Raises:
        EvidenceRejected: no list is of this issuer, or one of it is not signed by it, is outside
            its time window, or revokes the certificate.
    """
    crls = [_read_crl(encoded) for encoded in lists]
    issued = [crl for crl in crls if crl.issuer.public_bytes() == issuer.subject]
    if crls and not issued:
        raise rejected(
            "collateral",
            found=f"without a list of {issuer.common_name}",
            expected="one of each issuer",
        )
    for crl in issued:
        _require_current(crl, now)
        require_signed(
            crl.tbs_certlist_bytes,
            crl.signature,
            issuer.public_key,
            "the revocation list",
            certificate.suite,
        )
        _require_absent(crl, certificate, issuer)


@lru_cache(maxsize=64)
def _read_crl(encoded: bytes) -> x509.CertificateRevocationList:
    try:
        crl = x509.load_der_x509_crl(encoded)
        critical = any(extension.critical for extension in crl.extensions)
    except ValueError:
        raise rejected("a revocation list", found="not readable", expected="a DER CRL") from None
    if critical:
        # Delta, indirect and partial lists say so in a critical extension (RFC 5280 §5.2).
        raise rejected("a revocation list", found="partial", expected="a complete one")
    return crl


def _require_current(crl: x509.CertificateRevocationList, now: datetime) -> None:
    start, end = crl.last_update_utc, crl.next_update_utc
    if end is None or not start <= now <= end:
        raise rejected(
            "the revocation list",
            found=f"not valid on {now:%Y-%m-%d}",
            expected=f"{start:%Y-%m-%d} to {end:%Y-%m-%d}" if end else "a next update",
            cause="fetch the vendor's revocation lists again",
        )


def _require_absent(
    crl: x509.CertificateRevocationList, certificate: Certificate, issuer: Certificate
) -> None:
    if crl.get_revoked_certificate_by_serial_number(certificate.serial) is not None:
        whom = "its root" if issuer.issuer == issuer.subject else issuer.common_name
        raise rejected(
            certificate.common_name,
            found=f"revoked by {whom}",
            expected="a certificate in force",
            cause="fetch the vendor's certificates again; if it stays, do not use this machine",
        )
