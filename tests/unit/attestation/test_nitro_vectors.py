"""Real Nitro documents: what verification says, and what a default policy says."""

from datetime import timedelta

import pytest

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.appraisal import appraise
from cleanroom.attestation.binding import binding_of
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.table import compare
from cleanroom.attestation.verifier import verify
from cleanroom.errors import BindingMismatch, EvidenceRejected
from tests.support.vectors import cases, ids, needs_vectors
from tests.support.vectors_nitro import (
    authenticated,
    document_of,
    evidence_of,
    policy_of,
    time_of,
)

pytestmark = needs_vectors

DEBUG = {"nitro-debug", "nitro-pcr0", "nitro-pcr1", "nitro-pcr2"}
EXPECTED: dict[str, tuple[str, set[str]]] = {
    # case: (authenticate, codes that fail in the default policy)
    "nitro-anjuna__attestdoc_testdata_sample_prod_doc.bin": ("accept", set()),
    "nitro-anjuna__attestdoc_testdata_sample_prod_doc_with_publickey.bin": ("accept", set()),
    "nitro-anjuna__attester_testdata_sample_prod_doc.bin": ("accept", set()),
    "nitro-dstack__nitro_attestation.bin": ("accept", set()),
    "nitro-dstack__nitro_attestation_dbg.bin": ("accept", DEBUG),
    "nitro-evervault__beta_debug-mode-attestation-doc-bytes": ("accept", DEBUG),
    "nitro-evervault__valid-attestation-doc-base64": ("accept", DEBUG),
    "nitro-veracruz__aws_nitro_document.cbor": ("accept", set()),
    "nitro-veracruz__aws_nitro_document_bad_sig.cbor": ("reject", set()),
}
"""The default policy lists this image, unless it is zero, and leaves the rest as it is."""


def genuine_cases():
    return [case for case in cases("nitro") if EXPECTED[case["id"]][0] == "accept"]


def bound_cases():
    """Documents whose user data are 64 bytes, as a binding is."""
    return [case for case in genuine_cases() if len(case["user_data"]) == 128]


def test_every_case_has_its_row():
    assert {case["id"] for case in cases("nitro")} == EXPECTED.keys()


@pytest.mark.parametrize("case", cases("nitro"), ids=ids)
def test_real_document_has_its_verdict_and_fields(case):
    if EXPECTED[case["id"]][0] == "reject":
        with pytest.raises(EvidenceRejected, match="signature of Nitro document is not its"):
            authenticated(case)
        return
    claims = authenticated(case)
    assert claims.assurance == "hardware"
    assert claims.module_id == case["module_id"]
    for name in ("pcr0", "pcr1", "pcr2"):
        assert claims.pcrs[name.removeprefix("pcr")] == case[name]
    assert (claims.report_data, claims.nonce) == (case["user_data"], case["nonce"])
    assert len(claims.public_key) == 2 * case["public_key_len"]
    assert claims.signed_at == time_of(case)
    assert claims.debug == ("debug-mode" in case["verdict"])
    assert sorted(claims.pcrs, key=int) == [str(number) for number in range(16)]


@pytest.mark.parametrize("case", genuine_cases(), ids=ids)
def test_default_policy_says_which_real_document_is_wanted(case):
    _, codes = EXPECTED[case["id"]]
    findings = compare(authenticated(case), policy_of(case), bytes(32))
    assert {finding.code for finding in findings if not finding.passed} == codes


@pytest.mark.parametrize("case", genuine_cases(), ids=ids)
def test_real_document_is_for_whom_it_was_made_only(case):
    """Short, missing and other user data never stand for the 64 bytes that are expected."""
    with pytest.raises(BindingMismatch, match="report data is"):
        verify(
            evidence_of(case),
            binding=binding_of(b"\x01" * 64),
            anchors=Anchors.vendor(),
            collateral=Collateral(),
            now=time_of(case),
        )


@pytest.mark.parametrize("case", bound_cases(), ids=ids)
def test_real_document_with_64_bytes_goes_the_whole_way(case):
    claims = verify(
        evidence_of(case),
        binding=binding_of(bytes.fromhex(case["user_data"])),
        anchors=Anchors.vendor(),
        collateral=Collateral(),
        now=time_of(case),
    )
    if claims.debug:
        return
    policies = {"enclave": policy_of(case)}
    result = appraise(claims, policies, genesis=bytes(32), now=time_of(case))
    assert (result.status, result.assurance) == ("affirming", "hardware")


def test_there_are_bound_documents():
    assert len(bound_cases()) == 2


@pytest.mark.parametrize("case", genuine_cases(), ids=ids)
def test_real_document_is_refused_after_its_three_hours(case):
    with pytest.raises(EvidenceRejected, match="outside the validity of i-"):
        authenticated(case, now=time_of(case) + timedelta(hours=4))
    with pytest.raises(EvidenceRejected, match="outside the validity of"):
        authenticated(case, now=time_of(case) - timedelta(hours=4))


def test_real_document_under_a_development_root():
    with pytest.raises(EvidenceRejected, match="first certificate of cabundle is aws"):
        authenticated(cases("nitro")[0], anchors=Anchors.development(["sha256:" + "0" * 64]))


def test_every_cut_of_a_real_document_is_refused():
    case = genuine_cases()[0]
    whole = document_of(case)
    for length in range(1, len(whole), 7):
        cut = Evidence(platform="nitro", report=whole[:length], endorsements=[])
        with pytest.raises(EvidenceRejected):
            authenticated(case, evidence=cut)


def test_altered_bytes_all_over_a_real_document_are_refused():
    case = genuine_cases()[0]
    whole = document_of(case)
    for at in range(0, len(whole), 11):
        altered = whole[:at] + bytes([whole[at] ^ 0x01]) + whole[at + 1 :]
        with pytest.raises(EvidenceRejected):
            authenticated(
                case, evidence=Evidence(platform="nitro", report=altered, endorsements=[])
            )
