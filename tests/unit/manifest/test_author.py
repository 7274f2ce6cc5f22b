"""Formatting keeps meaning and comments; composing fills a template with what parties gave."""

from importlib.resources import files
from pathlib import Path

import pytest

from cleanroom.attestation.policy import SevSnpPolicy
from cleanroom.errors import ManifestRule, ManifestShape, ManifestSyntax
from cleanroom.manifest.author import block_text, compose, format_text, manifest_text
from cleanroom.manifest.checks import check
from cleanroom.manifest.document import read_document
from cleanroom.manifest.model import Party
from cleanroom.manifest.plan import plan
from cleanroom.manifest.text import load
from tests.support.manifests import (
    LATER,
    NOW,
    PARTIES,
    good_manifest,
    party_block,
    simulated_policy,
)

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = {
    name: files("cleanroom.manifest").joinpath("templates", f"{name}.yaml").read_text()
    for name in ("overlap", "partner", "ip", "private")
}
EXAMPLE = ROOT / "manifests/examples/partner/cleanroom.yaml"
PROTECTED = ROOT / "manifests/examples/ip/cleanroom.yaml"
BLOCKS = {party: Party.from_plain(party_block(party, name)) for party, name in PARTIES.items()}
POLICY = SevSnpPolicy.from_plain(simulated_policy())
LINEAGE = good_manifest().metadata.lineage


def _composed(name="partner", parties=BLOCKS):
    return compose(
        TEMPLATES[name],
        parties=parties,
        attestation={"coordinator": POLICY, "worker": POLICY},
        lineage=LINEAGE,
        not_before=NOW,
        not_after=LATER,
        name="our-room",
    )


@pytest.mark.parametrize("name", TEMPLATES)
def test_composed_template_breaks_no_rule(name):
    manifest = load(_composed(name), name="cleanroom.yaml")
    assert check(manifest).manifest.parties == BLOCKS
    assert (manifest.metadata.name, manifest.metadata.lineage) == ("our-room", LINEAGE)
    assert (manifest.metadata.not_before, manifest.metadata.not_after) == (NOW, LATER)
    assert manifest.attestation == {"coordinator": POLICY, "worker": POLICY}


def test_template_with_noise_bounds_all_that_it_tells():
    """Every answer is paid for, and both budgets are enough for all runs that are allowed."""
    manifest = load(_composed("private"), name="cleanroom.yaml")
    told = [warning.message for warning in check(manifest).warnings]
    assert [message[:22] for message in told] == [
        "machines are simulated",
        "no witnesses are named",
    ]


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_and_composed_texts_are_in_the_one_layout(name):
    assert format_text(TEMPLATES[name], name=name) == TEMPLATES[name]
    assert format_text(_composed(name), name=name) == _composed(name)


def test_composing_keeps_comments_and_drops_requests_that_are_fulfilled():
    text = _composed()
    assert "# Rows of customers in common." in text
    assert "paste the block" not in text
    assert "`cleanroom coordinator init` makes it" not in text


def test_parties_of_other_names_take_the_seats_of_the_template():
    blocks = {party: Party.from_plain(party_block(party, party)) for party in ("insurer", "garage")}
    manifest = load(_composed(parties=blocks), name="cleanroom.yaml")
    assert check(manifest).manifest.datasets["customers"].owner == "insurer"
    assert manifest.datasets["baskets"].owner == "garage"
    assert manifest.computations["matches"].submitters == ["insurer"]


def test_parties_may_swap_their_seats():
    manifest = load(_composed(parties={"shop": BLOCKS["shop"], "bank": BLOCKS["bank"]}), name="x")
    assert check(manifest).manifest.datasets["customers"].owner == "shop"
    assert manifest.datasets["baskets"].owner == "bank"


def test_template_for_one_party_keeps_the_other_seat_open():
    text = compose(TEMPLATES["overlap"], parties={"bank": BLOCKS["bank"]})
    assert 'shop: {name: "", keys: []}' in text
    with pytest.raises(ManifestShape) as refused:
        load(text, name="cleanroom.yaml")
    where = {problem.where for problem in refused.value.problems}
    assert {"parties.shop.keys", "attestation", "metadata.lineage", "metadata.not_after"} <= where


