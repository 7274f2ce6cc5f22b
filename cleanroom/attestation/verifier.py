"""The one door from evidence to claims.

`verify` is cryptography: a vendor's chain vouches for the evidence, and the evidence is bound to
the 64 bytes that the caller expects. Whether the claims are *wanted* is for `appraisal`. There is
no default for any argument: forgetting one must not be possible.
"""

from datetime import datetime

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.binding import Binding, binding_of, check_binding
from cleanroom.attestation.claims import Claims
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.formats import snp
from cleanroom.attestation.platforms import sev_snp
from cleanroom.attestation.platforms.sev_snp import AuthenticReport


def verify(
    evidence: Evidence,
    *,
    binding: Binding,
    anchors: Anchors,
    collateral: Collateral,
    now: datetime,
) -> Claims:
    """The claims in `evidence`, once its vendor's chain vouches for them and `binding` is inside.

    Args:
        evidence: from anybody; nothing in it is trusted yet.
        binding: the 64 bytes that this conversation expects as report data.
        anchors: the roots that may vouch.
        collateral: revocation lists to apply.
        now: the time to check validity at, aware.

    Raises:
        EvidenceRejected: some layout, chain or signature does not hold; the first fault.
        BindingMismatch: the evidence is genuine but made for another conversation.
    """
    expected = binding_of(binding)
    authentic = sev_snp.authenticate(evidence, anchors=anchors, collateral=collateral, now=now)
    check_binding(authentic.report.fields.octets["report_data"], expected)
    return _claims(authentic, evidence, anchors, now)


def _claims(
    authentic: AuthenticReport, evidence: Evidence, anchors: Anchors, now: datetime
) -> Claims:
    octets, numbers = authentic.report.fields.octets, authentic.report.fields.numbers
    product = authentic.product
    return Claims(
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
        guest_policy=snp.set_bits(numbers["policy"], snp.GUEST_POLICY_BITS),
        guest_policy_word=hex(numbers["policy"]),
        platform_info=snp.set_bits(numbers["platform_info"], snp.PLATFORM_BITS),
        platform_info_unknown=snp.unnamed_bits(numbers["platform_info"], snp.PLATFORM_BITS),
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
