"""Is this Nitro document authentic? A COSE message of AWS's module, with its chain inside.

The steps, in this order, the first fault ends it:

1. read the message and the document strictly: ES384, SHA384, registers of 48 bytes;
2. the first certificate of `cabundle` is, by its fingerprint, an anchor of AWS;
3. the chain in the order of the bundle, then the document's certificate: names, authority, path
   lengths, validity at `now`, ECDSA P-384 signatures;
4. the message's signature under that certificate's key.

The user data is compared with the binding by `verifier`, for every platform in the same way.

Checks that are deliberately not made: `timestamp` (the host's clock; freshness is the binding's,
and the leaf lives three hours), `nonce` and `public_key` (chosen by the measured code, as user data
is; the binding names the nonces and keys of the conversation), the region and instance in the
certificates' names (PCR4 and the module id are appraised), the root's signature of itself (it is
known by its fingerprint), and revocation (AWS's certificates below it live hours to weeks).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.claims.nitro import NitroClaims
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.chain import require_chain
from cleanroom.attestation.formats.cose import read_sign1, require_signer
from cleanroom.attestation.formats.nitro import MEASURED, NitroDocument, read_document
from cleanroom.attestation.formats.signatures import Suite
from cleanroom.attestation.formats.x509 import Certificate, read_certificate
from cleanroom.attestation.rejection import rejected

NITRO_SUITE: Suite = "ecdsa-p384-sha384"
"""How everything of AWS's hierarchy is signed: certificates and documents."""
WHAT = "Nitro document"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class AuthenticDocument:
    """A document that its chain vouches for; its user data is not compared yet."""

    document: NitroDocument
    root: Certificate
    leaf: Certificate


def authenticate(
    evidence: Evidence, *, anchors: Anchors, collateral: Collateral, now: datetime
) -> NitroClaims:
    """The claims in `evidence`, once AWS's chain vouches for them.

    Raises:
        EvidenceRejected: the first step that does not hold.
    """
    del collateral  # AWS says nothing beside the chain inside the document.
    if evidence.endorsements:
        raise rejected("endorsements", found="there", expected="none: the document has its chain")
    authentic = authentic_document(evidence.report, anchors, now)
    return _claims(authentic, evidence, anchors, now)


def authentic_document(raw: bytes, anchors: Anchors, now: datetime) -> AuthenticDocument:
    """The document in `raw`, once steps 1 to 4 hold.

    Raises:
        EvidenceRejected: the first step that does not hold.
    """
    # 1
    message = read_sign1(raw, WHAT, (NITRO_SUITE,), tag_optional=True)
    document = read_document(message.payload)
    # 2
    root = _root(document, anchors)
    # 3
    chain = [read_certificate(one, NITRO_SUITE) for one in document.cabundle[1:]]
    leaf = read_certificate(document.certificate, NITRO_SUITE)
    require_chain([root, *chain, leaf], now)
    # 4
    require_signer(message, leaf.public_key, WHAT)
    return AuthenticDocument(document, root, leaf)


def _root(document: NitroDocument, anchors: Anchors) -> Certificate:
    root = read_certificate(document.cabundle[0], NITRO_SUITE)
    if root.fingerprint not in anchors.roots_of("aws"):
        raise rejected(
            "the first certificate of cabundle",
            found=f"{root.common_name} ({root.fingerprint[:23]}…)",
            expected="a root that is trusted here",
            cause="simulated evidence has a root of its own, which production policies do not "
            "trust",
        )
    return root


def _claims(
    authentic: AuthenticDocument, evidence: Evidence, anchors: Anchors, now: datetime
) -> NitroClaims:
    document = authentic.document
    return NitroClaims(
        platform="nitro",
        assurance=anchors.assurance,
        anchor=authentic.root.fingerprint,
        evidence=evidence.digest,
        verified_at=now.replace(microsecond=0),
        module_id=document.module_id,
        signed_at=_moment(document.timestamp),
        certified_until=authentic.leaf.not_after,
        pcrs={str(number): content.hex() for number, content in document.pcrs.items()},
        debug=any(not any(document.pcrs[number]) for number in MEASURED),
        public_key=document.public_key.hex(),
        nonce=document.nonce.hex(),
        report_data=document.user_data.hex(),
    )


def _moment(milliseconds: int) -> datetime:
    try:
        return EPOCH + timedelta(seconds=milliseconds // 1000)
    except OverflowError:
        raise rejected("timestamp", found="beyond the calendar", expected="a time") from None
