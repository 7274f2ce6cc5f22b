"""An operator of Azure, or a guest beside ours, forges evidence of a confidential guest.

At hand are: genuine guests of its own, their reports, quotes and keys, older reports of ours, and
whatever a guest may have its processor sign from below the paravisor.
"""

import hashlib
import json

import pytest

from cleanroom.attestation.appraisal import appraise
from cleanroom.attestation.binding import bind
from cleanroom.attestation.formats.hcl import read_hcl_report
from cleanroom.attestation.formats.tpm_parts import AzureParts
from cleanroom.attestation.silicon.tpm import carried
from cleanroom.errors import AppraisalFailed, BindingMismatch, EvidenceRejected
from enclave.attester.simulated_azure import (
    SimulatedAzureGuest,
    hcl_report,
    paravisor_words,
    report_data_of,
)
from enclave.attester.simulated_tpm import SimulatedTpm
from tests.support.platform import (
    BINDING,
    GENESIS,
    MEASUREMENT,
    NOW,
    good_attester,
    good_evidence,
    other_platform,
)
from tests.support.tpm import (
    PCRS,
    azure_guest,
    azure_policy,
    azure_tdx_guest,
    azure_tdx_policy,
    checked,
    rsa_key,
)

OTHER = bind("cleanroom/test/v1", b"another conversation")
WORDS = paravisor_words(rsa_key("azure").public_key(), carried(BINDING))


def parts_of(evidence):
    return AzureParts.from_bytes(evidence.report)


def with_parts(evidence, **changed):
    parts = parts_of(evidence).model_copy(update=changed)
    return evidence.model_copy(update={"report": parts.to_bytes()})


def appraised(claims, policy):
    return appraise(claims, {"entry": policy}, genesis=GENESIS, now=NOW)


def with_words(said, processor=None):
    """Our guest's evidence with other words, which its processor signed."""
    signed = (processor or good_attester()).collect(report_data_of(said))
    return with_parts(
        azure_guest().collect(BINDING), hcl_report=hcl_report("snp", signed.report, said)
    )


@pytest.mark.parametrize(
    ("guest", "policy"),
    [(azure_guest, azure_policy), (azure_tdx_guest, azure_tdx_policy)],
    ids=["snp", "tdx"],
)
def test_good_guest_is_accepted(guest, policy):
    claims = checked(guest().collect(BINDING))
    result = appraised(claims, policy())
    assert (result.assurance, claims.measurement) == ("simulated", MEASUREMENT.hex())
    assert claims.guest.user_data.startswith(carried(BINDING).hex())


def test_quote_of_another_vtpm():
    other = azure_guest(name="operator").collect(BINDING)
    with pytest.raises(EvidenceRejected, match="signature of the TPM quote is not"):
        checked(with_parts(azure_guest().collect(BINDING), quotation=parts_of(other).quotation))


def test_words_that_name_the_operators_key():
    """The processor signed other words: their digest does not stand in its report."""
    evidence = azure_guest().collect(BINDING)
    report = read_hcl_report(parts_of(evidence).hcl_report).report
    said = paravisor_words(rsa_key("operator").public_key(), carried(BINDING))
    forged = SimulatedTpm(rsa_key("operator"), PCRS).quotation(carried(BINDING))
    with pytest.raises(EvidenceRejected, match="the digest of the paravisor's words"):
        checked(with_parts(evidence, hcl_report=hcl_report("snp", report, said), quotation=forged))


@pytest.mark.parametrize("member", ["secure-boot", "vmUniqueId", "user-data"])
def test_words_that_were_altered(member):
    evidence = azure_guest().collect(BINDING)
    hcl = read_hcl_report(parts_of(evidence).hcl_report)
    changes = {
        "secure-boot": (b'"secure-boot":true', b'"secure-boot":false'),
        "vmUniqueId": (b"5151-4151", b"5151-4152"),
        "user-data": (
            carried(BINDING).hex().upper().encode(),
            carried(OTHER).hex().upper().encode(),
        ),
    }
    said = hcl.said.replace(*changes[member])
    assert said != hcl.said
    with pytest.raises(EvidenceRejected, match="the digest of the paravisor's words"):
        checked(with_parts(evidence, hcl_report=hcl_report("snp", hcl.report, said)))


