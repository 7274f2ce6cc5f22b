"""An operator forges evidence: it must not become claims, and never an attestation result.

The operator owns the host and the network. Genuine parts are at hand: reports of other guests,
certificates of other machines, a simulated platform of its own.
"""

import pytest

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.appraisal import appraise
from cleanroom.attestation.binding import bind
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.verifier import verify
from cleanroom.errors import AppraisalFailed, BindingMismatch, EvidenceRejected
from tests.support.platform import (
    BINDING,
    GENESIS,
    MEASUREMENT,
    NOW,
    development_anchors,
    good_attester,
    good_evidence,
    good_policy,
    other_platform,
    simulated_platform,
    verified,
)

SIGNED_FIELDS = {
    "guest_svn": 0x04,
    "guest policy": 0x08,
    "family_id": 0x10,
    "vmpl": 0x30,
    "current_tcb": 0x38,
    "platform_info": 0x40,
    "report_data": 0x50,
    "measurement": 0x90,
    "host_data": 0xC0,
    "id_key_digest": 0xE0,
    "author_key_digest": 0x110,
    "report_id": 0x140,
    "launch_tcb": 0x1F0,
    "committed_tcb": 0x1E0,
    "launch_mit_vector": 0x1F8,
    "signature_r": 0x2A0,
    "signature_s": 0x2E8,
}


def with_report(evidence, report):
    return evidence.model_copy(update={"report": report})


def appraised(claims, **changed):
    return appraise(claims, {"entry": good_policy(**changed)}, genesis=GENESIS, now=NOW)


@pytest.mark.parametrize("at", SIGNED_FIELDS.values(), ids=SIGNED_FIELDS.keys())
def test_field_altered_after_signing(at):
    evidence = good_evidence()
    report = bytearray(evidence.report)
    report[at] ^= 0x01
    with pytest.raises(EvidenceRejected, match="report signature is not of the leaf"):
        verified(with_report(evidence, bytes(report)))


def test_reported_tcb_raised_above_the_certificate():
    evidence = good_evidence()
    report = bytearray(evidence.report)
    report[0x187] = 0xFF
    with pytest.raises(EvidenceRejected, match=r"reported TCB is .*, as the leaf certificate says"):
        verified(with_report(evidence, bytes(report)))


def test_chip_id_of_a_listed_chip_pasted_in():
    evidence = good_evidence()
    report = bytearray(evidence.report)
    report[0x1A0:0x1E0] = bytes(range(64))
    with pytest.raises(EvidenceRejected, match="chip id is 00010203"):
        verified(with_report(evidence, bytes(report)))


def test_zero_signature():
    evidence = good_evidence()
    report = evidence.report[:0x2A0] + bytes(0x200)
    with pytest.raises(EvidenceRejected, match="report signature is zero"):
        verified(with_report(evidence, report))


def test_masked_chip_key_signs_nothing():
    with pytest.raises(EvidenceRejected, match="MASK_CHIP_KEY"):
        verified(good_evidence(scenario="masked-chip"))


def test_hidden_chip_under_a_chip_key():
    with pytest.raises(EvidenceRejected, match="chip id is 0000000000000000"):
        verified(good_evidence(scenario="hidden-chip"))


def test_root_of_the_attackers_own():
    """The whole chain is sound, only its root is nobody's."""
    evidence = other_platform().attester(MEASUREMENT, GENESIS).collect(BINDING)
    with pytest.raises(EvidenceRejected, match=r"a root .ARK. that is trusted here"):
        verified(evidence)


def test_own_root_sent_along_with_the_trusted_one():
    """Both roots have the same name; only the trusted one may vouch, and it did not sign."""
    forged = other_platform().attester(MEASUREMENT, GENESIS).collect(BINDING)
    both = [*forged.endorsements, simulated_platform().root_certificate]
    with pytest.raises(EvidenceRejected, match="signature of SEV-Genoa is not its issuer's"):
        verified(forged.model_copy(update={"endorsements": both}))


def test_report_under_another_machines_certificates():
    evidence = good_evidence()
    other = other_platform().attester(MEASUREMENT, GENESIS).collect(BINDING)
    with pytest.raises(EvidenceRejected, match="chip id"):
        verified(evidence.model_copy(update={"report": other.report}))


def test_simulated_evidence_under_production_anchors():
    with pytest.raises(EvidenceRejected, match=r"a root .ARK. that is trusted here") as refused:
        verify(
            good_evidence(),
            binding=BINDING,
            anchors=Anchors.vendor(),
            collateral=Collateral(),
            now=NOW,
        )
    assert "which production policies do not trust" in refused.value.hint


def test_simulated_evidence_under_a_production_policy():
    with pytest.raises(AppraisalFailed, match="assurance is simulated, expected hardware"):
        appraised(verified(good_evidence()), development_roots=None)


def test_evidence_replayed_into_another_session():
    stale = good_attester().collect(bind("cleanroom/test/v1", b"yesterday's nonce"))
    with pytest.raises(BindingMismatch, match="report data is"):
        verified(stale)


def test_evidence_made_for_another_role():
    as_worker = good_attester().collect(bind("cleanroom/join/v1", b"nonce"))
    with pytest.raises(BindingMismatch, match="report data is"):
        verified(as_worker, bind("cleanroom/statement/v1", b"nonce"))


@pytest.mark.parametrize("binding", [b"", BINDING[:32], BINDING[:63], BINDING + b"\0"])
def test_expectation_that_is_short_or_long(binding):
    """A verifier with a wrong expectation must not match a prefix or a padding."""
    with pytest.raises(BindingMismatch, match="expected 64 bytes"):
        verified(good_evidence(), binding)


def test_short_report_data_padded_with_zeros():
    padded = good_attester().collect(BINDING[:32] + bytes(32))
    with pytest.raises(BindingMismatch, match="report data is"):
        verified(padded)


def test_binding_that_is_left_out():
    with pytest.raises(TypeError, match="binding"):
        verify(good_evidence(), anchors=development_anchors(), collateral=Collateral(), now=NOW)


@pytest.mark.parametrize("product", ["Milan", "Genoa", "Turin"])
def test_report_of_another_product_than_its_certificates(product):
    with pytest.raises(EvidenceRejected, match="the product of the report is"):
        verified(good_evidence(product, "product-confusion"))


def test_vlek_certificate_for_a_chip_key_report():
    vlek = good_evidence(scenario="vlek")
    swapped = Evidence(
        platform="sev-snp", report=good_evidence().report, endorsements=vlek.endorsements
    )
    with pytest.raises(EvidenceRejected, match="SEV-VCEK certificate is missing"):
        verified(swapped)


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_certificate_left_out(missing):
    evidence = good_evidence()
    fewer = [one for at, one in enumerate(evidence.endorsements) if at != missing]
    with pytest.raises(EvidenceRejected, match="is missing from the endorsements"):
        verified(evidence.model_copy(update={"endorsements": fewer}))


def test_expired_certificate():
    with pytest.raises(EvidenceRejected, match="outside the validity of SEV-VCEK"):
        verified(good_evidence(scenario="expired"))


def test_reserved_byte_that_carries_something():
    evidence = good_evidence()
    report = evidence.report[:-1] + b"\x01"
    with pytest.raises(EvidenceRejected, match="expected reserved bytes to be zero"):
        verified(with_report(evidence, report))


def test_unknown_platform_bit_6_is_no_attack():
    claims = verified(good_evidence(scenario="unknown-bit"))
    assert claims.platform_info_unknown == [6]
    assert appraised(claims).status == "warning"
