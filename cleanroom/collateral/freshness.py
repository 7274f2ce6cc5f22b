"""Is what was fetched still in force? Vendors say until when, and nobody may stretch that unsaid.

`moment_of` gives the time at which a bundle is to be judged: now, or, within a grace that somebody
asked for by name, the last moment at which all of it was in force. So grace never switches a check
off: it looks at everything as of then, and a certificate that ended in between counts that long.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from cryptography import x509

from cleanroom.attestation.collateral import SignedDocument
from cleanroom.attestation.formats.amd_certificates import AMD_SUITE
from cleanroom.attestation.formats.intel_documents import (
    Dated,
    read_enclave_identity,
    read_tcb_info,
    signed_part,
)
from cleanroom.attestation.formats.x509 import read_certificate
from cleanroom.attestation.rejection import rejected
from cleanroom.collateral.bundle import Bundle
from cleanroom.errors import CollateralMissing, Problem

LONGEST_GRACE_S = 30 * 24 * 3600
"""As long as Intel's documents and AMD's lists are in force; in seconds."""


@dataclass(frozen=True, slots=True)
class Window:
    """When something of a bundle is in force, as it says itself."""

    kind: Literal["certificate", "list", "document"]
    name: str
    """What it is, in words."""
    start: datetime
    end: datetime


def windows(bundle: Bundle) -> list[Window]:
    """Every part of a bundle with its window.

    Raises:
        EvidenceRejected: a part cannot be read.
    """
    intel = bundle.collateral.intel
    lists = [("AMD", one) for one in bundle.collateral.amd_crls]
    lists += [("Intel", one) for one in (intel.root_crl, *intel.pck_crls)] if intel else []
    return [
        *_certificates(bundle.certificates),
        *(_list(vendor, encoded) for vendor, encoded in lists),
        *(_tcb_info(one) for one in (intel.tcb_infos if intel else [])),
        *(_identity(one) for one in (intel.qe_identities if intel else [])),
    ]


def moment_of(bundle: Bundle, now: datetime, *, grace_s: int) -> datetime:
    """The time to judge evidence at with this bundle.

    Args:
        bundle: lists and documents; an empty one is always in force.
        now: the time, aware.
        grace_s: how long after its end a list or document may still be used, in seconds; 0 is not
            at all.

    Raises:
        CollateralMissing: a part is not in force yet, or longer past than the grace.
    """
    if not 0 <= grace_s <= LONGEST_GRACE_S:
        raise CollateralMissing(
            f"the grace is {grace_s} s, expected 0 to {LONGEST_GRACE_S} s",
            hint="give a shorter grace, or fetch again",
        )
    judged = [one for one in windows(bundle) if one.kind != "certificate"]
    grace = timedelta(seconds=grace_s)
    past = [one for one in judged if now - grace > one.end or now < one.start]
    if past:
        raise _not_in_force(past, now)
    return min([now, *(one.end for one in judged)])


def _not_in_force(past: list[Window], now: datetime) -> CollateralMissing:
    problems = [
        Problem(
            f"{one.name} is in force from {one.start:%Y-%m-%d} to {one.end:%Y-%m-%d}",
            where=one.kind,
        )
        for one in past
    ]
    return CollateralMissing(
        f"{len(past)} parts of the bundle are not in force on {now:%Y-%m-%d}: "
        f"{problems[0].message}",
        problems=problems,
    )


def _certificates(encoded: Iterable[bytes]) -> list[Window]:
    read = [read_certificate(one, AMD_SUITE) for one in encoded]
    return [Window("certificate", one.common_name, one.not_before, one.not_after) for one in read]


def _list(vendor: str, encoded: bytes) -> Window:
    try:
        crl = x509.load_der_x509_crl(encoded)
        issuer = str(crl.issuer.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)
        start, end = crl.last_update_utc, crl.next_update_utc
    except (ValueError, IndexError):
        raise rejected(f"{vendor}'s list", found="unreadable", expected="a DER CRL") from None
    if end is None:
        raise rejected(f"{vendor}'s list", found="without an end", expected="nextUpdate")
    return Window("list", f"list of {issuer}", start, end)


def _tcb_info(signed: SignedDocument) -> Window:
    found = read_tcb_info(signed_part(signed.document, "tcbInfo")[0])
    return _document(found, f"{found.id} TCB info of FMSPC {found.fmspc}")


def _identity(signed: SignedDocument) -> Window:
    found = read_enclave_identity(signed_part(signed.document, "enclaveIdentity")[0])
    return _document(found, f"{found.id} identity")


def _document(found: Dated, name: str) -> Window:
    return Window("document", name, found.issue_date, found.next_update)
