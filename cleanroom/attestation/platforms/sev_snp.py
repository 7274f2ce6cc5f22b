"""A SEV-SNP guest presents its processor's report and AMD's certificates, nothing around them."""

from datetime import datetime

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.claims import SevSnpClaims
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats import snp
from cleanroom.attestation.formats.bits import set_bits, unnamed_bits
from cleanroom.attestation.silicon import sev_snp
from cleanroom.attestation.silicon.sev_snp import AuthenticReport


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
    return _claims(authentic, evidence, anchors, now)


def _claims(
    authentic: AuthenticReport, evidence: Evidence, anchors: Anchors, now: datetime
) -> SevSnpClaims:
    octets, numbers = authentic.report.fields.octets, authentic.report.fields.numbers
    product = authentic.product
    return SevSnpClaims(
        platform="sev-snp",
        assurance=anchors.assurance,
        anchor=authentic.chain.root.fingerprint,
        evidence=evidence.digest,
        verified_at=now.replace(microsecond=0),
        product=product,
        report_version=authentic.report.version,
        measurement=octets["measurement"].hex(),
        host_data=octets["host_data"].hex(),
        tcb={
            "reported": snp.read_tcb(octets["reported_tcb"], product),
            "committed": snp.read_tcb(octets["committed_tcb"], product),
            "launch": snp.read_tcb(octets["launch_tcb"], product),
            "current": snp.read_tcb(octets["current_tcb"], product),
        },
        guest_svn=numbers["guest_svn"],
        guest_policy=set_bits(numbers["policy"], snp.GUEST_POLICY_BITS),
        guest_policy_word=hex(numbers["policy"]),
        platform_info=set_bits(numbers["platform_info"], snp.PLATFORM_BITS),
        platform_info_unknown=unnamed_bits(numbers["platform_info"], snp.PLATFORM_BITS),
        vmpl=numbers["vmpl"],
        chip_id=octets["chip_id"].hex(),
        signing_key=authentic.report.signing_key,
        csp_id=authentic.csp_id,
        id_key_digest=octets["id_key_digest"].hex(),
        author_key_digest=octets["author_key_digest"].hex(),
        family_id=octets["family_id"].hex(),
        image_id=octets["image_id"].hex(),
        launch_mitigations=hex(numbers.get("launch_mit_vector", 0)),
        current_mitigations=hex(numbers.get("current_mit_vector", 0)),
        report_data=octets["report_data"].hex(),
    )
