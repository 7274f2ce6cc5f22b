"""Policy entries for Intel's platforms: what they may say, what each field refuses, what is open."""

import pytest

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.appraisal import appraise
from cleanroom.attestation.explain import described, left_open
from cleanroom.attestation.policy import SgxPolicy, TdxPolicy
from cleanroom.attestation.result import AttestationResult
from cleanroom.attestation.rules.sgx import compare as compare_sgx
from cleanroom.attestation.table import PLATFORMS, compare
from cleanroom.attestation.words.tdx import OPEN_ATTRIBUTES
from cleanroom.errors import AppraisalFailed, RecordMalformed
from enclave.attester.documents_intel import EVALUATION
from enclave.attester.quoting import measured_events, registers_after
from tests.support.platform import (
    GENESIS,
    MEASUREMENT,
    NOW,
    good_evidence,
    good_policy,
    good_tdx_evidence,
    good_tdx_policy,
    simulated_tdx,
    verified,
    verified_tdx,
)
from tests.support.vectors import case_named, needs_vectors
from tests.support.vectors_dcap import prepare

OTHER = "ee" * 48
REGISTERS = [value.hex() for value in registers_after(measured_events())]
DIGESTS = [digest.hex() for _, _, digest in measured_events()]
LATER = {"risk": "known and accepted", "until": "2027-06-01T00:00:00Z"}
ENDED = LATER | {"until": "2027-01-15T12:00:00Z"}


def image(**changed):
    good = {"mrtd": MEASUREMENT.hex(), "rtmr1": REGISTERS[1], "rtmr2": REGISTERS[2]}
    return good | changed


def ruled(**changed):
    events = [
        {"register": index, "allowed": [DIGESTS[index]], "required": [DIGESTS[index]]}
        for index in (1, 2)
    ]
    return {"mrtd": MEASUREMENT.hex(), "events": events} | changed


def failed(scenario="good", **changed):
    claims = verified_tdx(good_tdx_evidence(scenario))
    findings = compare(claims, good_tdx_policy(**changed), GENESIS)
    return {finding.code for finding in findings if not finding.passed}


def test_good_machine_meets_a_good_policy():
    claims = verified_tdx(good_tdx_evidence())
    result = appraise(claims, {"tdx": good_tdx_policy()}, genesis=GENESIS, now=NOW)
    assert (result.policy, result.assurance, result.status) == ("tdx", "simulated", "warning")
    assert AttestationResult.from_bytes(result.to_bytes()) == result


@pytest.mark.parametrize(
    ("scenario", "codes"),
    [
        ("good", set()),
        ("td15", set()),
        ("no-log", set()),
        ("debug", {"tdx-attributes"}),
        ("migratable", {"tdx-attributes", "tdx-service-td"}),
        ("no-sept-ve-disable", {"tdx-attributes"}),
        ("unnamed-attribute", {"tdx-attributes-unnamed"}),
        ("service-td", {"tdx-service-td"}),
        ("sw-hardening", {"tdx-tcb-status", "tdx-advisory"}),
        ("configuration", {"tdx-tcb-status", "tdx-advisory"}),
        ("old-tcb", {"tdx-tcb-status", "tdx-advisory"}),
        ("revoked-tcb", {"tdx-tcb-status"}),
        ("old-module", {"tdx-tcb-status"}),
        ("relaunch", {"tdx-tcb-status"}),
        ("old-qe", {"tdx-tcb-status"}),
        ("wrong-measurement", {"tdx-measurement"}),
        ("wrong-kernel", {"tdx-rtmr1"}),
    ],
)
def test_scenarios_fail_with_their_code(scenario, codes):
    assert failed(scenario) == codes


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"measurements": [image(mrtd=OTHER)]}, "tdx-measurement"),
        ({"measurements": [image(rtmr0=OTHER)]}, "tdx-rtmr0"),
        ({"measurements": [image(rtmr0="zero")]}, "tdx-rtmr0"),
        ({"measurements": [image(rtmr1=OTHER)]}, "tdx-rtmr1"),
        ({"measurements": [image(rtmr2=OTHER)]}, "tdx-rtmr2"),
        ({"measurements": [image(rtmr3=OTHER)]}, "tdx-rtmr3"),
        ({"host_data": "00" * 48}, "tdx-host-data"),
        ({"host_data": GENESIS.hex() + "01" * 16}, "tdx-host-data"),
        ({"min_tcb_evaluation_number": EVALUATION + 1}, "tdx-tcb-evaluation"),
        ({"td_attributes": {"pks": "require"}}, "tdx-attributes"),
        ({"td_attributes": {"sept_ve_disable": "forbid"}}, "tdx-attributes"),
        ({"platform_flags": {"smt": "forbid"}}, "tdx-platform-flags"),
        ({"platform_flags": {"dynamic_platform": "require"}}, "tdx-platform-flags"),
        ({"ppids": ["11" * 16]}, "tdx-ppid"),
        ({"mr_owner": OTHER}, "tdx-owner"),
        ({"mr_owner_config": OTHER}, "tdx-owner"),
        ({"mr_seam": [OTHER]}, "tdx-module"),
        ({"mr_service_td": OTHER}, "tdx-service-td"),
        ({"tcb_status": ["OutOfDate"], "accepted_risks": {"OutOfDate": LATER}}, "tdx-tcb-status"),
        ({"development_roots": ["sha256:" + "0" * 64]}, "tdx-assurance"),
        ({"development_roots": None}, "tdx-assurance"),
    ],
)
def test_each_field_of_the_policy_is_compared(changed, code):
    assert failed(**changed) == {code}
    claims = verified_tdx(good_tdx_evidence())
    with pytest.raises(AppraisalFailed) as refused:
        appraise(claims, {"entry": good_tdx_policy(**changed)}, genesis=GENESIS, now=NOW)
    assert {problem.where for problem in refused.value.problems} == {f"attestation.entry ({code})"}
    assert all(problem.hint for problem in refused.value.problems)


