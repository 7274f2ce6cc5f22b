"""A guest on Azure over SEV-SNP presents its paravisor's report and its vTPM's quote.

1. read the parts and the paravisor's report, over SEV-SNP;
2. the processor's report inside is authentic, see `silicon.sev_snp`;
3. the paravisor's words and the vTPM's quote, see `silicon.paravisor`.
"""

from datetime import datetime

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.claims import AzureSnpClaims
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats.tpm_parts import AzureParts, read_parts
from cleanroom.attestation.rejection import rejected
from cleanroom.attestation.silicon import paravisor, sev_snp
from cleanroom.attestation.silicon.boot_claims import boot_claims
from cleanroom.attestation.silicon.paravisor import guest_claims
from cleanroom.attestation.silicon.snp_claims import report_claims


def authenticate(
    evidence: Evidence, *, anchors: Anchors, collateral: Collateral, now: datetime
) -> AzureSnpClaims:
    """The claims in `evidence`, once AMD's chain vouches for them.

    Raises:
        EvidenceRejected: the first step that does not hold.
    """
    # 1
    parts = read_parts(AzureParts, evidence.report)
    if parts.td_quote is not None:
        raise rejected("azure-snp evidence", found="with a TD quote", expected="none")
    hcl = paravisor.read_report(parts.hcl_report, "snp")
    # 2
    authentic = sev_snp.authenticate(
        hcl.report, evidence.endorsements, anchors=anchors, collateral=collateral, now=now
    )
    # 3
    report_data = authentic.report.fields.octets["report_data"]
    guest = paravisor.authenticate(hcl, report_data, parts.quotation, evidence.event_log)
    return AzureSnpClaims(
        platform="azure-snp",
        assurance=anchors.assurance,
        evidence=evidence.digest,
        verified_at=now.replace(microsecond=0),
        report_data=guest.quote.quoted.extra_data.hex(),
        guest=guest_claims(guest),
        boot=boot_claims(guest.quote),
        **report_claims(authentic),
    )
