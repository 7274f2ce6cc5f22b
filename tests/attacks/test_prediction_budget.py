"""A caller wants more of a model's answers than its owner signed for: runs, retries, restarts.

The budget is in rows of the version that is scored, for each submitter. It is taken when keys are
granted, and reserved from the submission on; nothing gives it back but a run that never got keys.
"""

from dataclasses import replace

import pytest

from cleanroom.errors import LimitReached, RunTimedOut
from cleanroom.ledger.entry import RowsGranted
from cleanroom.manifest.genesis import Genesis
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.dataset import Part
from enclave.coordinator.room import step
from enclave.coordinator.state import Room
from tests.support.histories import History
from tests.support.manifests import ABSENT, NOW
from tests.support.mutants import assert_mutant_is_caught, hands_back
from tests.support.predictions import prediction_plain
from tests.support.rooms import coordinator, room_manifest

BUDGET = 1000


def history(**changes):
    """An active room with a model, 400 rows to score, and a worker."""
    manifest = Manifest.from_plain(prediction_plain(**changes))
    made = History(manifest, Room(genesis=Genesis.of(manifest), at=NOW))
    made.boot()
    made.propose()
    made.offer("scorer", rows=1, parts=[Part(index=0, digest="sha256:" + "1" * 64, size=9, rows=1)])
    bring(made, 400)
    made.join()
    return made


def bring(made, rows, name="0" * 32):
    part = Part(index=0, digest="sha256:" + "2" * 64, size=9, rows=rows)
    made.offer("patients", name=name, rows=rows, parts=[part])


def finish(made, number):
    made.submit("score", number)
    made.complete(run=number)


def spent(made):
    return [entry.content for entry in made.entries if isinstance(entry.content, RowsGranted)]


def test_rows_are_counted_over_runs_and_the_log_says_so():
    made = history()
    finish(made, 1)
    finish(made, 2)
    with pytest.raises(LimitReached, match="leaves 'bank' 200 of 1000 rows") as refused:
        made.submit("score", 3)
    assert refused.value.code == "CR-5002"
    assert [(one.run, one.submitter, one.rows, one.spent) for one in spent(made)] == [
        ("r-0000000000000001", "bank", 400, 400),
        ("r-0000000000000002", "bank", 400, 800),
    ]


def test_a_run_within_what_is_left_still_runs():
    made = history()
    finish(made, 1)
    finish(made, 2)
    bring(made, 200, "1" * 32)
    finish(made, 3)
    assert spent(made)[-1].spent == BUDGET
    bring(made, 1, "2" * 32)
    with pytest.raises(LimitReached, match="leaves 'bank' 0 of 1000 rows"):
        made.submit("score", 4)


def test_runs_that_wait_have_reserved_their_rows():
    made = history()
    made.leave()
    made.submit("score", 1)
    made.submit("score", 2)
    with pytest.raises(LimitReached, match="leaves 'bank' 200"):
        made.submit("score", 3)
    made.cancel(run=1)
    made.submit("score", 4)
    assert spent(made) == []


@pytest.mark.parametrize("end", ["fail", "cancel", "time_out", "leave"])
def test_a_run_that_failed_after_its_keys_were_granted_is_spent(end):
    made = history()
    for number in (1, 2):
        made.submit("score", number)
        if end == "time_out":
            made.wait(901)
            made.time_out(run=number)
            assert made.run(number).code == RunTimedOut.code
        elif end == "leave":
            made.leave(number)
            made.join(number + 1)
        elif end == "fail":
            made.fail(run=number)
        else:
            made.cancel(run=number)
    with pytest.raises(LimitReached, match="leaves 'bank' 200"):
        made.submit("score", 3)


def test_a_retry_of_the_same_request_is_the_same_run():
    made = history()
    made.submit("score", 1)
    assert made.submit("score", 1).room is made.room
    assert len(spent(made)) == 1


def test_a_restart_does_not_fill_a_budget():
    made = history()
    finish(made, 1)
    finish(made, 2)
    replayed = Room(genesis=made.room.genesis, at=NOW)
    for event in made.happened:
        replayed = step(replayed, event).room
    assert replayed == made.room
    made.boot()
    made.join(2)
    with pytest.raises(LimitReached, match="leaves 'bank' 200"):
        made.submit("score", 3)


def test_a_coordinator_that_went_down_remembers_what_was_asked(tmp_path):
    """A real one, from its sealed journal; its run was lost after the keys had been granted."""
    plain = prediction_plain(computations__score__limits__max_rows_per_submitter=150)
    agreed = room_manifest(
        datasets=plain["datasets"],
        computations=plain["computations"],
        computations__overlap__workers__count=ABSENT,
    )
    with coordinator(tmp_path, agreed) as first:
        bank, shop = first.party("bank"), first.party("shop")
        shop.upload(b"model")
        shop.put(shop.offer("scorer", [b"model"], rows=1))
        bank.add("patients")
        with first.worker() as worker:
            bank.submit("score")
            worker.next()
    with coordinator(tmp_path, agreed, propose=False) as second:
        bank = second.party("bank")
        with pytest.raises(LimitReached, match="leaves 'bank' 50 of 150 rows"):
            bank.submit("score")


def test_a_version_that_is_cut_in_pieces_is_not_cheaper():
    made = history()
    for piece in range(5):
        bring(made, 200, str(piece + 1) * 32)
        finish(made, piece + 1)
    bring(made, 1, "9" * 32)
    with pytest.raises(LimitReached, match="leaves 'bank' 0"):
        made.submit("score", 6)


def test_each_submitter_has_a_budget_of_its_own():
    made = history(computations__score__submitters=["bank", "shop"])
    finish(made, 1)
    finish(made, 2)
    made.submit("score", 3, submitter="shop")
    assert (spent(made)[-1].submitter, spent(made)[-1].spent) == ("shop", 400)


def test_the_stories_notice_a_missing_budget(monkeypatch):
    for story in (
        test_rows_are_counted_over_runs_and_the_log_says_so,
        test_runs_that_wait_have_reserved_their_rows,
        test_a_restart_does_not_fill_a_budget,
    ):
        assert_mutant_is_caught(
            monkeypatch, "enclave.coordinator.row_budgets:within_budget", hands_back(1), story
        )


def test_the_stories_notice_rows_that_are_not_spent(monkeypatch):
    def forgets(draft, _run):
        draft.room = replace(draft.room, rows_granted={})

    assert_mutant_is_caught(
        monkeypatch,
        "enclave.coordinator.row_budgets:spend",
        forgets,
        test_a_restart_does_not_fill_a_budget,
    )
