"""Real TDX and SGX quotes: what verification says, and what a default policy says."""

from datetime import timedelta

import pytest

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.appraisal import appraise
from cleanroom.attestation.binding import binding_of
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.formats.quote import read_quote
from cleanroom.attestation.platforms.tdx import TD_ATTRIBUTES
from cleanroom.attestation.silicon.dcap import require_attestation_key, require_quote_signature
from cleanroom.attestation.silicon.intel import require_chain
from cleanroom.attestation.table import compare
from cleanroom.errors import BindingMismatch, EvidenceRejected
from tests.support.vectors import GENESIS, case_named, cases, content, ids, needs_vectors
from tests.support.vectors_dcap import collateral_of, prepare, quote_of

pytestmark = needs_vectors

UNSUPPORTED = "below every level that Intel lists"
NO_COLLATERAL = "Intel's collateral is in 0 endorsements"
OUTDATED_TDX = {"tdx-tcb-status", "tdx-advisory", "tdx-attributes"}
EXPECTED: dict[str, tuple[str, set[str]]] = {
    # case: (TCB status, or why verification refuses; codes that fail in the default policy)
    "tdx-v4-b0c06f-uptodate": ("UpToDate", set()),
    "tdx-v4-gcp-cos113": ("UpToDate", set()),
    "tdx-v4-gcp-oak": ("UpToDate", set()),
    "tdx-v4-azure": ("OutOfDate", OUTDATED_TDX),
    "tdx-v5-90c06f-uptodate": ("UpToDate", set()),
    "tdx-v5-too-old": (UNSUPPORTED, set()),
    "tdx-v5-outdated": (UNSUPPORTED, set()),
    "tdx-v4-debug-td": ("OutOfDate", OUTDATED_TDX),
    "tdx-v4-spr-e4": (UNSUPPORTED, set()),
    "tdx-v4-old-b0c06f-a": (UNSUPPORTED, set()),
    "tdx-v4-old-b0c06f-b": (UNSUPPORTED, set()),
    "tdx-v4-00a06d-sigonly": (NO_COLLATERAL, set()),
    "sgx-v3-config-sw": (
        "ConfigurationAndSWHardeningNeeded",
        {"sgx-tcb-status", "sgx-advisory"},
    ),
    "sgx-v3-occlum-sigonly": (NO_COLLATERAL, set()),
}
"""The default policy pins the measurements and leaves the rest as it is."""
REFUSALS = {UNSUPPORTED, NO_COLLATERAL}
DCAP = cases("tdx", "sgx")
GENUINE = [case for case in DCAP if EXPECTED[case["id"]][0] not in REFUSALS]
GOOD = "tdx-v4-gcp-oak"


def test_every_case_has_its_row():
    assert {case["id"] for case in DCAP} == EXPECTED.keys()


@pytest.mark.parametrize("case", DCAP, ids=ids)
def test_real_quote_has_its_verdict_and_fields(case):
    verdict, _ = EXPECTED[case["id"]]
    if verdict in REFUSALS:
        with pytest.raises(EvidenceRejected, match=verdict):
            prepare(case).verified()
        return
    claims = prepare(case).verified()
    assert claims.assurance == "hardware"
    assert claims.host.tcb_status == verdict
    assert claims.host.fmspc.upper() == case["fmspc"]
    assert claims.host.quote_version == case["quote_version"]


@pytest.mark.parametrize("case", GENUINE, ids=ids)
def test_default_policy_says_which_real_quotes_are_wanted(case):
    assert prepare(case).failing() == EXPECTED[case["id"]][1]


@pytest.mark.parametrize("case", DCAP, ids=ids)
def test_signature_and_chain_of_every_real_quote_hold(case):
    quote = quote_of(case)
    chain = require_chain(quote, Anchors.vendor(), prepare(case).now)
    require_attestation_key(quote, chain.leaf)
    require_quote_signature(quote)
    start, end = case["pck_validity"].split("..")
    assert (f"{chain.leaf.not_before:%Y-%m-%d}", f"{chain.leaf.not_after:%Y-%m-%d}") == (start, end)
    assert quote.kind == case["body"]


@pytest.mark.parametrize("case", cases("tdx"), ids=ids)
def test_fields_of_every_real_td_report(case):
    quote = quote_of(case)
    attributes = quote.body.numbers["td_attributes"]
    assert attributes.to_bytes(8, "little").hex() == case["td_attributes"]
    assert quote.body.octets["tee_tcb_svn"].hex() == case["tee_tcb_svn"]
    named = sum(1 << bit for bit in TD_ATTRIBUTES.values())
    assert attributes & ~named == 0


def test_module_below_the_platform_s_first_component_is_current_by_its_own_level():
    """GCP's module is at 4, the level's first component at 5: only the module's levels count."""
    case = case_named("tdx-v4-gcp-cos113")
    assert quote_of(case).body.octets["tee_tcb_svn"][0] == 4
    assert prepare(case).verified().host.tcb_status == "UpToDate"


def test_advisories_of_an_outdated_platform_are_told():
    claims = prepare(case_named("tdx-v4-azure")).verified()
    assert claims.host.advisory_ids == ["INTEL-SA-00960", "INTEL-SA-00982", "INTEL-SA-00986"]
    assert claims.td_attributes["sept_ve_disable"] is False


