"""An operator forges what a TPM quoted: it must not become claims, and never a result.

The operator has TPMs and keys of its own, quotes of other conversations and other boots, and may
sign anything that an unrestricted key signs.
"""

import hashlib

import pytest

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.appraisal import appraise
from cleanroom.attestation.binding import bind
from cleanroom.attestation.formats.tpm_parts import TpmParts
from cleanroom.attestation.formats.tpm_public import read_attestation_key
from cleanroom.attestation.silicon.tpm import carried
from cleanroom.errors import AppraisalFailed, BindingMismatch, EvidenceRejected, ManifestRule
from tests.support.platform import BINDING, GENESIS, NOW, good_evidence, simulated_platform
from tests.support.tpm import (
    PCRS,
    checked,
    ec_key,
    gcp_policy,
    good_tpm,
    google,
    other_google,
    tpm_policy,
)

OTHER = bind("cleanroom/test/v1", b"another conversation")
ANOTHER_BOOT = PCRS | {4: hashlib.sha256(b"another boot loader").digest()}


def with_parts(evidence, parts):
    return evidence.model_copy(update={"report": parts.to_bytes()})


def parts_of(evidence):
    return TpmParts.from_bytes(evidence.report)


def altered(evidence, **changed):
    parts = parts_of(evidence)
    quotation = parts.quotation.model_copy(update=changed)
    return with_parts(evidence, parts.model_copy(update={"quotation": quotation}))


def test_quote_of_a_key_of_the_operators_own():
    with pytest.raises(EvidenceRejected, match="expected a key that the parties registered"):
        checked(good_tpm("operator").collect(BINDING))


def test_registered_key_beside_the_quote_of_another():
    forged = parts_of(good_tpm("operator").collect(BINDING))
    forged = forged.model_copy(update={"key": good_tpm().public})
    with pytest.raises(EvidenceRejected, match="signature of the TPM quote is not"):
        checked(with_parts(good_tpm().collect(BINDING), forged))


def test_registered_key_with_fewer_promises():
    """An unrestricted key signs any text; the same numbers with other attributes are another name."""
    public = bytearray(good_tpm().public)
    public[7] ^= 1 << 6
    parts = parts_of(good_tpm().collect(BINDING)).model_copy(update={"key": bytes(public)})
    assert read_attestation_key(bytes(public)).public_key
    with pytest.raises(EvidenceRejected, match="expected a key that the parties registered"):
        checked(with_parts(good_tpm().collect(BINDING), parts))


def test_quote_replayed_from_another_conversation():
    with pytest.raises(BindingMismatch, match="report data is"):
        checked(good_tpm().collect(OTHER))


@pytest.mark.parametrize("size", [0, 9, 31, 33, 64])
def test_extra_data_that_is_short_or_long(size):
    extra = (carried(BINDING) * 2)[:size]
    forged = parts_of(good_tpm().collect(BINDING)).model_copy(
        update={"quotation": good_tpm().quotation(extra)}
    )
    with pytest.raises(BindingMismatch, match="report data is"):
        checked(with_parts(good_tpm().collect(BINDING), forged))


def test_binding_itself_instead_of_its_digest():
    forged = parts_of(good_tpm().collect(BINDING)).model_copy(
        update={"quotation": good_tpm().quotation(BINDING[:32])}
    )
    with pytest.raises(BindingMismatch):
        checked(with_parts(good_tpm().collect(BINDING), forged))


def test_values_of_a_good_boot_beside_the_quote_of_another():
    evidence = good_tpm(pcrs=ANOTHER_BOOT).collect(BINDING)
    good = {str(index): value.hex() for index, value in PCRS.items()}
    with pytest.raises(EvidenceRejected, match="PCR values is not those that were quoted"):
        checked(altered(evidence, pcrs=good))


def test_values_moved_between_registers():
    evidence = good_tpm(pcrs=PCRS | {4: PCRS[16], 16: PCRS[4]}).collect(BINDING)
    good = {str(index): value.hex() for index, value in PCRS.items()}
    with pytest.raises(EvidenceRejected, match="not those that were quoted"):
        checked(altered(evidence, pcrs=good))


def test_quote_of_a_smaller_selection_with_all_values():
    some = good_tpm(pcrs={16: PCRS[16]}).collect(BINDING)
    all_values = {str(index): value.hex() for index, value in PCRS.items()}
    with pytest.raises(EvidenceRejected, match=r"expected of \[16\]"):
        checked(altered(some, pcrs=all_values))


def test_another_boot_is_authentic_and_not_wanted():
    claims = checked(good_tpm(pcrs=ANOTHER_BOOT).collect(BINDING))
    with pytest.raises(AppraisalFailed, match="PCR 4 is"):
        appraise(claims, {"entry": tpm_policy()}, genesis=GENESIS, now=NOW)