@pytest.mark.parametrize(
    ("scenario", "changed"),
    [
        ("good", {"ppids": ["11" * 16, simulated_tdx().ppid.hex()]}),
        ("good", {"host_data": "any"}),
        ("good", {"host_data": GENESIS.hex() + "00" * 16}),
        ("good", {"measurements": [image(mrtd=OTHER), image()]}),
        ("good", {"measurements": [image(rtmr0=REGISTERS[0], rtmr3="any")]}),
        ("good", {"measurements": [ruled()]}),
        ("good", {"mr_owner": "zero", "mr_owner_config": "00" * 48}),
        ("debug", {"td_attributes": {"debug": "any"}}),
        ("unnamed-attribute", {"td_attributes": {"unnamed": "any"}}),
        ("service-td", {"mr_service_td": "5e" * 48}),
        ("service-td", {"mr_service_td": "any"}),
        ("migratable", {"td_attributes": {"migratable": "any"}, "mr_service_td": "any"}),
        (
            "sw-hardening",
            {
                "tcb_status": ["UpToDate", "SWHardeningNeeded"],
                "accepted_risks": {"SWHardeningNeeded": LATER, "INTEL-SA-00615": LATER},
            },
        ),
        (
            "relaunch",
            {
                "tcb_status": ["TDRelaunchAdvised"],
                "accepted_risks": {"TDRelaunchAdvised": LATER},
            },
        ),
    ],
)
def test_machine_that_meets_what_is_asked(scenario, changed):
    assert failed(scenario, **changed) == set()


@pytest.mark.parametrize(
    ("risks", "codes"),
    [
        ({"SWHardeningNeeded": LATER}, {"tdx-advisory"}),
        ({"SWHardeningNeeded": LATER, "INTEL-SA-00001": LATER}, {"tdx-advisory"}),
        ({"SWHardeningNeeded": LATER, "INTEL-SA-00615": ENDED}, {"tdx-advisory"}),
        ({"SWHardeningNeeded": ENDED, "INTEL-SA-00615": LATER}, {"tdx-tcb-status"}),
    ],
)
def test_risk_is_accepted_by_name_and_for_a_time(risks, codes):
    found = failed("sw-hardening", tcb_status=["SWHardeningNeeded"], accepted_risks=risks)
    assert found == codes


def test_accepted_status_of_real_hardware_is_a_warning_and_not_affirmed():
    claims = verified_tdx(good_tdx_evidence("relaunch")).model_copy(
        update={"assurance": "hardware"}
    )
    policy = good_tdx_policy(
        tcb_status=["TDRelaunchAdvised"],
        accepted_risks={"TDRelaunchAdvised": LATER},
        development_roots=None,
    )
    result = appraise(claims, {"tdx": policy}, genesis=GENESIS, now=NOW)
    assert (result.status, result.trust_vector.hardware) == ("warning", 32)


def test_up_to_date_hardware_is_affirmed():
    claims = verified_tdx(good_tdx_evidence()).model_copy(update={"assurance": "hardware"})
    policy = good_tdx_policy(development_roots=None, ppids=[simulated_tdx().ppid.hex()])
    result = appraise(claims, {"tdx": policy}, genesis=GENESIS, now=NOW)
    assert (result.status, result.trust_vector.instance_identity) == ("affirming", 2)


