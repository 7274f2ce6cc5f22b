"""What a policy entry may say at all."""

import pytest

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.explain import left_open
from cleanroom.attestation.policy import SevSnpPolicy
from cleanroom.attestation.roots import (
    AMD_ARK,
    GOOGLE_EK_AK_ROOT,
    INTEL_SGX_ROOT,
    MICROSOFT_SUPPLY_CHAIN_ROOT,
    NITRO_ROOT,
    NVIDIA_DEVICE_ROOT,
)
from cleanroom.attestation.words.snp import BADRAM, OPEN_GUEST_BITS, SAFE_WHEN
from cleanroom.errors import ManifestRule, RecordMalformed
from tests.support.platform import good_policy, simulated_platform

GENOA = {"Genoa": {"bl": 10, "tee": 0, "snp": 23, "ucode": 84}}


def test_policy_comes_back_from_its_bytes():
    policy = good_policy()
    assert SevSnpPolicy.from_bytes(policy.to_bytes()) == policy


def test_what_is_omitted_is_strict():
    policy = good_policy()
    assert policy.guest_policy.debug == "forbid"
    assert policy.guest_policy.migrate_ma == "forbid"
    assert policy.platform_info.alias_check_complete == "require"
    assert (policy.min_report_version, policy.vmpl, policy.signing_keys) == (3, [0], ["vcek"])
    assert policy.tcb_applies_to == ["reported", "committed", "launch"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"measurements": []}, "at least 1 item"),
        ({"measurements": ["AB" * 48]}, "pattern"),
        ({"products": []}, "at least 1 item"),
        ({"products": ["Rome"]}, "'Milan', 'Genoa' or 'Turin'"),
        ({"products": ["Genoa", "Turin"], "min_tcb": GENOA}, "min_tcb has no floors for Turin"),
        ({"products": ["Milan"]}, "products lists Milan while chip_ids is any"),
        ({"chip_ids": []}, "at least 1 item"),
        ({"chip_ids": ["0" * 128]}, "a chip id of zeros"),
        ({"chip_ids": ["0" * 16]}, "a chip id of zeros"),
        ({"host_data": ""}, "pattern"),
        ({"host_data": "genesis2"}, "pattern"),
        ({"vmpl": []}, "at least 1 item"),
        ({"vmpl": [4]}, "less than or equal to 3"),
        ({"signing_keys": ["vlek"]}, "signing_keys lists vlek while csp_ids is empty"),
        ({"tcb_applies_to": ["launch"]}, "tcb_applies_to must hold reported"),
        ({"tcb_applies_to": []}, "at least 1 item"),
        ({"development_roots": []}, "at least 1 item"),
        ({"development_roots": ["sha256:xyz"]}, "pattern"),
        ({"id_key_digests": []}, "at least 1 item"),
        ({"min_mitigation_vector": 1}, "needs min_report_version 5"),
        ({"min_report_version": 4}, "2, 3 or 5"),
        ({"guest_policy": {"debug": True}}, "'require', 'forbid' or 'any'"),
        ({"guest_policy": {"unheard_of": "any"}}, "Extra inputs"),
        ({"min_tcb": {"Genoa": {"bl": 1, "tee": 0, "snp": 23}}}, "Field required"),
        ({"min_tcb": {"Genoa": GENOA["Genoa"] | {"fmc": 1}}}, "Extra inputs"),
        ({"platform": "tdx"}, "sev-snp"),
    ],
)
def test_policy_that_would_not_be_one(changed, message):
    with pytest.raises(RecordMalformed) as refused:
        good_policy(**changed)
    assert any(message in problem.message for problem in refused.value.problems)


@pytest.mark.parametrize(
    "missing", ["platform", "products", "measurements", "host_data", "min_tcb"]
)
def test_what_has_no_safe_default_must_be_said(missing):
    plain = good_policy().to_plain()
    del plain[missing]
    with pytest.raises(RecordMalformed, match=r"Field required|neither is given"):
        SevSnpPolicy.from_plain(plain)


def test_anchors_of_production_policies_are_the_vendors():
    anchors = Anchors.of([good_policy(development_roots=None)])
    assert anchors == Anchors.vendor()
    others = {INTEL_SGX_ROOT, NITRO_ROOT, GOOGLE_EK_AK_ROOT, MICROSOFT_SUPPLY_CHAIN_ROOT}
    assert anchors.fingerprints == {*AMD_ARK, *others, NVIDIA_DEVICE_ROOT}
    assert anchors.roots_of("amd") == AMD_ARK.keys()
    assert anchors.roots_of("intel") == {INTEL_SGX_ROOT}
    assert anchors.roots_of("aws") == {NITRO_ROOT}
    assert anchors.roots_of("google") == {GOOGLE_EK_AK_ROOT}
    assert anchors.roots_of("microsoft") == {MICROSOFT_SUPPLY_CHAIN_ROOT}
    assert anchors.roots_of("nvidia") == {NVIDIA_DEVICE_ROOT}


def test_anchors_of_development_policies_are_theirs():
    anchors = Anchors.of([good_policy()])
    assert anchors.assurance == "simulated"
    assert anchors.fingerprints == {simulated_platform().root_fingerprint}


def test_anchors_are_never_of_both_kinds():
    with pytest.raises(ManifestRule, match="mix development_roots with real hardware"):
        Anchors.of([good_policy(), good_policy(development_roots=None)])
    with pytest.raises(ManifestRule, match="development roots hold a vendor's root"):
        Anchors.development([*AMD_ARK])
    with pytest.raises(ManifestRule, match="a root that no vendor published"):
        Anchors("hardware", frozenset({simulated_platform().root_fingerprint}))
    with pytest.raises(ManifestRule, match="hold no root"):
        Anchors.development([])


def test_explanation_names_what_today_s_clouds_leave_open():
    said = left_open(good_policy(development_roots=None))
    assert OPEN_GUEST_BITS["ciphertext_hiding"] in said
    assert OPEN_GUEST_BITS["debug"] not in said
    assert any("any processor of the product is accepted" in line for line in said)
    assert not any("simulated" in line for line in said)


def test_explanation_of_a_strict_policy_is_short():
    strict = good_policy(
        guest_policy=dict(SAFE_WHEN),
        chip_ids=[simulated_platform().chip_id("Genoa").hex()],
        id_key_digests=["ab" * 48],
        revocation="require",
        development_roots=None,
    )
    assert len(left_open(strict)) == 1


def test_explanation_says_what_lists_that_are_not_asked_for_leave_open():
    lax = left_open(good_policy(crl_grace_d=9))
    assert any("no revocation list is asked for" in sentence for sentence in lax)
    assert any("clears for 9 days after its end" in sentence for sentence in lax)
    strict = left_open(good_policy(revocation="require"))
    assert not any("revocation list" in sentence for sentence in strict)


def test_explanation_of_a_lax_policy_says_each_thing():
    lax = good_policy(
        host_data="any",
        min_report_version=2,
        vmpl=[0, 1],
        signing_keys=["vcek", "vlek"],
        csp_ids=["CN=cloud"],
        platform_info={"alias_check_complete": "any"},
        guest_policy=dict.fromkeys(OPEN_GUEST_BITS, "any"),
    )
    said = left_open(lax)
    assert {*OPEN_GUEST_BITS.values(), BADRAM} <= set(said)
    for words in ("simulated", "lent key", "old reports", "another layer", "host data is free"):
        assert any(words in line for line in said)
