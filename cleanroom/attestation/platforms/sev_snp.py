"""A SEV-SNP guest presents its processor's report and AMD's certificates, nothing around them."""

from datetime import datetime

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.claims import SevSnpClaims
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.silicon import sev_snp
from cleanroom.attestation.silicon.snp_claims import report_claims


def authenticate(
    evidence: Evidence, *, anchors: Anchors, collateral: Collateral, now: datetime
) -> SevSnpClaims:
    """The claims in `evidence`, once AMD's chain vouches for them.

    Raises:
        EvidenceRejected: the first step of `silicon.sev_snp` that does not hold.
    """
    authentic = sev_snp.authenticate(
        evidence.report, evidence.endorsements, anchors=anchors, collateral=collateral, now=now
    )
    return SevSnpClaims(
        platform="sev-snp",
        assurance=anchors.assurance,
        evidence=evidence.digest,
        verified_at=now.replace(microsecond=0),
        report_data=authentic.report.fields.octets["report_data"].hex(),
        **report_claims(authentic),
    )