def test_quote_without_the_registers_that_matter():
    claims = checked(good_tpm(pcrs={16: PCRS[16]}).collect(BINDING))
    with pytest.raises(AppraisalFailed, match="PCR 4 is not quoted"):
        appraise(claims, {"entry": tpm_policy()}, genesis=GENESIS, now=NOW)


@pytest.mark.parametrize("at", [0, 5, 20, 60, 80, 100, -1])
def test_message_altered_after_signing(at):
    evidence = good_tpm().collect(BINDING)
    message = bytearray(parts_of(evidence).quotation.message)
    message[at] ^= 0x01
    with pytest.raises(EvidenceRejected):
        checked(altered(evidence, message=bytes(message)))


def test_text_that_an_unrestricted_key_signed():
    tpm = good_tpm()
    message = b"not a quote at all, but signed by the right key"
    evidence = altered(tpm.collect(BINDING), message=message, signature=tpm.sign(message))
    with pytest.raises(EvidenceRejected, match="magic is 0x6e6f7420"):
        checked(evidence)


def test_simulated_key_under_a_production_manifest():
    policy = tpm_policy(keys=[good_tpm("hardware").key_name], development_roots=None)
    with pytest.raises(EvidenceRejected, match="expected a key that the parties registered"):
        checked(good_tpm().collect(BINDING), anchors=Anchors.of([policy]))


def test_key_in_a_development_manifest_is_not_hardware():
    claims = checked(good_tpm().collect(BINDING))
    with pytest.raises(AppraisalFailed, match="assurance is simulated, expected hardware"):
        appraise(claims, {"entry": tpm_policy(development_roots=None)}, genesis=GENESIS, now=NOW)


def test_registered_key_is_no_root_of_certificates():
    """A name of a TPM's key among the anchors vouches for TPMs only."""
    anchors = Anchors.of(
        [tpm_policy(keys=[simulated_platform().root_fingerprint], development_roots=None)]
    )
    with pytest.raises(EvidenceRejected, match=r"a root .ARK. that is trusted here"):
        checked(good_evidence(), anchors=anchors)


def test_vendors_root_as_a_development_root():
    root = "sha256:594759594b9b61524f6c8ef668f7177f7b9066bc0674f2f49fe9e052be78beb2"
    with pytest.raises(ManifestRule, match="hold a vendor's root"):
        Anchors.development([root])


def test_instance_certified_by_an_operators_google():
    with pytest.raises(EvidenceRejected, match="a root that is trusted here and issued"):
        checked(other_google().collect(good_tpm(), BINDING))


def test_operators_google_beside_the_trusted_root():
    forged = other_google().collect(good_tpm(), BINDING)
    leaf, authority, _ = forged.endorsements
    with pytest.raises(EvidenceRejected, match="signature of Simulated EK/AK CA Intermediate"):
        checked(forged.model_copy(update={"endorsements": [leaf, authority, google().root]}))


def test_quote_of_another_instance_under_a_good_certificate():
    evidence = google().collect(good_tpm(), BINDING)
    other = parts_of(good_tpm("operator").collect(BINDING)).quotation
    parts = parts_of(evidence).model_copy(update={"quotation": other})
    with pytest.raises(EvidenceRejected, match="signature of the TPM quote is not"):
        checked(with_parts(evidence, parts))


def test_instances_own_certificate_as_an_authority():
    """Whoever holds a certified key could sign more; the leaf is no authority."""
    evidence = google().collect(good_tpm(), BINDING)
    leaf, _, root = evidence.endorsements
    with pytest.raises(EvidenceRejected):
        checked(evidence.model_copy(update={"endorsements": [leaf, leaf, root]}))


def test_instance_that_google_never_named():
    key = ec_key("unnamed")
    tpm = good_tpm("unnamed")
    unnamed = google().certify(key.public_key(), None)
    evidence = tpm.collect(BINDING).model_copy(
        update={
            "platform": "gcp-vtpm",
            "endorsements": [unnamed, google().authority, google().root],
        }
    )
    with pytest.raises(EvidenceRejected, match=r"extension .* is missing, expected the instance"):
        checked(evidence)


def test_tpm_evidence_presented_as_an_instance():
    evidence = good_tpm().collect(BINDING).model_copy(update={"platform": "gcp-vtpm"})
    with pytest.raises(EvidenceRejected, match="certificate of the vTPM's key is missing"):
        checked(evidence)


def test_instance_for_an_entry_of_a_processor():
    """A vTPM does not stand for protected memory: no entry of another platform accepts it."""
    claims = checked(google().collect(good_tpm(), BINDING))
    with pytest.raises(AppraisalFailed, match="platform is gcp-vtpm, expected tpm"):
        appraise(claims, {"entry": tpm_policy()}, genesis=GENESIS, now=NOW)
    assert appraise(claims, {"entry": gcp_policy()}, genesis=GENESIS, now=NOW).status == "warning"