def test_guest_on_a_processor_of_the_operators_own():
    tpm = SimulatedTpm(rsa_key("azure"), PCRS)
    processor = other_platform().attester(MEASUREMENT, GENESIS)
    evidence = SimulatedAzureGuest("snp", processor.collect, tpm).collect(BINDING)
    with pytest.raises(EvidenceRejected, match=r"a root .ARK. that is trusted here"):
        checked(evidence)


def test_quote_replayed_from_another_conversation():
    old = azure_guest().collect(OTHER)
    with pytest.raises(BindingMismatch, match="report data is"):
        checked(with_parts(azure_guest().collect(BINDING), quotation=parts_of(old).quotation))


def test_extra_data_that_is_cut():
    short = azure_guest().tpm.quotation(carried(BINDING)[:16])
    with pytest.raises(BindingMismatch):
        checked(with_parts(azure_guest().collect(BINDING), quotation=short))


def test_older_report_under_a_fresh_quote():
    """The vTPM's key outlives a move to older firmware, so the report must be new as well."""
    old = parts_of(azure_guest().collect(OTHER)).hcl_report
    claims = checked(with_parts(azure_guest().collect(BINDING), hcl_report=old))
    with pytest.raises(AppraisalFailed, match="user data of the report is"):
        appraised(claims, azure_policy())
    assert appraised(claims, azure_policy(guest={"fresh_report": "any"})).policy == "entry"


def test_report_without_user_data():
    tree = json.loads(WORDS)
    del tree["user-data"]
    claims = checked(with_words(json.dumps(tree).encode()))
    with pytest.raises(AppraisalFailed, match="user data of the report is none"):
        appraised(claims, azure_policy())


def test_paravisor_signed_with_another_key():
    claims = checked(azure_guest().collect(BINDING))
    with pytest.raises(AppraisalFailed, match="ID key is 000000"):
        appraised(claims, azure_policy(paravisor_keys=["11" * 48]))


def test_image_of_the_operators_own_instead_of_the_paravisor():
    """It would say any words; its measurement and its ID key are not the listed ones."""
    processor = good_attester(scenario="wrong-measurement")
    claims = checked(with_words(WORDS, processor))
    with pytest.raises(AppraisalFailed, match="measurement is"):
        appraised(claims, azure_policy())


def test_report_that_the_guest_asked_for_below_the_paravisor():
    """A guest may have any report data signed, but from its own privilege level only."""
    claims = checked(azure_guest().collect(BINDING)).model_copy(update={"vmpl": 2})
    with pytest.raises(AppraisalFailed, match="VMPL is 2, expected 0"):
        appraised(claims, azure_policy())


def test_plain_report_of_another_guest_as_an_azure_guest():
    with pytest.raises(EvidenceRejected, match="parts of AzureParts is malformed"):
        checked(good_evidence().model_copy(update={"platform": "azure-snp"}))


def test_debug_guest():
    claims = checked(azure_guest("debug").collect(BINDING))
    with pytest.raises(AppraisalFailed, match="guest policy debug is set"):
        appraised(claims, azure_policy())


def test_another_kernel():
    pcrs = PCRS | {11: hashlib.sha256(b"another kernel").digest()}
    claims = checked(azure_guest(pcrs=pcrs).collect(BINDING))
    with pytest.raises(AppraisalFailed, match="PCR 11 is"):
        appraised(claims, azure_policy())


def test_values_of_a_good_boot_beside_the_quote_of_another():
    pcrs = PCRS | {4: bytes(32)}
    evidence = azure_guest(pcrs=pcrs).collect(BINDING)
    good = {str(index): value.hex() for index, value in PCRS.items()}
    quotation = parts_of(evidence).quotation.model_copy(update={"pcrs": good})
    with pytest.raises(EvidenceRejected, match="PCR values is not those that were quoted"):
        checked(with_parts(evidence, quotation=quotation))