# --- images and events ----------------------------------------------------------------------------


def test_registers_of_two_images_are_never_mixed():
    one, other = image(mrtd=OTHER), image(rtmr1=OTHER)
    assert failed(measurements=[one, other]) in ({"tdx-measurement"}, {"tdx-rtmr1"})


def test_event_that_is_not_listed():
    assert failed("wrong-kernel", measurements=[ruled()]) == {"tdx-events"}


def test_required_event_that_did_not_happen():
    events = ruled()["events"]
    more = events[0] | {"allowed": [DIGESTS[1], OTHER], "required": [DIGESTS[1], OTHER]}
    assert failed(measurements=[ruled(events=[more, events[1]])]) == {"tdx-events"}


def test_rules_for_events_need_a_log():
    assert failed("no-log", measurements=[ruled()]) == {"tdx-events"}


# --- what an entry may say ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"measurements": []}, "at least 1 item"),
        ({"measurements": [{"mrtd": OTHER}]}, "rtmr1 is any without a rule in events"),
        ({"measurements": [{"mrtd": OTHER, "rtmr1": OTHER}]}, "rtmr2 is any without a rule"),
        ({"measurements": [ruled(events=ruled()["events"] * 2)]}, "several rules for one register"),
        ({"measurements": [image(rtmr1="genesis")]}, "pattern"),
        ({"host_data": "11" * 32}, "pattern"),
        ({"tcb_status": []}, "at least 1 item"),
        ({"tcb_status": ["Revoked"]}, "Input should be"),
        ({"tcb_status": ["OutOfDate"]}, "tcb_status lists OutOfDate, which needs its risk"),
        ({"accepted_risks": {"OutOfDate": LATER}}, "accepted_risks names OutOfDate"),
        ({"accepted_risks": {"INTEL-SA-1": LATER}}, "pattern"),
        ({"accepted_risks": {"INTEL-SA-00001": {"risk": "x"}}}, "Field required"),
        ({"accepted_risks": {"INTEL-SA-00001": LATER | {"risk": "a\nb"}}}, "visible characters"),
        ({"ppids": []}, "at least 1 item"),
        ({"ppids": ["11" * 15]}, "pattern"),
        ({"td_attributes": {"unnamed": "require"}}, "'forbid' or 'any'"),
        ({"min_tcb_evaluation_number": -1}, "greater than or equal to 0"),
        ({"mr_seam": []}, "at least 1 item"),
        ({"platform": "sgx"}, "'tdx'"),
    ],
)
def test_policy_that_would_not_be_one(changed, message):
    with pytest.raises(RecordMalformed) as refused:
        good_tdx_policy(**changed)
    assert any(message in problem.message for problem in refused.value.problems)


@pytest.mark.parametrize("missing", ["platform", "host_data", "min_tcb_evaluation_number"])
def test_what_has_no_safe_default_must_be_said(missing):
    plain = good_tdx_policy().to_plain()
    del plain[missing]
    with pytest.raises(RecordMalformed, match="Field required"):
        TdxPolicy.from_plain(plain)


def test_what_is_omitted_is_strict():
    policy = good_tdx_policy()
    assert policy.tcb_status == ["UpToDate"]
    assert (policy.td_attributes.debug, policy.td_attributes.migratable) == ("forbid", "forbid")
    assert (policy.td_attributes.sept_ve_disable, policy.td_attributes.unnamed) == (
        "require",
        "forbid",
    )
    assert (policy.mr_service_td, policy.measurements[0].rtmr3) == ("zero", "zero")


# --- several platforms in one room ----------------------------------------------------------------


def test_room_of_two_platforms_trusts_both_roots_and_keeps_them_apart():
    policies = {"snp": good_policy(), "tdx": good_tdx_policy()}
    anchors = Anchors.of(policies.values())
    assert anchors.fingerprints == {
        root for policy in policies.values() for root in policy.development_roots
    }
    for claims, name in (
        (verified(good_evidence()), "snp"),
        (verified_tdx(good_tdx_evidence()), "tdx"),
    ):
        assert appraise(claims, policies, genesis=GENESIS, now=NOW).policy == name


def test_entry_of_another_platform_is_one_finding_and_never_the_nearest():
    claims = verified_tdx(good_tdx_evidence("debug"))
    other = compare(claims, good_policy(), GENESIS)
    assert [(one.code, one.found, one.expected, one.passed) for one in other] == [
        ("platform", "tdx", "sev-snp", False)
    ]
    with pytest.raises(AppraisalFailed, match="policy 'tdx'"):
        appraise(claims, {"snp": good_policy(), "tdx": good_tdx_policy()}, genesis=GENESIS, now=NOW)
    with pytest.raises(AppraisalFailed, match="platform is tdx, expected sev-snp") as refused:
        appraise(claims, {"snp": good_policy()}, genesis=GENESIS, now=NOW)
    assert "platform of this entry" in refused.value.hint


