"""The checks at the tunnel between ranks are taken away once each: a stranger is let in."""

import ssl

import pytest

from enclave.worker import tunnel
from tests.attacks import test_tunnel_strangers as strangers
from tests.attacks.test_tunnel_strangers import between
from tests.support.breaches import Mutant, assert_gets_through, shown
from tests.support.mutants import hands_back

__all__ = ["between"]
TUNNEL = "enclave.worker.tunnel"
context_of = tunnel._context

MUTANTS = [
    Mutant(
        f"{TUNNEL}:require_name",
        hands_back(1),
        strangers.test_a_leaf_of_the_run_for_another_address_is_not_answered,
    ),
    Mutant(
        f"{TUNNEL}:require_secret",
        hands_back(1),
        strangers.test_a_rank_of_the_gang_without_this_attempts_secret_is_not_answered,
        {"guess": bytes(32)},
    ),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=shown)
def test_a_stranger_is_let_in_without_its_check(monkeypatch, between, mutant):
    assert_gets_through(monkeypatch, mutant, lambda: mutant.story(between=between, **mutant.given))


def test_a_foreign_authority_is_let_in_where_it_is_trusted(monkeypatch, between):
    def lax(files, purpose):
        if purpose is ssl.Purpose.SERVER_AUTH:
            return context_of(files, purpose)
        context = ssl.create_default_context(purpose, cadata=between.foreign.certificate)
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(files.certificate, files.key)
        return context

    story = strangers.test_a_stranger_of_another_authority_is_not_answered
    mutant = Mutant(f"{TUNNEL}:_context", lax, story)
    assert_gets_through(monkeypatch, mutant, lambda: story(between))
