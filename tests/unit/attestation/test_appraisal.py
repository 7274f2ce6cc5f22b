"""Every rule of a policy entry: what fails it, under which code, and that nothing is mixed."""

import pytest

from cleanroom.attestation.appraisal import appraise
from cleanroom.attestation.policy import SevSnpPolicy
from cleanroom.attestation.result import AttestationResult
from cleanroom.attestation.table import compare
from cleanroom.attestation.words.sev_snp import HINTS
from cleanroom.encoding import content_digest
from cleanroom.errors import AppraisalFailed
from tests.support.platform import (
    GENESIS,
    MEASUREMENT,
    NOW,
    good_evidence,
    good_policy,
    simulated_platform,
    verified,
)

OTHER = "ee" * 48


def claims_of(scenario="good", product="Genoa", **changed):
    return verified(good_evidence(product, scenario)).model_copy(update=changed)


def failed(claims, policy):
    findings = compare(claims, policy, GENESIS)
    return {finding.code for finding in findings if not finding.passed}


def result_of(claims, **policies):
    return appraise(claims, policies, genesis=GENESIS, now=NOW)


def test_good_machine_meets_a_good_policy():
    policy, claims = good_policy(), claims_of()
    result = result_of(claims, coordinator=policy)
    assert result.policy == "coordinator"
    assert result.policy_digest == content_digest(policy.to_bytes())
    assert (result.evidence, result.claims) == (claims.evidence, claims)
    assert (result.status, result.assurance) == ("warning", "simulated")
    assert all(finding.passed for finding in result.findings)


def test_result_has_the_words_of_ear_and_comes_back_from_its_bytes():
    result = result_of(claims_of(), coordinator=good_policy())
    plain = result.to_plain()
    assert plain["ear.status"] == "warning"
    assert plain["ear.trustworthiness-vector"]["hardware"] == 32
    assert plain["ear.appraisal-policy-id"] == "coordinator"
    assert AttestationResult.from_bytes(result.to_bytes()) == result


@pytest.mark.parametrize(
    ("scenario", "codes"),
    [
        ("debug", {"snp-guest-policy"}),
        ("old-tcb", {"snp-tcb", "snp-tcb-safe"}),
        ("rollback", {"snp-tcb", "snp-tcb-order"}),
        ("wrong-measurement", {"snp-measurement"}),
        ("vlek", {"snp-signing-key", "snp-csp-id"}),
        ("no-alias-check", {"snp-platform-info"}),
        ("report-v2", {"snp-report-version"}),
        ("unknown-bit", set()),
        ("report-v3", set()),
    ],
)
def test_scenarios_fail_with_their_code(scenario, codes):
    assert failed(claims_of(scenario), good_policy()) == codes


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"products": ["Turin"]}, "snp-product"),
        ({"measurements": [OTHER]}, "snp-measurement"),
        ({"host_data": "00" * 32}, "snp-host-data"),
        ({"min_tcb": {"Genoa": {"bl": 11, "tee": 0, "snp": 27, "ucode": 84}}}, "snp-tcb"),
        ({"min_tcb": {"Genoa": {"bl": 10, "tee": 1, "snp": 27, "ucode": 84}}}, "snp-tcb"),
        ({"min_tcb": {"Genoa": {"bl": 10, "tee": 0, "snp": 28, "ucode": 84}}}, "snp-tcb"),
        ({"min_tcb": {"Genoa": {"bl": 10, "tee": 0, "snp": 27, "ucode": 85}}}, "snp-tcb"),
        ({"guest_policy": {"smt": "forbid"}}, "snp-guest-policy"),
        ({"guest_policy": {"ciphertext_hiding": "require"}}, "snp-guest-policy"),
        ({"guest_policy": {"page_swap_disable": "require"}}, "snp-guest-policy"),
        ({"platform_info": {"tsme": "require"}}, "snp-platform-info"),
        ({"platform_info": {"ecc": "forbid"}}, "snp-platform-info"),
        ({"vmpl": [1, 2]}, "snp-vmpl"),
        ({"signing_keys": ["vlek"], "csp_ids": ["CN=cloud"]}, "snp-signing-key"),
        ({"chip_ids": ["11" * 64]}, "snp-chip-id"),
        ({"id_key_digests": [OTHER]}, "snp-id-key"),
        ({"author_key_digests": [OTHER]}, "snp-author-key"),
        ({"min_report_version": 5, "min_mitigation_vector": 2}, "snp-mitigations"),
        ({"development_roots": ["sha256:" + "0" * 64]}, "snp-assurance"),
        ({"development_roots": None}, "snp-assurance"),
    ],
)
def test_each_field_of_the_policy_is_compared(changed, code):
    policy = good_policy(**changed)
    codes = failed(claims_of(), policy)
    assert code in codes
    with pytest.raises(
        AppraisalFailed, match="does not meet attestation policy 'entry'"
    ) as refused:
        result_of(claims_of(), entry=policy)
    places = {problem.where for problem in refused.value.problems}
    assert f"attestation.entry ({code})" in places
    assert all(problem.hint for problem in refused.value.problems)


