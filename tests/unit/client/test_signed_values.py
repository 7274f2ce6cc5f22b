"""A party's copy of what builders signed: read beside the manifest, shown, needed to approve."""

from datetime import timedelta

import pytest

from cleanroom.cli.main import run
from cleanroom.client.manifest_file import ManifestFile
from cleanroom.client.signed_values import values_beside
from cleanroom.encoding import instant_text
from cleanroom.errors import FileMissing, ReferenceValuesRefused
from cleanroom.manifest.author import manifest_text
from cleanroom.manifest.checks import check
from tests.support.hostile_room import identity_of
from tests.support.manifests import NOW, good_manifest, simulated_policy
from tests.support.signed_values import BUILDERS, image_statement, naming, signed_values

ENTRY = "worker-snp"


def named_manifest(**name):
    return good_manifest(**{f"attestation__{ENTRY}": naming(simulated_policy(), **name)})


def desk(directory, *envelopes, manifest=None, now=NOW):
    """A directory with a manifest and what builders sent."""
    (directory / "cleanroom.yaml").write_text(manifest_text(manifest or named_manifest()))
    (directory / "reference-values").mkdir()
    for number, envelope in enumerate(envelopes):
        file = directory / "reference-values" / f"{number}.json"
        file.write_bytes(envelope.to_bytes() + b"\n")
    return ManifestFile.load(directory, clock=lambda: now)


def trusted(plan):
    return next(trust for trust in plan.trusted if trust.policy == ENTRY)


def test_what_the_manifest_does_not_name_is_left_aside(tmp_path):
    older = signed_values(what=image_statement(version="1.3.0"))
    loaded = desk(tmp_path, *older, *signed_values())
    assert {one.to_bytes() for one in loaded.reference_values()} == {
        one.to_bytes() for one in signed_values()
    }


def test_a_directory_without_envelopes_holds_none(tmp_path):
    assert values_beside(tmp_path, named_manifest()) == []


def test_a_file_that_is_no_envelope_is_named(tmp_path):
    loaded = desk(tmp_path, *signed_values())
    (tmp_path / "reference-values" / "x.json").write_text("{}")
    with pytest.raises(FileMissing, match=r"reference-values/x\.json is not what a builder signed"):
        loaded.reference_values()


def test_the_plan_tells_image_version_builders_threshold_and_end(tmp_path):
    text = desk(tmp_path, *signed_values()).plan().to_text()
    end = instant_text(NOW + timedelta(days=20))
    words = f"image worker 1.4.0, signed by ann-provide, bob-provide (2 had to), until {end}"
    assert words in text
    assert "signed by 2 of ann-provide, bob-provide, cy-provide" in text
    assert f"which ends before the manifest does: nothing is in force after {end}" in text


def test_an_image_that_outlasts_the_manifest_ends_nothing_early(tmp_path):
    what = image_statement(valid_until=instant_text(NOW + timedelta(days=900)))
    loaded = desk(tmp_path, *signed_values(what=what), manifest=named_manifest(what=what))
    assert "ends before the manifest" not in loaded.plan().to_text()


def test_the_plan_says_that_an_image_cannot_be_seen(tmp_path):
    words = trusted(desk(tmp_path).plan()).words
    assert words[-1].startswith(f"NOT KNOWN HERE: the reference values of {ENTRY!r} are missing")


@pytest.mark.parametrize(
    ("envelopes", "now", "match"),
    [
        ([], NOW, "are missing"),
        (signed_values("cy-provide"), NOW, "1 builders signed the reference values, expected 2"),
        (signed_values(), NOW + timedelta(days=21), "worker are not valid on 2027-02-05"),
    ],
    ids=["missing", "too few", "ended"],
)
def test_nobody_approves_an_image_that_is_not_vouched_for(tmp_path, envelopes, now, match):
    loaded = desk(tmp_path, *envelopes, now=now)
    with pytest.raises(ReferenceValuesRefused, match=match):
        loaded.approve(identity_of("bank"))
    assert not (tmp_path / "approvals").exists()


def test_an_image_that_is_vouched_for_is_approved(tmp_path):
    loaded = desk(tmp_path, *signed_values(*BUILDERS))
    loaded.approve(identity_of("bank"))
    assert loaded.tally().missing == ("shop",)


def test_one_builder_alone_is_told_before_signing():
    warnings = check(named_manifest(threshold=1)).warnings
    told = [one for one in warnings if one.where.endswith("reference_values.threshold")]
    (message,) = [one.message for one in told]
    assert message.startswith(f"the image of policy {ENTRY!r} is one builder's word")
    assert not [one for one in check(named_manifest()).warnings if "builder" in one.message]


def test_attestation_explain_tells_it_too(tmp_path, monkeypatch, capsys):
    desk(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert run(["attestation", "explain"]) == 0
    assert "NOT KNOWN HERE" in capsys.readouterr().out


def test_approve_at_the_command_line_ends_with_the_reason(tmp_path, monkeypatch, capsys):
    desk(tmp_path)
    identity_of("bank").save(tmp_path / "bank.key")
    monkeypatch.chdir(tmp_path)
    assert run(["approve", "--yes"]) == 4
    said = capsys.readouterr().err
    assert "CR-3012" in said
    assert "`reference-values/`" in said


def test_a_draft_carries_what_builders_signed_along(tmp_path, monkeypatch):
    """From `coordinator init --named` to a manifest whose plan tells the images."""
    monkeypatch.chdir(tmp_path)
    for party in ("bank", "shop"):
        assert run(["key", "new", "--party", party]) == 0
    assert run(["coordinator", "init", "operator", "--named"]) == 0
    (tmp_path / "operator" / "reference-values" / "old.json").write_bytes(
        signed_values("ann-provide")[0].to_bytes()
    )
    parties = ["--party", "bank.party.yaml", "--party", "shop.party.yaml"]
    assert run(["init", *parties, "--attestation", "operator/attestation.yaml"]) == 0
    copied = sorted(file.name for file in (tmp_path / "reference-values").iterdir())
    assert copied == [
        f"{image}-{builder}.json"
        for image in ("coordinator", "worker")
        for builder in ("first-builder", "second-builder")
    ]
    text = ManifestFile.load(tmp_path).plan().to_text()
    assert "signed by first-builder, second-builder (2 had to)" in text
    assert "NOT KNOWN HERE" not in text
