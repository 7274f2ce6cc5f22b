"""Is this SEV-SNP report authentic? Cryptography only; what it says is appraised elsewhere.

The steps, in this order, the first fault ends it:

1. read the report and the certificates strictly;
2. the product: by the intermediate's name, the leaf's extension, the report's family and model;
3. the chain: leaf, intermediate (ASK or ASVK), and a root whose fingerprint is an anchor, for this
   product;
4. names, authority, validity at `now`, PSS signatures, revocation by every list of the root's that
   is there, whether in force or past: how old the newest may be is appraised;
5. the leaf's patch levels are the report's reported TCB, byte for byte;
6. the leaf's hardware id is the report's chip id (VCEK), or it names a cloud (VLEK);
7. the report's signature under the leaf's key.

The report data is compared by `verifier`, for every platform in the same way.

Checks that are deliberately not made: the leaf's `structVersion` (no rule depends on it), the
stepping in its product name (`Milan-B0` is Milan), the chip id under a VLEK (no certificate
vouches for it; the signature still covers it), and key identifiers (names and signatures decide).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import load_der_public_key

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.formats import x509
from cleanroom.attestation.formats.amd_certificates import (
    INTERMEDIATES,
    LEAVES,
    certified_chip,
    certified_tcb,
    csp_id,
    product_name,
    read_endorsements,
)
from cleanroom.attestation.formats.crl import RevocationList, require_unrevoked
from cleanroom.attestation.formats.snp import SnpReport, read_report
from cleanroom.attestation.formats.x509 import Certificate
from cleanroom.attestation.policy import Product
from cleanroom.attestation.rejection import only, rejected
from cleanroom.attestation.roots import AMD_ARK

CHAIN_MISSING = (
    "send the leaf, its ASK and the ARK of the machine's product; simulated evidence has a root of "
    "its own, which production policies do not trust"
)


@dataclass(frozen=True, slots=True)
class Chain:
    """Three certificates that belong together by name; verified in step 4."""

    leaf: Certificate
    intermediate: Certificate
    root: Certificate


@dataclass(frozen=True, slots=True)
class AuthenticReport:
    """A report that its chain vouches for; its report data is not compared yet."""

    report: SnpReport
    product: Product
    chain: Chain
    csp_id: str
    """The cloud that a VLEK was lent to; empty for a VCEK."""
    newest_list: RevocationList | None
    """The root's newest revocation list, which clears the chain; None where none was at hand."""


def authenticate(
    raw: bytes,
    endorsements: Iterable[bytes],
    *,
    anchors: Anchors,
    collateral: Collateral,
    now: datetime,
) -> AuthenticReport:
    """The report in `raw`, once steps 1 to 7 hold.

    Args:
        raw: 1184 bytes.
        endorsements: certificates in any form and order.
        anchors: the roots that may vouch.
        collateral: revocation lists to apply.
        now: the time to check validity at, aware.

    Raises:
        EvidenceRejected: the first step that does not hold.
    """
    # 1
    report = read_report(raw)
    certificates = read_endorsements(endorsements)
    # 2 and 3
    chain = choose_chain(report, certificates, anchors)
    product = require_one_product(report, chain, anchors)
    # 4
    require_chain(chain, now)
    newest = require_unrevoked(chain.intermediate, chain.root, collateral.amd_crls, now)
    # 5
    require_certified_tcb(report, chain.leaf, product)
    # 6
    cloud = require_certified_identity(report, chain.leaf, product)
    # 7
    require_report_signature(report, chain.leaf)
    return AuthenticReport(report, product, chain, cloud, newest)


def choose_chain(report: SnpReport, certificates: Iterable[Certificate], anchors: Anchors) -> Chain:
    """The leaf for the report's kind of key, its issuer, and that one's issuer among the anchors.

    Raises:
        EvidenceRejected: one is missing, or there are several.
    """
    known = tuple(certificates)
    name = LEAVES[report.signing_key]
    leaf = only(
        [one for one in known if one.common_name == name], f"the {name} certificate", CHAIN_MISSING
    )
    intermediate = only(
        [one for one in known if one.subject == leaf.issuer and one.common_name in INTERMEDIATES],
        f"the issuer of the {name} certificate (ASK)",
        CHAIN_MISSING,
    )
    root = only(
        [one for one in known if one.subject == intermediate.issuer and is_anchor(one, anchors)],
        f"a root (ARK) that is trusted here and issued {intermediate.common_name}",
        CHAIN_MISSING,
    )
    return Chain(leaf, intermediate, root)


