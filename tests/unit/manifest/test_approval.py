"""Approvals are counted by party, and only those that hold."""

from datetime import timedelta

import pytest

from cleanroom.crypto.envelope import Envelope
from cleanroom.errors import ApprovalInvalid, ApprovalMissing, ManifestRule
from cleanroom.manifest.approval import (
    Approval,
    approvals_digest,
    approve,
    open_approval,
    sign_approval,
    tally,
)
from tests.support.manifests import LATER, NOW, approvals, good_manifest, party_block, signer

NONCE = b"0123456789abcdef"


def test_manifest_that_both_parties_signed_is_approved():
    manifest = good_manifest()
    approved = approve(manifest, approvals(manifest), NOW)
    assert approved.manifest is manifest
    assert approved.approvals_digest == approvals_digest(approvals(manifest))


def test_tally_says_how_many_and_who_is_missing():
    manifest = good_manifest()
    count = tally(manifest, approvals(manifest, "bank"), NOW)
    assert str(count) == "1 of 2 approvals"
    assert count.missing == ("shop",)
    assert list(count.counted) == ["bank"]
    assert count.refused == ()


def test_missing_approval_is_named():
    manifest = good_manifest()
    with pytest.raises(ApprovalMissing, match=r"^1 of 2 approvals: missing is shop$") as refused:
        approve(manifest, approvals(manifest, "bank"), NOW)
    assert refused.value.code == "CR-2001"


def test_no_approval_at_all_names_everybody():
    with pytest.raises(ApprovalMissing, match=r"^0 of 2 approvals: missing is bank, shop$"):
        approve(good_manifest(), [], NOW)


def test_every_party_must_approve_also_one_without_data():
    manifest = good_manifest(
        parties__regulator={"name": "Regulator", "keys": party_block("regulator", "x")["keys"][:1]}
    )
    with pytest.raises(ApprovalMissing, match="missing is regulator"):
        approve(manifest, approvals(manifest, "bank", "shop"), NOW)
    assert approve(manifest, approvals(manifest), NOW).manifest == manifest


def test_order_and_duplicates_do_not_change_the_digest():
    first, second = approvals(good_manifest())
    assert approvals_digest([first, second]) == approvals_digest([second, first, first])
    assert approvals_digest([first]) != approvals_digest([first, second])


def test_of_two_approvals_by_one_party_the_longer_lasting_counts():
    manifest = good_manifest()
    (short,) = approvals(manifest, "bank", not_after=NOW)
    (long,) = approvals(manifest, "bank", not_after=LATER)
    for order in ([short, long], [long, short]):
        assert tally(manifest, order, NOW).counted == {"bank": long}


def test_approval_holds_until_its_last_moment():
    manifest = good_manifest()
    envelopes = approvals(manifest, not_after=NOW)
    assert approve(manifest, envelopes, NOW).manifest == manifest
    with pytest.raises(
        ApprovalInvalid, match="the approval by 'bank' ended at 2027-01-15T12:00:00Z"
    ):
        approve(manifest, envelopes, NOW + timedelta(seconds=1))


def test_expired_approval_does_not_stand_in_the_way_of_a_fresh_one():
    manifest = good_manifest()
    expired = approvals(manifest, "bank", not_after=NOW - timedelta(days=1))
    approved = approve(manifest, [*expired, *approvals(manifest)], NOW)
    assert list(approved.approvals) == approvals(manifest)
    assert expired[0] not in approved.approvals


def test_signing_checks_the_rules_first():
    broken = good_manifest(metadata__version=2)
    with pytest.raises(ManifestRule, match="version 2 names no previous version"):
        sign_approval(broken, "bank", signer("bank"), LATER, NONCE)


def test_approving_checks_the_rules_first():
    with pytest.raises(ManifestRule, match="version 2 names no previous version"):
        approve(good_manifest(metadata__version=2), [], NOW)


def test_signing_with_a_key_that_the_manifest_does_not_name_fails_at_once():
    with pytest.raises(ApprovalInvalid, match="does not verify"):
        sign_approval(
            good_manifest(), "bank", type(signer("bank")).generate("bank-approve"), LATER, NONCE
        )


def test_signing_for_another_party_fails_at_once():
    with pytest.raises(
        ApprovalInvalid, match="the approval by 'shop' has kid shop-approve, expected bank-approve"
    ):
        sign_approval(good_manifest(), "shop", signer("bank"), LATER, NONCE)


def test_signing_for_nobody_fails_at_once():
    with pytest.raises(ManifestRule, match="party 'mallory' has no key for use 'approve'"):
        sign_approval(good_manifest(), "mallory", signer("mallory"), LATER, NONCE)


def test_opened_approval_tells_what_was_signed():
    manifest = good_manifest()
    approval = open_approval(
        manifest, sign_approval(manifest, "bank", signer("bank"), LATER, NONCE)
    )
    assert approval == Approval(
        party="bank",
        kid="bank-approve",
        manifest=manifest.digest,
        previous=None,
        lineage=manifest.metadata.lineage,
        scope="activate",
        not_after=LATER,
        nonce=NONCE,
    )


def test_approval_survives_a_file():
    manifest = good_manifest()
    files = [envelope.to_bytes() for envelope in approvals(manifest)]
    assert approve(manifest, [Envelope.from_bytes(raw) for raw in files], NOW).manifest == manifest


def test_second_version_is_approved_with_its_previous():
    first = good_manifest()
    second = good_manifest(metadata__version=2, metadata__previous=first.digest)
    approved = approve(second, approvals(second), NOW)
    assert open_approval(second, approved.approvals[0]).previous == first.digest
