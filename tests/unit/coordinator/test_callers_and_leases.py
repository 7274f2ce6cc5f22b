"""Tokens, challenges, leases, what watchers see, and what the operator's log may say."""

import base64
import io
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from cleanroom.errors import CallerRefused, Overloaded
from cleanroom.protocol.session import CallerProof, prove_caller
from cleanroom.protocol.work import Progress
from enclave.coordinator.callers import CHALLENGE_S, LIFETIME_S, MOST_CHALLENGES, Callers
from enclave.coordinator.leases import Leases
from enclave.coordinator.logs import logger, to_stream
from enclave.coordinator.watching import MOST_EVENTS, MOST_STORIES, Board
from tests.support.histories import History
from tests.support.manifests import NOW, good_manifest, signer

ROOT = bytes(32)
MANIFEST = good_manifest()


class Hands:
    """A monotonic clock that a test moves."""

    def __init__(self):
        self.at = 1000.0

    def __call__(self):
        return self.at


@pytest.fixture
def hands():
    """A clock."""
    return Hands()


@pytest.fixture
def callers(hands):
    """Nobody is known yet."""
    return Callers(hands)


def proof(challenge, *, party="bank", by="bank", root=ROOT, at=NOW):
    stated = CallerProof(
        lineage=MANIFEST.metadata.lineage, party=party, root=root, challenge=challenge, at=at
    )
    return prove_caller(stated, signer(by, "submit"))


def session(callers, envelope):
    return callers.open_session(envelope, MANIFEST, root=ROOT, now=NOW)


def shown(token):
    return base64.b64encode(token).decode()


def test_a_party_gets_a_token_for_its_proof(callers):
    token = session(callers, proof(callers.challenge()))
    caller = callers.caller(shown(token.token))
    assert (caller.kind, caller.name) == ("party", "bank")


def test_a_challenge_serves_one_proof(callers):
    envelope = proof(callers.challenge())
    session(callers, envelope)
    with pytest.raises(CallerRefused, match="used already"):
        session(callers, envelope)


def test_a_challenge_of_nobody_is_refused(callers):
    with pytest.raises(CallerRefused, match="unknown"):
        session(callers, proof(bytes(32)))


def test_a_stale_challenge_is_refused(callers, hands):
    envelope = proof(callers.challenge())
    hands.at += CHALLENGE_S + 1
    with pytest.raises(CallerRefused, match="too old"):
        session(callers, envelope)


@pytest.mark.parametrize(
    "bend",
    [{"by": "shop"}, {"party": "nobody"}, {"root": b"\x01" * 32}, {"at": NOW + timedelta(hours=1)}],
)
def test_a_proof_that_does_not_hold_is_refused(callers, bend):
    with pytest.raises(CallerRefused):
        session(callers, proof(callers.challenge(), **bend))


def test_a_token_ends(callers, hands):
    token = session(callers, proof(callers.challenge()))
    hands.at += LIFETIME_S + 1
    with pytest.raises(CallerRefused, match="unknown or over"):
        callers.caller(shown(token.token))


def test_a_workers_token_ends_with_the_worker(callers):
    token = callers.admit("w-0000000000000001")
    assert callers.caller(shown(token)).kind == "worker"
    callers.dismiss("w-0000000000000001")
    with pytest.raises(CallerRefused, match="unknown"):
        callers.caller(shown(token))


@pytest.mark.parametrize("presented", ["", "%%%", shown(bytes(32)), "é"])
def test_what_is_no_token_is_refused(callers, presented):
    with pytest.raises(CallerRefused):
        callers.caller(presented)


def test_challenges_are_bounded_and_free_themselves(callers, hands):
    for _ in range(MOST_CHALLENGES):
        callers.challenge()
    with pytest.raises(Overloaded):
        callers.challenge()
    hands.at += CHALLENGE_S + 1
    assert len(callers.challenge()) == 32


def test_a_token_is_not_shown_by_its_record(callers):
    token = session(callers, proof(callers.challenge()))
    assert shown(token.token) not in repr(token)


def test_a_lease_ends_unless_it_is_renewed(hands):
    leases = Leases(hands)
    leases.renew("w-1", 10)
    leases.renew("w-2", 10)
    hands.at += 9
    leases.renew("w-2", 10)
    hands.at += 1
    assert leases.expired() == ["w-1"]
    leases.end("w-1")
    assert leases.expired() == []


def said(history, stage, percent):
    return Progress(run=history.run().name, stage=stage, percent=percent)


def test_watchers_see_phases_and_progress_in_order():
    history, board = History.active(), Board()
    history.submit()
    board.announce(history.run(), NOW)
    history.join(1)
    board.announce(history.run(), NOW)
    board.announce(history.run(), NOW)
    board.progress(history.run(), NOW, said(history, "compute", 50))
    history.complete()
    board.announce(history.run(), NOW)
    board.progress(history.run(), NOW, said(history, "seal", 1))
    told = board.after(history.run(), NOW, 0, 0)
    assert [(one.sequence, one.phase, one.stage, one.percent) for one in told] == [
        (0, "submitted", "queued", 0),
        (1, "running", "fetch", 0),
        (2, "running", "compute", 50),
        (3, "released", "compute", 100),
    ]
    assert board.after(history.run(), NOW, 3, 0) == told[3:]


def test_a_watcher_after_a_restart_sees_where_the_run_is():
    history = History.active()
    history.submit()
    (only,) = Board().after(history.run(), NOW, 0, 0)
    assert only.phase == "submitted"


def test_a_watcher_who_heard_more_before_a_restart_hears_the_end():
    history = History.active()
    history.submit()
    history.cancel()
    (only,) = Board().after(history.run(), NOW, 17, 0)
    assert only.phase == "aborted"


def test_stories_of_runs_that_are_over_are_bounded():
    history, board = History.active(), Board()
    history.submit()
    history.cancel()
    for number in range(MOST_STORIES + 10):
        board.announce(replace(history.run(), name=f"r-{number:016x}"), NOW)
    assert len(board._events) == MOST_STORIES


def test_progress_is_bounded():
    history, board = History.active(), Board()
    history.join(1)
    history.submit()
    for _ in range(MOST_EVENTS + 10):
        board.progress(history.run(), NOW, said(history, "compute", 1))
    history.complete()
    board.announce(history.run(), NOW)
    told = board.after(history.run(), NOW, 0, 0)
    assert len(told) == MOST_EVENTS + 1
    assert told[-1].phase == "released"


def test_the_operators_log_says_allowed_fields_only():
    stream = io.StringIO()
    printing = to_stream(stream)
    try:
        logger().info("event", extra={"kind": "booted", "token": "s3cret", "rows": 17})
        logger().info("word %s", "an argument of a party")
    finally:
        logger().removeHandler(printing)
    first, second = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (first["message"], first["kind"]) == ("event", "booted")
    assert not {"token", "rows"} & set(first)
    assert "argument" not in json.dumps(second)
