"""Is this quote authentic, and what does Intel say about its platform? For SGX and TDX.

The steps, in this order, the first fault ends it:

1. read the quote strictly;
2. the PCK chain: three certificates, an anchor at its root, names, authority, validity, signatures;
3. revocation: the authority by the root's list, the PCK by its authority's list;
4. Intel's documents: their chain to the same root, signature over the exact bytes, time windows;
5. they are about this platform: kind, FMSPC and PCE identity;
6. the QE report's signature under the PCK;
7. the QE report carries the digest of the attestation key and the QE's data;
8. the quoting enclave is Intel's: signer, product, attributes;
9. the quote's signature under the attestation key;
10. for TDX, the module's signer and attributes;
11. the TCB status, see `intel_tcb`.

Checks that are deliberately not made: the issuer chain of the PCK revocation list (the list must
be signed by the very authority that issued the PCK), key identifiers (names and signatures
decide), and the header's `user_data` (it names a QE that no key vouches for).
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.claims.dcap import IntelHost
from cleanroom.attestation.collateral import IntelCollateral
from cleanroom.attestation.formats.intel_documents import (
    EnclaveIdentity,
    IsvLevel,
    Module,
    TcbInfo,
)
from cleanroom.attestation.formats.pck import Pck
from cleanroom.attestation.formats.quote import Quote, Tee, read_quote
from cleanroom.attestation.formats.reader import require_zero
from cleanroom.attestation.formats.signatures import der_signature, require_signed
from cleanroom.attestation.formats.x509 import Certificate
from cleanroom.attestation.rejection import rejected
from cleanroom.attestation.silicon.intel import (
    INTEL_SUITE,
    Judge,
    platform_of,
    require_chain,
    require_unrevoked_chain,
)
from cleanroom.attestation.silicon.intel_tcb import (
    Standing,
    TdxLevels,
    isv_level,
    module_identity,
    standing_of,
)

P256_KEY = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
"""What stands before the two coordinates in the SubjectPublicKeyInfo of a P-256 key (RFC 5480)."""


@dataclass(frozen=True, slots=True)
class AuthenticQuote:
    """A quote that Intel vouches for; its report data is not compared yet."""

    quote: Quote
    root: Certificate
    pck: Pck
    standing: Standing
    evaluation: int
    """The lower `tcbEvaluationDataNumber` of both documents."""
    in_force_until: datetime
    """When the first of both documents ends."""
    issued_at: datetime
    """When the oldest of lists and documents was issued."""


def authenticate(
    raw: bytes, tee: Tee, *, anchors: Anchors, collateral: IntelCollateral, now: datetime
) -> AuthenticQuote:
    """The quote in `raw`, once steps 1 to 11 hold.

    Args:
        raw: a quote; what follows its declared length is ignored.
        tee: what it must be a quote of.
        anchors: the roots that may vouch.
        collateral: Intel's lists and documents.
        now: the time to check windows at, aware.

    Raises:
        EvidenceRejected: the first step that does not hold.
    """
    # 1
    quote = read_quote(raw)
    if quote.tee != tee:
        raise rejected("the quote", found=f"of {quote.tee}", expected=tee)
    # 2 and 3
    chain = require_chain(quote, anchors, now)
    lists = require_unrevoked_chain(chain, collateral, now)
    # 4 and 5
    pck, judge = platform_of(chain), Judge(chain.root, collateral, now)
    info, identity = judge.tcb_info(tee, pck), judge.quoting_enclave(tee)
    # 6 to 9
    require_attestation_key(quote, chain.leaf)
    enclave = require_quoting_enclave(quote, identity)
    require_quote_signature(quote)
    # 10 and 11
    tdx = require_module(quote, info) if tee == "tdx" else None
    return AuthenticQuote(
        quote=quote,
        root=chain.root,
        pck=pck,
        standing=standing_of(info, pck, enclave, tdx),
        evaluation=min(info.tcb_evaluation_data_number, identity.tcb_evaluation_data_number),
        in_force_until=min(info.next_update, identity.next_update),
        issued_at=min(info.issue_date, identity.issue_date, *(crl.start for crl in lists)),
    )


def host_of(authentic: AuthenticQuote) -> IntelHost:
    """The machine under an authentic quote, in words."""
    pck, standing = authentic.pck, authentic.standing
    return IntelHost(
        quote_version=authentic.quote.version,
        tcb_status=standing.status,
        tcb_date=standing.date,
        advisory_ids=list(standing.advisories),
        tcb_evaluation_number=authentic.evaluation,
        collateral_until=authentic.in_force_until,
        collateral_issued_at=authentic.issued_at,
        ppid=pck.ppid.hex(),
        platform_instance=pck.instance.hex(),
        fmspc=pck.fmspc.hex(),
        sgx_type=pck.sgx_type,
        platform_flags=pck.flags,
    )


def require_attestation_key(quote: Quote, leaf: Certificate) -> None:
    """Steps 6 and 7: the platform's PCK vouches for the QE, and the QE for the attestation key.

    Raises:
        EvidenceRejected: the QE report is not signed by the PCK, or speaks for another key.
    """
    require_signed(
        quote.qe_report,
        der_signature(quote.qe_signature),
        leaf.public_key,
        "the QE report",
        INTEL_SUITE,
    )
    carried = quote.qe_fields.octets["report_data"]
    wanted = hashlib.sha256(quote.attestation_key + quote.qe_auth).digest()
    if not hmac.compare_digest(carried[:32], wanted):
        raise rejected(
            "the QE's report data",
            found="of another attestation key",
            expected="the digest of this one and the QE's data",
        )
    require_zero(carried[32:], "the rest of the QE's report data")


def require_quoting_enclave(quote: Quote, identity: EnclaveIdentity) -> IsvLevel:
    """Step 8: the QE is the enclave that Intel names; gives the level that it is at.

    Raises:
        EvidenceRejected: it is another enclave, or below every level.
    """
    fields = quote.qe_fields
    misc = fields.numbers["misc_select"] & int(identity.miscselect_mask, 16)
    attributes = _masked(fields.octets["attributes"], identity.attributes_mask)
    compared = (
        ("miscselect", f"{misc:08x}", identity.miscselect),
        ("attributes", attributes, identity.attributes),
        ("MRSIGNER", fields.octets["mr_signer"].hex(), identity.mr_signer),
        ("product", str(fields.numbers["isv_prod_id"]), str(identity.isv_prod_id)),
    )
    for name, found, expected in compared:
        if found != expected:
            raise rejected(f"the QE's {name}", found=found, expected=expected)
    return isv_level(identity.tcb_levels, fields.numbers["isv_svn"], "the quoting enclave")


def require_quote_signature(quote: Quote) -> None:
    """Step 9: the attestation key signs header and body.

    Raises:
        EvidenceRejected: it does not, or it is no point of the curve.
    """
    require_signed(
        quote.signed,
        der_signature(quote.signature),
        P256_KEY + quote.attestation_key,
        "the quote",
        INTEL_SUITE,
    )


def require_module(quote: Quote, info: TcbInfo) -> TdxLevels:
    """Step 10: the TDX module is one that Intel names; gives the levels that the guest reports.

    Raises:
        EvidenceRejected: another signer, or attributes that are not Intel's or not zero.
    """
    octets = quote.body.octets
    svn = octets["tee_tcb_svn"]
    module: Module | None = module_identity(info, svn) or info.module
    if module is None:
        raise rejected("TCB info", found="without a TDX module", expected="one")
    if octets["mr_signer_seam"].hex() != module.mr_signer:
        raise rejected(
            "MRSIGNERSEAM", found=octets["mr_signer_seam"].hex(), expected=module.mr_signer
        )
    require_zero(octets["seam_attributes"], "SEAMATTRIBUTES")
    if _masked(octets["seam_attributes"], module.attributes_mask) != module.attributes:
        raise rejected("SEAMATTRIBUTES", found="zero", expected=module.attributes)
    return TdxLevels(svn, octets.get("tee_tcb_svn2"))


def _masked(raw: bytes, mask: str) -> str:
    """`raw` under a mask of the same length, hex; nothing of it under another."""
    wanted = bytes.fromhex(mask)
    if len(wanted) != len(raw):
        return ""
    return bytes(octet & keep for octet, keep in zip(raw, wanted, strict=True)).hex()
