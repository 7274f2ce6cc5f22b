"""Somebody writes a contract that people read as one thing and machines as another."""

import pytest

from cleanroom.errors import ManifestRule, ManifestShape, ManifestSyntax, NotCanonical
from cleanroom.manifest.author import manifest_text
from cleanroom.manifest.checks import check
from cleanroom.manifest.model import Manifest
from cleanroom.manifest.text import load
from tests.support.manifests import base64_of, good_manifest, good_plain, party_block, unsealer

TEXT = manifest_text(good_manifest())


def _attack(find, put, count=1):
    assert find in TEXT
    return TEXT.replace(find, put, count)


def test_limit_is_repeated_far_below_where_nobody_looks():
    # Most readers keep the last of two equal keys, silently.
    text = _attack(
        "      max_runs: 10\n",
        "      max_runs: 10\n" + "      # \n" * 200 + "      max_runs: 1000000\n",
    )
    with pytest.raises(ManifestSyntax, match="key 'max_runs' is given twice"):
        load(text, name="cleanroom.yaml")


def test_recipients_are_shared_by_an_alias():
    text = _attack("submitters: [bank, shop]", "submitters: &everybody [bank, shop]")
    with pytest.raises(ManifestSyntax, match="`&everybody` is an anchor"):
        load(text, name="cleanroom.yaml")


def test_gate_is_overridden_by_a_merge():
    text = _attack("          min_group: 100\n", "          <<: {min_group: 1}\n")
    with pytest.raises(ManifestSyntax, match="`<<` has a meaning of its own"):
        load(text, name="cleanroom.yaml")


def test_octal_that_people_read_as_a_hundred():
    with pytest.raises(ManifestSyntax, match="`0100` is a different number in different readers"):
        load(_attack("min_group: 100", "min_group: 0100"), name="cleanroom.yaml")


def test_second_document_is_appended_for_another_reader():
    with pytest.raises(ManifestSyntax, match="a second document begins here"):
        load(TEXT + "---\n" + TEXT.replace("max_runs: 10", "max_runs: 1000"), name="cleanroom.yaml")


def test_text_direction_is_turned_in_the_purpose():
    with pytest.raises(ManifestSyntax, match=r"an invisible character \(U\+202E\)"):
        load(_attack("no advertising use", "\u202eesu gnisitrevda on"), name="cleanroom.yaml")


def test_text_direction_is_turned_by_an_escape():
    text = _attack("Count and list customers in common; no advertising use.", '"a \\u202e b"')
    with pytest.raises(ManifestShape, match="expected one line of visible characters"):
        load(text, name="cleanroom.yaml")


def test_terminal_is_cleared_by_the_name_of_a_party():
    with pytest.raises(ManifestShape, match="expected one line of visible characters"):
        load(_attack("name: Bank plc", 'name: "\\e[2J\\e[1;1H"'), name="cleanroom.yaml")


def test_condition_that_nobody_enforces_is_refused_and_not_ignored():
    text = _attack("      min: 1\n", "      min: 1\n      only_on_sundays: true\n")
    with pytest.raises(ManifestShape, match="unknown field 'only_on_sundays'"):
        load(text, name="cleanroom.yaml")


def test_party_that_looks_like_another():
    # `shop` and `sh0p`: the second is the attacker, and receives the results.
    manifest = good_manifest(
        parties__sh0p=party_block("sh0p", "Shop GmbH"),
        computations__overlap__outputs__size__recipients=["bank", "sh0p"],
    )
    with pytest.raises(ManifestRule, match="'shop' is easily mistaken for 'sh0p'"):
        check(manifest)


def test_attackers_key_under_the_shops_name():
    stolen = {
        "kid": "shop-receive",
        "use": "receive",
        "alg": "mlkem768-x25519",
        "public": base64_of(unsealer("mallory").public_key),
    }
    manifest = good_manifest(parties__shop__keys=[*good_plain()["parties"]["shop"]["keys"], stolen])
    with pytest.raises(ManifestRule, match="party 'shop' has 2 keys for use 'receive'"):
        check(manifest)


def test_simulated_machine_is_slipped_into_production():
    with pytest.raises(ManifestRule, match="trusts simulated roots in production mode"):
        check(good_manifest(metadata__mode="production"))


def test_bytes_carry_the_same_key_twice():
    raw = good_manifest().to_bytes()
    doubled = raw.replace(b'"max_runs":10', b'"max_runs":1000,"max_runs":10')
    assert doubled != raw
    with pytest.raises(NotCanonical, match="the same key twice"):
        Manifest.from_bytes(doubled)


def test_bytes_are_spelt_differently_with_the_same_meaning():
    raw = good_manifest().to_bytes()
    for other in (
        raw + b"\n",
        raw.replace(b":10,", b": 10,"),
        raw.replace(b'"max_runs":10', b'"max_runs":10.0'),
        raw.replace(b'"bank"', b'"\\u0062ank"'),
    ):
        assert other != raw
        with pytest.raises(NotCanonical, match="not its canonical encoding"):
            Manifest.from_bytes(other)
