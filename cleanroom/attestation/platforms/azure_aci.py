"""A container group on Azure presents its processor's report and Microsoft's word for its VM.

1. the processor's report is authentic, see `silicon.sev_snp`; it carries the binding itself;
2. one endorsement is Microsoft's: a chain to an anchor, names, authority, validity at `now`;
3. its issuer (did:x509) names the root of that chain and a usage of the signer's certificate;
4. its signature under the signer's key;
5. it endorses the report's measurement.

A check that is deliberately not made: the timestamp with which Microsoft counter-signs, which would
keep an endorsement good after its signer's certificate has ended. Microsoft signs anew before.
"""

from collections.abc import Sequence
from datetime import datetime

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.claims import AzureAciClaims
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.chain import require_chain
from cleanroom.attestation.formats.cose import SIGN1_TAG
from cleanroom.attestation.formats.signatures import require_signed
from cleanroom.attestation.formats.uvm import (
    SUITE,
    WHAT,
    UvmEndorsement,
    did_of,
    key_usages,
    read_endorsement,
)
from cleanroom.attestation.rejection import rejected
from cleanroom.attestation.silicon import sev_snp
from cleanroom.attestation.silicon.snp_claims import report_claims


def authenticate(
    evidence: Evidence, *, anchors: Anchors, collateral: Collateral, now: datetime
) -> AzureAciClaims:
    """The claims in `evidence`, once AMD and Microsoft vouch for them.

    Raises:
        EvidenceRejected: the first step that does not hold.
    """
    endorsement, certificates = _sorted(evidence.endorsements)
    # 1
    authentic = sev_snp.authenticate(
        evidence.report, certificates, anchors=anchors, collateral=collateral, now=now
    )
    # 2, 3 and 4
    uvm = require_endorsed(endorsement, anchors, now)
    # 5
    measurement = authentic.report.fields.octets["measurement"].hex()
    if uvm.measurement != measurement:
        raise rejected(
            "the measurement",
            found=f"{measurement[:16]}…",
            expected=f"{uvm.measurement[:16]}…, which Microsoft endorses",
            cause="the endorsement is of another utility VM",
        )
    return AzureAciClaims(
        platform="azure-aci",
        assurance=anchors.assurance,
        evidence=evidence.digest,
        verified_at=now.replace(microsecond=0),
        report_data=authentic.report.fields.octets["report_data"].hex(),
        uvm_issuer=uvm.issuer,
        uvm_feed=uvm.feed,
        uvm_svn=uvm.svn,
        **report_claims(authentic),
    )


def _sorted(endorsements: Sequence[bytes]) -> tuple[bytes, list[bytes]]:
    """The one endorsement of a utility VM, and the certificates."""
    signed = [one for one in endorsements if one.startswith(SIGN1_TAG)]
    if len(signed) != 1:
        raise rejected(WHAT, found=f"there {len(signed)} times", expected="exactly once")
    return signed[0], [one for one in endorsements if not one.startswith(SIGN1_TAG)]


def require_endorsed(raw: bytes, anchors: Anchors, now: datetime) -> UvmEndorsement:
    """Steps 2 to 4: what Microsoft endorses.

    Raises:
        EvidenceRejected: the chain, its issuer's name or the signature does not hold.
    """
    uvm = read_endorsement(raw)
    # 2
    root = uvm.chain[0]
    if root.fingerprint not in anchors.roots_of("microsoft"):
        raise rejected(
            f"the root of {WHAT}",
            found=root.fingerprint,
            expected="a root that is trusted here",
            cause="simulated evidence has its own root, which production policies do not trust",
        )
    signer = require_chain(uvm.chain, now)
    # 3
    if uvm.issuer not in {did_of(root, usage) for usage in key_usages(signer)}:
        raise rejected(
            f"the issuer of {WHAT}",
            found=uvm.issuer,
            expected="the root of its chain and a usage of its signer",
        )
    # 4
    require_signed(uvm.signed, uvm.signature, signer.public_key, WHAT, SUITE)
    return uvm
