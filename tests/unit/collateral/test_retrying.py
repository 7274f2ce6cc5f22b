"""Asking again while there is hope."""

import pytest

from cleanroom.collateral.retrying import Patience, retrying
from cleanroom.errors import Unreachable
from tests.support.vendors import Page, answer, vendor


def asked_through(*answers, patience=None):
    """The last answer to one call, the pauses before it, and what was not asked for any more."""
    waiting, left = [], list(answers)

    def fetch(_url):
        found = left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    found = retrying(fetch, waiting.append, patience)("https://vendor/a")
    return found, waiting, left


def test_a_good_answer_is_not_asked_for_twice():
    found, waiting, left = asked_through(answer(b"1"), answer(b"2"))
    assert (found.body, waiting, len(left)) == (b"1", [], 1)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_passing_refusal_is_asked_again(status):
    found, waiting, _ = asked_through(answer(status=status), answer(status=status), answer(b"ok"))
    assert (found.body, waiting) == (b"ok", [1.0, 2.0])


@pytest.mark.parametrize("status", [302, 400, 403, 404])
def test_a_final_refusal_is_not_asked_again(status):
    found, waiting, _ = asked_through(answer(status=status), answer(b"ok"))
    assert (found.status, waiting) == (status, [])


def test_an_unreachable_vendor_is_asked_again():
    found, waiting, _ = asked_through(Unreachable("away"), answer(b"ok"))
    assert (found.body, waiting) == (b"ok", [1.0])


def test_the_pause_grows_as_far_as_the_longest_and_then_there_is_an_end():
    patience = Patience(attempts=4, first_s=4.0, longest_s=10.0)
    busy = [answer(status=503)] * 4
    found, waiting, left = asked_through(*busy, patience=patience)
    assert (found.status, waiting, left) == (503, [4.0, 8.0, 10.0], [])


def test_a_vendor_that_says_how_long_is_heeded_within_bounds():
    busy = [answer(status=429, retry_after="7"), answer(status=429, retry_after="9999")]
    _, waiting, _ = asked_through(*busy, answer(b"ok"))
    assert waiting == [7.0, 30.0]


def test_the_last_failure_is_told():
    away = [Unreachable("away")] * 3
    with pytest.raises(Unreachable, match="away"):
        asked_through(*away, patience=Patience(attempts=3))


def test_over_the_wire_a_busy_service_gives_in():
    pages = {"/a": [Page(b"", status=429), Page(b"", status=503), Page(b"here")]}
    waiting = []
    with vendor(pages) as service:
        found = retrying(service.fetch(), waiting.append)("https://vendor/a")
    assert (found.body, len(waiting)) == (b"here", 2)
