"""What a vendor says besides certificates: revocation lists, as bytes that somebody fetched.

`Collateral` is an argument without a default: who verifies without revocation lists writes
`Collateral()` and so says it. Fetching is the business of `cleanroom.collateral`.
"""

from datetime import datetime
from typing import Annotated

from cryptography import x509
from pydantic import Field

from cleanroom.attestation.formats.x509 import Certificate, require_signed
from cleanroom.attestation.rejection import rejected
from cleanroom.encoding import Bytes, Record

LARGEST_CRL = 1024 * 1024
"""AMD's lists are below 1 KiB today; in bytes."""


class Collateral(Record):
    """Revocation lists to apply; empty when there are none to apply."""

    amd_crls: list[Annotated[Bytes, Field(min_length=1, max_length=LARGEST_CRL)]] = Field(
        default=[], max_length=8
    )
    """DER lists of https://kdsintf.amd.com/{vcek,vlek}/v1/{product}/crl, each signed by its ARK."""


def require_unrevoked(
    intermediate: Certificate, root: Certificate, collateral: Collateral, now: datetime
) -> None:
    """Refuse an intermediate that its root has revoked.

    Lists of other roots are skipped: one `Collateral` serves all products. Where there are lists,
    one of them must be this root's.

    Raises:
        EvidenceRejected: no list is of this root, or one of it is not signed by it, is outside its
            time window, or revokes the intermediate.
    """
    crls = [_read_crl(encoded) for encoded in collateral.amd_crls]
    issued = [crl for crl in crls if crl.issuer.public_bytes() == root.subject]
    if crls and not issued:
        raise rejected(
            "collateral", found=f"without a list of {root.common_name}", expected="one of each root"
        )
    for crl in issued:
        _require_current(crl, now)
        require_signed(
            crl.tbs_certlist_bytes, crl.signature, root.public_key, "the revocation list"
        )
        _require_absent(crl, intermediate)


def _read_crl(encoded: bytes) -> x509.CertificateRevocationList:
    try:
        return x509.load_der_x509_crl(encoded)
    except ValueError:
        raise rejected("a revocation list", found="not readable", expected="a DER CRL") from None


def _require_current(crl: x509.CertificateRevocationList, now: datetime) -> None:
    start, end = crl.last_update_utc, crl.next_update_utc
    if end is None or not start <= now <= end:
        raise rejected(
            "the revocation list",
            found=f"not valid on {now:%Y-%m-%d}",
            expected=f"{start:%Y-%m-%d} to {end:%Y-%m-%d}" if end else "a next update",
            cause="fetch the vendor's revocation lists again",
        )


def _require_absent(crl: x509.CertificateRevocationList, certificate: Certificate) -> None:
    if crl.get_revoked_certificate_by_serial_number(certificate.serial) is not None:
        raise rejected(
            certificate.common_name,
            found="revoked by its root",
            expected="a certificate in force",
            cause="fetch the vendor's certificates again; if it stays, do not use this machine",
        )