# --- words ----------------------------------------------------------------------------------------


def test_entry_is_described_by_what_it_pins():
    said = described(good_tdx_policy())
    assert said[0] == "tdx"
    assert any(MEASUREMENT.hex() in line and REGISTERS[1] in line for line in said)
    assert f"simulated root {simulated_tdx().root_fingerprint}" in said
    assert said[-1] == "host data: genesis"
    assert "events of RTMR1 by rule" in " ".join(described(good_tdx_policy(measurements=[ruled()])))


def test_explanation_of_a_strict_entry_is_short():
    strict = good_tdx_policy(
        ppids=[simulated_tdx().ppid.hex()],
        platform_flags={"smt": "forbid", "cached_keys": "forbid", "dynamic_platform": "forbid"},
        measurements=[image(rtmr0=REGISTERS[0])],
        development_roots=None,
    )
    assert len(left_open(strict)) == 1


def test_explanation_of_a_lax_entry_says_each_thing():
    lax = good_tdx_policy(
        host_data="any",
        mr_service_td="any",
        td_attributes=dict.fromkeys([*OPEN_ATTRIBUTES, "unnamed"], "any"),
        measurements=[image(rtmr3="any")],
        tcb_status=["OutOfDate"],
        accepted_risks={"OutOfDate": LATER},
    )
    said = left_open(lax)
    assert set(OPEN_ATTRIBUTES.values()) <= set(said)
    for words in (
        "OutOfDate is accepted until 2027-06-01T00:00:00Z: known and accepted",
        "RTMR0 is free",
        "RTMR3 is free",
        "host data is free",
        "a service guest may be bound",
        "attributes without a name",
        "any platform is accepted",
    ):
        assert any(words in line for line in said)


@pytest.mark.parametrize("platform", ["tdx", "sgx"])
def test_every_code_that_can_fail_has_a_hint(platform):
    prefix = {code for code in PLATFORMS[platform].hints if code.startswith(f"{platform}-")}
    assert prefix == set(PLATFORMS[platform].hints)
    assert all(PLATFORMS[platform].hints.values())


# --- SGX ------------------------------------------------------------------------------------------


def sgx_policy(prepared, **changed):
    names = ["ConfigurationAndSWHardeningNeeded", "INTEL-SA-00289", "INTEL-SA-00615"]
    until = {"risk": "a test", "until": "2027-01-01T00:00:00Z"}
    accepted = {"tcb_status": names[:1], "accepted_risks": dict.fromkeys(names, until)}
    return SgxPolicy.from_plain(prepared.policy.to_plain() | accepted | changed)


@needs_vectors
@pytest.mark.parametrize(
    ("changed", "codes"),
    [
        ({}, set()),
        ({"measurements": ["ee" * 32]}, {"sgx-measurement"}),
        ({"signers": ["ee" * 32]}, {"sgx-signer"}),
        ({"min_isv_svn": 9999}, {"sgx-svn"}),
        ({"host_data": "ee" * 64}, {"sgx-host-data"}),
        ({"host_data": "genesis"}, set()),
        ({"enclave_attributes": {"aex_notify": "require"}}, {"sgx-attributes"}),
        ({"ppids": ["ee" * 16]}, {"sgx-ppid"}),
        ({"min_tcb_evaluation_number": 18}, {"sgx-tcb-evaluation"}),
        ({"development_roots": ["sha256:" + "0" * 64]}, {"sgx-assurance"}),
    ],
)
def test_each_field_of_an_sgx_entry_is_compared(changed, codes):
    prepared = prepare(case_named("sgx-v3-config-sw"))
    findings = compare_sgx(prepared.verified(), sgx_policy(prepared, **changed), bytes(32))
    assert {finding.code for finding in findings if not finding.passed} == codes
    assert {finding.code for finding in findings} <= PLATFORMS["sgx"].hints.keys()


@needs_vectors
def test_sgx_entry_in_words():
    prepared = prepare(case_named("sgx-v3-config-sw"))
    policy = sgx_policy(prepared, signers=["ab" * 32], enclave_attributes={"debug": "any"})
    assert "signer " + "ab" * 32 in described(policy)
    said = left_open(policy)
    assert any("host may read and write the enclave" in line for line in said)
    assert any("ConfigurationAndSWHardeningNeeded is accepted" in line for line in said)
    assert any("host data is free" in line for line in said)