@pytest.mark.parametrize(
    "changed",
    [
        {"chip_ids": [simulated_platform().chip_id("Genoa").hex()]},
        {"host_data": "any"},
        {"host_data": GENESIS.hex()},
        {"id_key_digests": ["00" * 48]},
        {"vmpl": [0, 1]},
        {"min_report_version": 5, "min_mitigation_vector": 1},
        {"measurements": [OTHER, MEASUREMENT.hex()]},
        {"tcb_applies_to": ["reported", "current"]},
    ],
)
def test_machine_that_meets_what_is_asked(changed):
    assert failed(claims_of(), good_policy(**changed)) == set()


def test_turin_firmware_component_has_a_floor():
    floors = {"Turin": {"fmc": 2, "bl": 1, "tee": 1, "snp": 4, "ucode": 81}}
    policy = good_policy(products=["Turin"], min_tcb=floors)
    assert failed(claims_of(product="Turin"), policy) == {"snp-tcb"}


def test_simulated_claims_never_satisfy_an_entry_for_hardware():
    policy = good_policy(development_roots=None)
    assert failed(claims_of(), policy) == {"snp-assurance"}


def test_hardware_claims_never_satisfy_an_entry_for_simulation():
    assert failed(claims_of(assurance="hardware"), good_policy()) == {"snp-assurance"}


def test_hardware_is_affirmed():
    hardware = claims_of(assurance="hardware")
    result = result_of(hardware, entry=good_policy(development_roots=None))
    assert (result.status, result.assurance) == ("affirming", "hardware")
    assert result.trust_vector.hardware == 2


def test_listed_chip_is_an_affirmed_identity():
    chip = simulated_platform().chip_id("Genoa").hex()
    result = result_of(claims_of(), entry=good_policy(chip_ids=[chip]))
    assert result.trust_vector.instance_identity == 2


def test_safe_floors_hold_whatever_the_manifest_says():
    nothing = {"Genoa": {"bl": 0, "tee": 0, "snp": 0, "ucode": 0}}
    assert failed(claims_of("old-tcb"), good_policy(min_tcb=nothing)) == {"snp-tcb-safe"}


def test_launch_below_the_floor_counts():
    levels = claims_of().tcb
    claims = claims_of(tcb=levels | {"launch": levels["launch"] | {"snp": 26}})
    assert failed(claims, good_policy()) == {"snp-tcb"}
    assert failed(claims, good_policy(tcb_applies_to=["reported"])) == set()


def test_reported_above_committed_is_a_contradiction():
    levels = claims_of().tcb
    claims = claims_of(tcb=levels | {"reported": levels["reported"] | {"ucode": 255}})
    assert failed(claims, good_policy()) == {"snp-tcb-order"}


def test_milan_with_any_chip_is_refused_even_by_a_policy_that_was_never_checked():
    chip = simulated_platform().chip_id("Milan").hex()
    policy = good_policy(products=["Milan"], chip_ids=[chip]).model_copy(update={"chip_ids": "any"})
    assert failed(claims_of(product="Milan"), policy) == {"snp-chip-id"}


def test_entries_are_never_mixed():
    one = good_policy(measurements=[OTHER])
    other = good_policy(vmpl=[3])
    with pytest.raises(AppraisalFailed, match=r"policy 'one' \(nor 1 other policies\)"):
        result_of(claims_of(), one=one, other=other)


def test_first_entry_that_holds_whole_is_named():
    result = result_of(claims_of(), one=good_policy(vmpl=[3]), other=good_policy())
    assert result.policy == "other"


def test_refusal_lists_the_entry_that_fails_least():
    far = good_policy(measurements=[OTHER], vmpl=[3], host_data="00" * 32)
    near = good_policy(measurements=[OTHER])
    with pytest.raises(AppraisalFailed, match="policy 'near'") as refused:
        result_of(claims_of(), far=far, near=near)
    assert [problem.where for problem in refused.value.problems] == [
        "attestation.near (snp-measurement)"
    ]


def test_no_policy_accepts_nothing():
    with pytest.raises(AppraisalFailed, match="there is no attestation policy"):
        result_of(claims_of())


@pytest.mark.parametrize("genesis", [b"", bytes(31), bytes(33)])
def test_genesis_of_another_size(genesis):
    with pytest.raises(AppraisalFailed, match="expected 32 bytes"):
        appraise(claims_of(), {"entry": good_policy()}, genesis=genesis, now=NOW)


def test_every_code_that_can_fail_has_a_hint():
    codes = {finding.code for finding in compare(claims_of("vlek"), good_policy(), GENESIS)}
    assert codes - {"snp-platform-unknown"} <= HINTS.keys()


def test_policy_is_monotonic_in_its_lists():
    """Dropping a reference value only ever turns yes into no."""
    wide: SevSnpPolicy = good_policy(measurements=[MEASUREMENT.hex(), OTHER], vmpl=[0, 1])
    for narrow in (
        good_policy(measurements=[OTHER], vmpl=[0, 1]),
        good_policy(measurements=[MEASUREMENT.hex(), OTHER], vmpl=[1]),
    ):
        assert failed(claims_of(), wide) == set()
        assert failed(claims_of(), narrow)