def test_secure_boot_that_is_off():
    guest = azure_guest()
    off = SimulatedAzureGuest("snp", guest.processor, guest.tpm, secure_boot=False)
    with pytest.raises(AppraisalFailed, match="guest secure_boot is clear"):
        appraised(checked(off.collect(BINDING)), azure_policy())


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (WORDS.replace(b'"console-enabled":true', b'"console-enabled":1'), "console-enabled"),
        (WORDS.replace(b'{"keys"', b'{"keys":[],"keys"'), "the text"),
        (WORDS.replace(b'"kid":"HCLAkPub"', b'"kid":"HCLEkPub"'), "HCLAkPub"),
        (WORDS.replace(b'"kty":"RSA"', b'"kty":"EC"'), "HCLAkPub"),
        (WORDS.replace(b'"e":"AQAB"', b'"e":"Aw"'), "exponent 3"),
        (WORDS.replace(b'"n":"', b'"n":"!'), "words: n"),
        (WORDS + b"{}", "the text"),
        (b"[]", "vm-configuration"),
    ],
)
def test_words_of_another_form(said, message):
    with pytest.raises(EvidenceRejected, match=message):
        checked(with_words(said))


@pytest.mark.parametrize(
    ("at", "message"),
    [
        (0, "version 1 of"),
        (4, "version 0 of"),
        (24, "reserved at 0x14 is not zero"),
        (32 + 1184, "bytes in a part of"),
        (32 + 1184 + 8, "report type 3"),
        (32 + 1184 + 12, "with hash 0"),
        (-1, "after its end is not zero"),
    ],
)
def test_report_of_another_form(at, message):
    evidence = azure_guest().collect(BINDING)
    raw = bytearray(parts_of(evidence).hcl_report + bytes(8))
    raw[at] ^= 0x01
    with pytest.raises(EvidenceRejected, match=message):
        checked(with_parts(evidence, hcl_report=bytes(raw)))


def test_report_is_cut_nowhere():
    raw = parts_of(azure_guest().collect(BINDING)).hcl_report
    for size in range(0, len(raw), 7):
        with pytest.raises(EvidenceRejected):
            read_hcl_report(raw[:size])


def test_report_of_tdx_presented_as_one_of_snp():
    tdx = azure_tdx_guest().collect(BINDING)
    with pytest.raises(EvidenceRejected, match="with a TD quote, expected none"):
        checked(tdx.model_copy(update={"platform": "azure-snp"}))
    with pytest.raises(EvidenceRejected, match="paravisor report is of tdx, expected of snp"):
        checked(with_parts(tdx, td_quote=None).model_copy(update={"platform": "azure-snp"}))


def test_guest_over_tdx_without_its_quote():
    with pytest.raises(EvidenceRejected, match="without a TD quote, expected one"):
        checked(with_parts(azure_tdx_guest().collect(BINDING), td_quote=None))


def test_quote_of_another_guest_over_tdx():
    """The quote is genuine and carries the words of somebody else."""
    ours, theirs = azure_tdx_guest().collect(BINDING), azure_tdx_guest().collect(OTHER)
    with pytest.raises(EvidenceRejected, match="the digest of the paravisor's words"):
        checked(with_parts(ours, td_quote=parts_of(theirs).td_quote))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"measurements": ["11" * 48]}, "measurement is"),
        ({"min_tcb_evaluation_number": 99}, "TCB evaluation number is"),
        ({"td_attributes": {"debug": "require"}}, "TD attribute debug is clear"),
        ({"boot": {"pcrs": {"4": ["11" * 32]}}}, "PCR 4 is"),
        ({"development_roots": None}, "assurance is simulated"),
    ],
)
def test_each_rule_of_a_guest_over_tdx_says_no(changed, message):
    claims = checked(azure_tdx_guest().collect(BINDING))
    with pytest.raises(AppraisalFailed, match=message):
        appraised(claims, azure_tdx_policy(**changed))