def test_template_without_a_section_is_refused():
    with pytest.raises(ManifestShape, match="the template has no section 'parties'"):
        compose("metadata: {}\nparties: 1\n", parties=BLOCKS)


@pytest.mark.parametrize("text", ["a: no\n", "a: &x 1\n"])
def test_text_outside_of_the_subset_is_not_formatted(text):
    with pytest.raises(ManifestSyntax):
        format_text(text, name="x")


def test_list_is_not_formatted():
    with pytest.raises(ManifestShape, match="the text is not a map"):
        format_text("- a\n", name="x")


MESSY = """\
# first
b:   [ x,   "010" ]   # flow
a:
    deep:
        - one   # kept
        -    two
    none: null
    text: |
      two
      lines
    folded: >-
      one
      line
"""


def test_formatting_changes_layout_only_and_settles_at_once():
    once = format_text(MESSY, name="x")
    assert once != MESSY
    assert format_text(once, name="x") == once
    assert read_document(once, name="x").plain == read_document(MESSY, name="x").plain
    for comment in ("# first", "# flow", "# kept"):
        assert comment in once


def test_texts_that_look_like_something_else_are_written_in_quotes():
    manifest = good_manifest(datasets__customers__columns__1__values=["no", "010", "1.5", "gold"])
    text = manifest_text(manifest)
    assert load(text, name="x") == manifest
    assert '"no"' in text
    assert "gold" in text
    assert '"gold"' not in text


def test_block_of_a_party_is_what_a_manifest_takes():
    text = block_text({"bank": BLOCKS["bank"]})
    plain = read_document(text, name="bank.party.yaml").plain
    assert Party.from_plain(plain["bank"]) == BLOCKS["bank"]
    assert block_text(plain) == text


# --- the partner example ----------------------------------------------------------------------------


@pytest.mark.parametrize(("template", "example"), [("partner", EXAMPLE), ("ip", PROTECTED)])
def test_example_is_what_the_template_gives(template, example):
    manifest = load(example.read_text(), name="cleanroom.yaml")
    metadata = manifest.metadata
    composed = compose(
        TEMPLATES[template],
        parties=manifest.parties,
        attestation=manifest.attestation,
        lineage=metadata.lineage,
        not_before=metadata.not_before,
        not_after=metadata.not_after,
        name=metadata.name,
    )
    assert composed == example.read_text(), "change the template, then write the example again"


def test_example_is_ready_to_be_signed():
    manifest = load(EXAMPLE.read_text(), name="cleanroom.yaml")
    assert plan(manifest).mode == "development"
    assert {name: each.workers.count for name, each in manifest.computations.items()} == {
        "overlap": 2,
        "matches": 1,
        "credit_model": 1,
    }


def test_example_fits_the_demo_of_a_hundred_thousand_rows():
    manifest = load(EXAMPLE.read_text(), name="cleanroom.yaml")
    for dataset in manifest.datasets.values():
        assert dataset.rows.min <= 100_000 <= dataset.rows.max


def test_example_is_explained_with_the_numbers_it_has():
    words = (EXAMPLE.parent / "README.md").read_text()
    for fact in ("ten times", "five times", "100,000", "below 100", "`customers.since`"):
        assert fact in words


def test_example_of_a_protected_model_is_explained_with_the_numbers_it_has():
    words = (PROTECTED.parent / "README.md").read_text()
    manifest = load(PROTECTED.read_text(), name="cleanroom.yaml")
    assert plan(manifest).mode == "development"
    limits = manifest.computations["risk"].limits
    assert (limits.max_runs, limits.max_rows_per_submitter) == (10, 20_000)
    assert manifest.computations["quality"].limits.max_runs == 4
    assert manifest.computations["quality"].outputs["metrics"].min_test == 500
    for fact in ("ten runs", "20,000 rows", "four times", "at least 500 patients", "two decimals"):
        assert fact in words


def test_rule_that_the_template_breaks_after_an_edit_is_found():
    text = _composed().replace("owner: shop", "owner: hsop")
    with pytest.raises(ManifestRule, match="party 'hsop' is not defined"):
        check(load(text, name="x"))
