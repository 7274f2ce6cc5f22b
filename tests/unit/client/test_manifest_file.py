"""The manifest as a file: load, check, plan, approve, count approvals; all offline."""

import json

import pytest

from cleanroom.client.identity import Identity
from cleanroom.client.manifest_file import ManifestFile, manifest_of
from cleanroom.crypto.envelope import Envelope
from cleanroom.errors import (
    ApprovalInvalid,
    FileMissing,
    IdentityInvalid,
    ManifestRule,
    ManifestShape,
)
from cleanroom.manifest.approval import approve
from tests.support.hostile_room import identity_of
from tests.support.manifests import NOW, changed, good_manifest, good_plain


def written(directory, plain=None):
    path = directory / "cleanroom.yaml"
    path.write_text(json.dumps(plain or good_plain(), indent=2))
    return path


@pytest.fixture
def file(tmp_path):
    return ManifestFile.load(written(tmp_path), clock=lambda: NOW)


def test_a_file_says_what_its_manifest_says(file):
    assert file.digest == good_manifest().digest
    assert file.name == "retail-overlap"
    assert not file.check().warnings or file.check().manifest == file.manifest


def test_a_directory_stands_for_its_manifest(file):
    assert ManifestFile.load(file.path.parent).digest == file.digest


def test_a_missing_file_is_named_without_its_directory(tmp_path):
    with pytest.raises(FileMissing, match=r"^there is no readable manifest 'cleanroom.yaml'$"):
        ManifestFile.load(tmp_path)


def test_the_nearest_manifest_above_is_found(file):
    below = file.path.parent / "a" / "b"
    below.mkdir(parents=True)
    assert ManifestFile.find(below, name="retail-overlap").digest == file.digest


def test_a_manifest_of_another_room_is_not_what_was_asked_for(file):
    with pytest.raises(FileMissing, match="is of room 'retail-overlap', expected 'other'"):
        ManifestFile.find(file.path.parent, name="other")


def test_a_field_that_is_off_has_its_line(tmp_path):
    path = written(tmp_path, changed(good_plain(), metadata__version="one"))
    with pytest.raises(ManifestShape, match=r"cleanroom.yaml:\d+:\d+") as refused:
        ManifestFile.load(path)
    assert refused.value.problems[0].line > 1


def test_a_broken_rule_has_its_line(tmp_path):
    plain = changed(good_plain(), computations__overlap__inputs__left__dataset="nowhere")
    file = ManifestFile.load(written(tmp_path, plain))
    with pytest.raises(ManifestRule) as refused:
        file.check()
    assert all(problem.line > 1 for problem in refused.value.problems)


def test_the_plan_is_of_this_very_digest(file):
    assert file.plan().digest == file.digest
    assert file.plan().standing == "in force"


def test_approvals_of_all_parties_make_an_approved_manifest(file):
    for party in ("bank", "shop"):
        path = file.approve(identity_of(party))
        assert path == file.path.parent / "approvals" / f"{party}.json"
    assert str(file.tally()) == "2 of 2 approvals"
    assert approve(file.manifest, file.approvals(), NOW).manifest.digest == file.digest


def test_approving_again_replaces_the_own_approval_only(file):
    file.approve(identity_of("shop"))
    first = file.approve(identity_of("bank")).read_bytes()
    assert file.approve(identity_of("bank")).read_bytes() != first
    assert len(file.approvals()) == 2


def test_consent_may_end_before_the_manifest(file):
    file.approve(identity_of("bank"), not_after=NOW.replace(hour=13))
    late = ManifestFile.load(file.path, clock=lambda: NOW.replace(hour=14))
    assert late.tally().missing == ("bank", "shop")


def test_a_stranger_cannot_approve(file):
    with pytest.raises(IdentityInvalid, match="party 'mallory'"):
        file.approve(Identity.create("mallory", "Mallory"))
    with pytest.raises(IdentityInvalid, match="is not the one of this identity"):
        file.approve(Identity.create("bank", "Bank plc"))
    assert not file.approvals_directory.exists()


def test_a_manifest_that_breaks_a_rule_is_not_signed(tmp_path):
    plain = changed(good_plain(), computations__overlap__inputs__left__dataset="nowhere")
    file = ManifestFile.load(written(tmp_path, plain))
    with pytest.raises(ManifestRule):
        file.approve(identity_of("bank"))
    assert not file.approvals_directory.exists()


def test_an_approval_of_an_earlier_draft_does_not_count(file, tmp_path):
    file.approve(identity_of("bank"))
    changed_file = ManifestFile.load(
        written(tmp_path, changed(good_plain(), metadata__purpose="else")), clock=lambda: NOW
    )
    assert changed_file.tally().missing == ("bank", "shop")
    assert "has manifest" in changed_file.tally().refused[0].message
    with pytest.raises(ApprovalInvalid):
        approve(changed_file.manifest, changed_file.approvals(), NOW)


@pytest.mark.parametrize("content", ["", "{}", "not json"])
def test_a_file_that_is_no_approval_is_named(file, content):
    file.approve(identity_of("bank"))
    (file.approvals_directory / "shop.json").write_text(content)
    with pytest.raises(FileMissing, match=r"approvals/shop.json is not an approval"):
        file.approvals()


def test_an_approval_with_a_last_line_end_is_still_the_same(file):
    path = file.approve(identity_of("bank"))
    path.write_bytes(path.read_bytes() + b"\n")
    (envelope,) = file.approvals()
    assert isinstance(envelope, Envelope)


def test_a_manifest_is_taken_in_any_form(file):
    assert manifest_of(file) is file.manifest
    assert manifest_of(file.manifest) is file.manifest
    assert manifest_of(file.path).digest == file.digest


def test_a_notebook_shows_a_plain_table(file):
    shown = file._repr_mimebundle_()
    assert "<table>" in shown["text/html"]
    assert file.digest in shown["text/html"]
    assert "0 of 2 approvals" in shown["text/plain"]