def test_status_that_the_parties_accept_with_its_risks():
    prepared = prepare(case_named("sgx-v3-config-sw"))
    until = {"risk": "a test", "until": "2025-12-31T00:00:00Z"}
    names = ["ConfigurationAndSWHardeningNeeded", "INTEL-SA-00289", "INTEL-SA-00615"]
    plain = prepared.policy.to_plain() | {
        "tcb_status": ["UpToDate", names[0]],
        "accepted_risks": dict.fromkeys(names, until),
    }
    policy = type(prepared.policy).from_plain(plain)
    result = appraise(prepared.verified(), {"sgx": policy}, genesis=GENESIS, now=prepared.now)
    assert (result.status, result.assurance) == ("warning", "hardware")


def test_accepted_risk_ends():
    prepared = prepare(case_named("sgx-v3-config-sw"))
    names = ["ConfigurationAndSWHardeningNeeded", "INTEL-SA-00289", "INTEL-SA-00615"]
    ended = {"risk": "a test", "until": "2025-06-20T00:00:00Z"}
    plain = prepared.policy.to_plain() | {
        "tcb_status": [names[0]],
        "accepted_risks": dict.fromkeys(names, ended),
    }
    policy = type(prepared.policy).from_plain(plain)
    failing = [one for one in compare(prepared.verified(), policy, GENESIS) if not one.passed]
    assert [one.check for one in failing] == [f"accepted risk {name}" for name in names]


def test_real_quote_for_another_binding():
    with pytest.raises(BindingMismatch, match="report data is"):
        prepare(case_named(GOOD)).verified(binding=binding_of(b"\x01" * 64))


def test_real_quote_under_a_development_root():
    anchors = Anchors.development(["sha256:" + "0" * 64])
    with pytest.raises(EvidenceRejected, match="the root of the PCK chain is"):
        prepare(case_named(GOOD)).verified(anchors=anchors)


def test_real_quote_without_collateral():
    with pytest.raises(EvidenceRejected, match=NO_COLLATERAL):
        prepare(case_named(GOOD)).verified(collateral=Collateral())


def test_real_collateral_may_come_with_the_evidence():
    prepared = prepare(case_named(GOOD))
    along = [prepared.collateral.intel.to_bytes()]
    evidence = prepared.evidence.model_copy(update={"endorsements": along})
    claims = prepared.verified(evidence=evidence, collateral=Collateral())
    assert claims.host == prepared.verified().host


@pytest.mark.parametrize("days", [-60, 60])
def test_real_collateral_outside_its_window(days):
    prepared = prepare(case_named(GOOD))
    with pytest.raises(
        EvidenceRejected, match=r"not valid on|without a list of Intel SGX PCK Platform CA by"
    ):
        prepared.verified(now=prepared.now + timedelta(days=days))


def test_collateral_of_another_kind_of_platform():
    other = collateral_of(case_named("tdx-v4-b0c06f-uptodate")["collateral"])
    with pytest.raises(EvidenceRejected, match="without TDX TCB info of FMSPC 00806f050000"):
        prepare(case_named(GOOD)).verified(collateral=Collateral(intel=other))


def test_sgx_quote_with_tdx_documents():
    sgx = prepare(case_named("sgx-v3-config-sw"))
    tdx = prepare(case_named(GOOD)).collateral.intel
    mixed = sgx.collateral.intel.model_copy(update={"tcb_infos": tdx.tcb_infos})
    with pytest.raises(EvidenceRejected, match="without SGX TCB info"):
        sgx.verified(collateral=Collateral(intel=mixed))
    mixed = sgx.collateral.intel.model_copy(update={"qe_identities": tdx.qe_identities})
    with pytest.raises(EvidenceRejected, match="without QE identity"):
        sgx.verified(collateral=Collateral(intel=mixed))


def test_tdx_quote_named_sgx():
    prepared = prepare(case_named(GOOD))
    renamed = prepared.evidence.model_copy(update={"platform": "sgx"})
    with pytest.raises(EvidenceRejected, match="the quote is of tdx, expected sgx"):
        prepared.verified(evidence=renamed)


def test_real_event_log_explains_the_registers_of_its_quote():
    case = cases("eventlog")[0]
    prepared = prepare(case_named("tdx-v4-gcp-cos113"))
    logged = prepared.evidence.model_copy(update={"event_log": content(case["log"])})
    claims = prepared.verified(evidence=logged)
    assert len(claims.events) == 43
    assert {event.register_index for event in claims.events} == {0, 1, 2}


def test_real_event_log_with_another_quote():
    log = content(cases("eventlog")[0]["log"])
    prepared = prepare(case_named(GOOD))
    logged = prepared.evidence.model_copy(update={"event_log": log})
    with pytest.raises(EvidenceRejected, match=r"RTMR0 by the event log is"):
        prepared.verified(evidence=logged)


def test_bytes_after_the_declared_length_are_not_part_of_the_quote():
    raw = content(case_named(GOOD)["quote"])
    quote = read_quote(raw)
    assert len(raw) == 8000
    assert read_quote(raw + b"anything") == quote