def is_anchor(certificate: Certificate, anchors: Anchors) -> bool:
    """Whether this very certificate is one of the anchors."""
    return certificate.fingerprint in anchors.roots_of("amd")


def require_one_product(report: SnpReport, chain: Chain, anchors: Anchors) -> Product:
    """The product on which intermediate, root, leaf and report agree.

    Raises:
        EvidenceRejected: they do not, or the intermediate issues the other kind of key.
    """
    product, kind = INTERMEDIATES[chain.intermediate.common_name]
    if kind != report.signing_key:
        raise rejected(
            chain.intermediate.common_name, found=f"for {kind}", expected=report.signing_key
        )
    said = {"leaf certificate": product_name(chain.leaf)}
    if report.product is not None:
        said["report"] = report.product
    if anchors.assurance == "hardware":
        said["root"] = AMD_ARK[chain.root.fingerprint]
    for where, found in said.items():
        if found != product:
            raise rejected(
                f"the product of the {where}",
                found=found,
                expected=f"{product}, as {chain.intermediate.common_name} says",
                cause="certificates of another product line were sent",
            )
    return product


def require_chain(chain: Chain, now: datetime) -> None:
    """Step 4: names, authority, validity and signatures of the chain.

    Raises:
        EvidenceRejected: one of them does not hold.
    """
    root, intermediate, leaf = chain.root, chain.intermediate, chain.leaf
    if root.issuer != root.subject:
        raise rejected(root.common_name, found="issued by another", expected="self-signed")
    x509.require_authority(root, signs_more=True)
    x509.require_authority(intermediate)
    for certificate, issuer in ((root, root), (intermediate, root), (leaf, intermediate)):
        x509.require_understood(certificate)
        x509.require_valid(certificate, now)
        x509.require_issued(certificate, issuer)


def require_certified_tcb(report: SnpReport, leaf: Certificate, product: Product) -> None:
    """Step 5: the patch levels that the leaf key was derived for are the reported ones.

    Raises:
        EvidenceRejected: they differ in some byte.
    """
    certified = certified_tcb(leaf, product)
    reported = report.fields.octets["reported_tcb"]
    if certified != reported:
        raise rejected(
            "reported TCB",
            found=reported.hex(),
            expected=f"{certified.hex()}, as the leaf certificate says",
            cause="fetch the certificate for the reported patch levels; firmware was updated",
        )


def require_certified_identity(report: SnpReport, leaf: Certificate, product: Product) -> str:
    """Step 6: the chip (VCEK), or the name of the cloud that a VLEK was lent to.

    Returns:
        The cloud's name; empty for a VCEK.

    Raises:
        EvidenceRejected: the chip is another one or hidden, or the certificate has no identity.
    """
    if report.signing_key == "vlek":
        return csp_id(leaf)
    if certified_chip(leaf, product) != report.fields.octets["chip_id"]:
        raise rejected(
            "chip id",
            found=report.fields.octets["chip_id"].hex()[:16] + "…",
            expected="the hardware id of the leaf certificate",
            cause="the certificate is another chip's, or the host hides the chip id",
        )
    return ""


def require_report_signature(report: SnpReport, leaf: Certificate) -> None:
    """Step 7: ECDSA P-384 with SHA-384 over the signed part (56860, ATTESTATION_REPORT).

    Raises:
        EvidenceRejected: the signature is zero or does not verify under the leaf's key.
    """
    r, s = report.signature
    if not r or not s:
        raise rejected("report signature", found="zero", expected="an ECDSA P-384 signature")
    try:
        _report_key(leaf.public_key).verify(
            encode_dss_signature(r, s), report.signed, ec.ECDSA(SHA384())
        )
    except InvalidSignature:
        raise rejected(
            "report signature",
            found="not of the leaf certificate's key",
            expected="one that verifies",
            cause="the report was altered, or the certificate is another machine's",
        ) from None


@lru_cache(maxsize=64)
def _report_key(public_key: bytes) -> ec.EllipticCurvePublicKey:
    try:
        key = load_der_public_key(public_key)
    except (ValueError, UnsupportedAlgorithm):
        raise rejected("leaf key", found="unreadable", expected="ECDSA P-384") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        raise rejected("leaf key", found="another kind", expected="ECDSA P-384")
    return key
