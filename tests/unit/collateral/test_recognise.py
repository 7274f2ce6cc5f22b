"""Evidence is recognised by its bytes, and read without being believed."""

import base64

import pytest

from cleanroom.attestation.recognise import LARGEST_FILE, recognise
from cleanroom.attestation.unverified import claimed_binding, sayings
from cleanroom.errors import EvidenceRejected
from tests.support.nitro_cca import cca_realm, nitro_enclave
from tests.support.platform import BINDING, MEASUREMENT, good_evidence, good_tdx_evidence
from tests.support.vectors import cases, content, ids, needs_vectors

KINDS = {
    "sev-snp": good_evidence,
    "tdx": good_tdx_evidence,
    "nitro": lambda: nitro_enclave().collect(BINDING),
    "cca": lambda: cca_realm().collect(BINDING),
}
FORMS = {
    "binary": lambda raw: raw,
    "hex": lambda raw: raw.hex().encode() + b"\n",
    "0x hex": lambda raw: b"0x" + raw.hex().encode(),
    "base64": base64.encodebytes,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("platform", KINDS)
def test_a_raw_file_is_recognised(platform, form):
    evidence = KINDS[platform]()
    found = recognise(FORMS[form](evidence.report))
    assert (found.platform, found.report) == (platform, evidence.report)
    assert found.endorsements == []


@pytest.mark.parametrize("platform", KINDS)
def test_our_own_record_is_taken_as_it_is(platform):
    evidence = KINDS[platform]()
    assert recognise(evidence.to_bytes() + b"\n") == evidence


def test_what_came_beside_is_put_with_it():
    whole = good_evidence()
    found = recognise(whole.report, whole.endorsements)
    assert found == whole
    extended = recognise(whole.to_bytes(), [b"more"])
    assert extended.endorsements == [*whole.endorsements, b"more"]


def test_a_platform_that_is_said_counts():
    found = recognise(good_evidence().report, platform="azure-aci")
    assert found.platform == "azure-aci"


def test_a_log_goes_with_the_evidence():
    quoted = good_tdx_evidence()
    assert recognise(quoted.report, quoted.endorsements, quoted.event_log) == quoted


@pytest.mark.parametrize("raw", [b"", b"\0" * 1183, b"{}", b"hello", b"\xff" * 5000, b"ab" * 40])
def test_anything_else_is_refused_with_the_forms_that_are_known(raw):
    with pytest.raises(EvidenceRejected, match="of no form that is known here"):
        recognise(raw)


def test_a_huge_file_is_not_even_looked_at():
    with pytest.raises(EvidenceRejected, match="expected at most"):
        recognise(b"0" * (LARGEST_FILE + 1))


@pytest.mark.parametrize("platform", KINDS)
def test_what_evidence_says_holds_its_binding_and_image(platform):
    told = dict(sayings(KINDS[platform]()))
    assert told["report data"] == BINDING.hex()
    assert any(MEASUREMENT.hex() == value for value in told.values())
    assert claimed_binding(KINDS[platform]()) == BINDING


@needs_vectors
def test_evidence_without_a_whole_binding_cannot_be_looked_at_without_one():
    unbound = next(case for case in cases("nitro") if not case["user_data"])
    with pytest.raises(EvidenceRejected, match="the report data is 0 bytes, expected 64 bytes"):
        claimed_binding(recognise(content(unbound["doc"])))


@needs_vectors
@pytest.mark.parametrize("case", cases("snp", "tdx", "sgx", "cca"), ids=ids)
def test_real_evidence_is_recognised_and_readable(case):
    raw = content(case.get("report") or case.get("quote") or case.get("token"))
    found = recognise(raw)
    expected = {"snp": "sev-snp"}.get(case["vendor"], case["vendor"])
    assert found.platform == expected
    assert sayings(found)
