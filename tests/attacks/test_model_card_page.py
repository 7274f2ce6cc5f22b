"""Attack: a party names itself, its purpose or a value so that a model card runs what it says.

The card's page is opened in a browser by somebody else; every text in it was chosen by some party.
"""

import re

from cleanroom.client.card import ModelCard
from cleanroom.client.carding import model_card
from tests.support.cards import Page, trained_manifest, trained_results
from tests.support.mutants import assert_mutant_is_caught, hands_back

HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>&amp;{{7*7}}"


def hostile_card():
    manifest = trained_manifest(
        [HOSTILE, "plain"], parties__bank__name=HOSTILE, metadata__purpose=HOSTILE
    )
    return model_card(trained_results(manifest))


def test_hostile_names_are_shown_as_text_and_nothing_is_run_or_fetched(tmp_path):
    text = hostile_card().save(tmp_path / "card.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.text.count(HOSTILE) == 3
    assert {"script", "img", "link", "iframe", "object", "a", "form"}.isdisjoint(page.tags)
    assert {"src", "href", "style", "onerror", "onload"}.isdisjoint(page.names)
    assert re.search(r"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]{44}'", text)
    assert "http:" not in text
    assert "https:" not in text


def test_hostile_names_do_not_break_the_card_as_json():
    card = hostile_card()
    assert card.purpose == HOSTILE
    assert ModelCard.from_bytes(card.to_bytes()) == card


def test_the_story_notices_texts_that_are_not_escaped(monkeypatch, tmp_path):
    attempts = iter(range(2))

    def attack():
        directory = tmp_path / str(next(attempts))
        directory.mkdir()
        test_hostile_names_are_shown_as_text_and_nothing_is_run_or_fetched(directory)

    assert_mutant_is_caught(monkeypatch, "cleanroom.client.display:escape", hands_back(), attack)
