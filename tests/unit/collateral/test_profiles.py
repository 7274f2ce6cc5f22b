"""Profiles load, accept nothing until they are filled in, and say what they leave open."""

from itertools import pairwise

import pytest

from cleanroom.attestation.closing import NOTHING_CLOSES, gaps
from cleanroom.attestation.explain import left_open
from cleanroom.attestation.profiles import PROFILES, UNFILLED, UNFILLED_CHIP, profile
from cleanroom.attestation.table import compare
from cleanroom.manifest.checks import check
from tests.support.manifests import good_manifest
from tests.support.nitro_cca import nitro_policy
from tests.support.platform import (
    GENESIS,
    good_evidence,
    good_policy,
    good_tdx_policy,
    verified,
)
from tests.support.vectors import cases, needs_vectors
from tests.support.vectors_snp import prepare


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_that_is_not_filled_in_accepts_no_machine(name):
    claims = verified(good_evidence("Turin"))
    for entry in profile(name, [], []).entries.values():
        failed = {one.code for one in compare(claims, entry, GENESIS) if not one.passed}
        assert failed & {"snp-measurement", "platform"}


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_fits_into_a_manifest(name):
    entry = profile(name, [], []).entries["snp"]
    manifest = good_manifest(entry.to_plain(), metadata__mode="production")
    assert check(manifest).manifest == manifest


def test_what_the_author_gives_is_where_it_belongs():
    entries = profile("cloud-2026", ["ab" * 48], []).entries
    assert entries["snp"].measurements == ["ab" * 48]
    assert entries["tdx"].measurements[0].mrtd == "ab" * 48
    assert entries["tdx"].measurements[0].rtmr1 == UNFILLED
    hardened = profile("hardened-turin", ["ab" * 48], ["cd" * 64]).entries["snp"]
    assert hardened.chip_ids == ["cd" * 64]
    assert profile("hardened-turin", [], []).entries["snp"].chip_ids == [UNFILLED_CHIP]


def test_the_hardened_profile_leaves_only_what_no_bit_closes():
    hardened = set(left_open(profile("hardened-turin", [], []).entries["snp"]))
    cloud = set(left_open(profile("cloud-2026", [], []).entries["snp"]))
    assert hardened < cloud
    assert len(hardened) == 2
    assert any("chip" in one or "processor" in one for one in cloud - hardened)


@needs_vectors
def test_a_real_turin_of_a_cloud_meets_the_cloud_profile_but_for_the_image():
    turin = next(case for case in cases("snp") if case["product"] == "turin")
    prepared = prepare(turin)
    entry = profile("cloud-2026", [turin["measurement"]], []).entries["snp"]
    failed = {one.code for one in compare(prepared.verified(), entry, GENESIS) if not one.passed}
    assert failed == {"snp-host-data", "snp-revocation"}


@pytest.mark.parametrize(
    "policy",
    [good_policy, good_tdx_policy, nitro_policy],
    ids=["snp", "tdx", "nitro"],
)
def test_each_gap_is_one_sentence_of_explain_in_its_order(policy):
    entry = policy()
    assert [gap.open for gap in gaps(entry)] == left_open(entry)


def test_closing_a_gap_takes_it_from_the_list():
    entry = profile("cloud-2026", [], []).entries["snp"]
    closable = [gap for gap in gaps(entry) if gap.closed_by.startswith("guest_policy.")]
    assert len(closable) == 7
    for gap in closable:
        field, _, value = gap.closed_by.removeprefix("guest_policy.").partition(": ")
        plain = entry.to_plain()
        plain["guest_policy"][field] = value
        assert gap.open not in left_open(type(entry).from_plain(plain))


def test_values_of_the_authors_own_are_not_made_up():
    entry = profile("cloud-2026", [], []).entries["snp"]
    told = {gap.closed_by for gap in gaps(entry)}
    assert "chip_ids: the values that you accept" in told
    assert not any("abab" in one for one in told)


def test_what_no_field_closes_is_said():
    last = gaps(good_policy())[-1]
    assert last.closed_by == NOTHING_CLOSES


def test_nothing_is_said_twice():
    for name in PROFILES:
        for entry in profile(name, [], []).entries.values():
            assert all(one != two for one, two in pairwise(sorted(left_open(entry))))
