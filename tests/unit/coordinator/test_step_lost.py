"""A training loses a worker: `step` gives it another gang, counts its use once, and not for ever."""

from datetime import timedelta

import pytest

from cleanroom.encoding import content_digest
from cleanroom.errors import CallerRefused, LimitReached, RunRefused
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.work import Provision, Stop
from enclave.coordinator import effects as do
from enclave.coordinator.ending import MOST_LOST
from enclave.coordinator.receipts import composed
from tests.support.histories import History, instance, run_name
from tests.support.lost_gangs import again, formed, running_training, training
from tests.support.private_trainings import NOISY_NETWORK, private_plain
from tests.support.trainings import LINE

LOST = "CR-6003"


@pytest.fixture
def running():
    """A training that has its keys, on workers 1 and 2."""
    return running_training()


@pytest.mark.parametrize("victim", [1, 2])
def test_a_training_that_lost_a_worker_waits_for_another_gang(running, victim):
    running.leave(victim)
    run = running.run()
    assert (run.phase, run.code, run.gang) == ("submitted", None, ())
    assert [worker.instance for worker in run.earlier[0].workers] == [instance(1), instance(2)]
    assert running.told()[-3:] == ["worker-left", "gang-lost", "worker-left"]
    assert running.room.workers == {}
    assert {do.Dismiss(instance(1)), do.Dismiss(instance(2))} <= set(running.effects)


def test_whoever_is_free_gets_the_run_at_once(running):
    running.join(3)
    running.join(4)
    running.leave(1)
    provision = Provision(run=run_name(1), node=0, nodes=2)
    assert running.run().phase == "authorized"
    assert do.Tell(instance(3), provision) in running.effects


def test_a_gang_that_says_itself_that_it_lost_a_worker_is_dismissed_whole(running):
    running.fail(1, code=LOST)
    assert running.run().phase == "submitted"
    assert running.room.workers == {}


def test_another_failure_ends_a_training_as_ever(running):
    running.fail(1, code="CR-6005")
    assert running.run().phase == "failed"
    assert set(running.room.workers) == {instance(1), instance(2)}


def test_the_second_gang_gets_keys_and_the_use_is_spent_once(running):
    running.leave(2)
    again(running, 3, 4)
    run = running.run()
    assert (run.phase, run.use) == ("running", 1)
    assert do.SendOrders(run.name) in running.effects
    assert running.room.runs_granted == {"model": 1}
    assert running.room.releases_granted == {"customers": 1, "baskets": 1}
    granted = [one.content for one in running.entries if one.content.kind == "keys-granted"]
    assert [one.workers for one in granted] == [
        [instance(1), instance(2)],
        [instance(3), instance(4)],
    ]


def test_a_run_that_waits_again_still_holds_its_use():
    history = training(computations__model__limits__max_runs=1)
    history.join(1)
    history.join(2)
    history.submit("model", 1)
    formed(history, 1, 2).leave(1)
    with pytest.raises(LimitReached):
        history.submit("model", 2)


def test_a_gang_that_was_lost_before_its_keys_costs_nothing():
    history = training()
    history.join(1)
    history.join(2)
    history.submit("model")
    history.leave(2)
    assert (history.run().phase, history.run().granted) == ("submitted", False)
    history.cancel()
    assert history.room.uses_of("model") == 0


def test_it_is_not_tried_for_ever(running):
    for loss in range(MOST_LOST):
        running.leave(1 + 2 * loss)
        again(running, 3 + 2 * loss, 4 + 2 * loss)
    running.leave(1 + 2 * MOST_LOST)
    assert (running.run().phase, running.run().code) == ("failed", LOST)
    # whoever is left of the last gang stays: its run is over
    assert do.Tell(instance(2 + 2 * MOST_LOST), Stop(run=run_name(1))) in running.effects


def test_the_time_it_has_counts_from_its_submission(running):
    deadline = running.run().deadline
    running.leave(1)
    running.now = deadline + timedelta(seconds=1)
    running.time_out()
    assert (running.run().phase, running.run().code) == ("timed-out", "CR-6004")
    assert running.room.runs_granted == {"model": 1}


def test_a_run_that_waits_again_can_be_cancelled_and_is_spent(running):
    running.leave(1)
    running.cancel()
    assert (running.run().phase, running.run().code) == ("aborted", "CR-6006")
    assert running.room.uses_of("model") == 1


def test_a_training_begins_again_after_the_coordinator_did(running):
    running.boot()
    assert running.run().phase == "submitted"
    again(running, 3, 4)
    assert running.run().phase == "running"


def test_a_training_on_one_worker_begins_again():
    history = training(count=1)
    history.join(1)
    history.submit("model")
    history.leave(1)
    history.join(2)
    assert (history.run().phase, len(history.run().earlier)) == ("running", 1)


@pytest.mark.parametrize("how", [LINE, NOISY_NETWORK], ids=["line", "network"])
def test_a_training_with_noise_ends_and_nothing_is_drawn_twice(how):
    history = History.started(Manifest.from_plain(private_plain(**how))).agreed()
    history.join(1)
    history.submit("model")
    history.leave(1)
    assert (history.run().phase, history.run().code) == ("failed", LOST)
    assert history.told()[-2:] == ["budget-spent", "run-ended"]


def test_a_gang_that_was_lost_reports_nothing(running):
    outputs = running.outputs()
    running.leave(2)
    again(running, 3, 4)
    for late in (running.report, running.fail):
        with pytest.raises(CallerRefused, match="not in the gang"):
            late(1)
    assert running.report(3, outputs=outputs).room.run(run_name(1)).phase == "output-check"


def test_the_receipt_names_every_gang(running):
    running.leave(2)
    again(running, 3, 4)
    running.complete(3)
    room = running.room
    predicate = composed(room, running.run(), room.in_force(running.now), running.now).predicate
    assert [part.instance for part in predicate.workers] == [instance(3), instance(4)]
    assert [[part.instance for part in gang] for gang in predicate.lost] == [
        [instance(1), instance(2)]
    ]
    assert predicate.lost[0][0].preflight[0].item == "swap"
    assert predicate.runs_used == 1


def test_a_receipt_of_a_run_that_lost_nobody_says_nothing_of_it(running):
    running.complete(1)
    room = running.room
    said = composed(room, running.run(), room.in_force(running.now), running.now)
    assert "lost" not in said.predicate.to_plain()


# --- snapshots ------------------------------------------------------------------------------------


def test_the_last_snapshot_is_kept_and_the_one_before_removed(running):
    running.snapshot(content=b"first")
    assert running.effects == []
    running.snapshot(content=b"second", rounds=20)
    assert running.effects == [do.Remove(content_digest(b"first"))]
    assert running.run().snapshot.rounds == 20
    # the same bytes again are not removed
    running.snapshot(content=b"second", rounds=20)
    assert running.effects == []


def test_a_snapshot_outlives_its_gang_and_the_log_names_it(running):
    running.snapshot(rounds=30)
    running.leave(1)
    [lost] = [one.content for one in running.entries if one.content.kind == "gang-lost"]
    assert lost.snapshot == running.run().snapshot.digest == content_digest(b"learned")
    assert running.run().earlier[0].rounds == 30
    running.boot()
    assert running.run().snapshot.rounds == 30


def test_a_run_without_a_snapshot_begins_anew_and_the_log_says_so(running):
    running.leave(1)
    [lost] = [one.content for one in running.entries if one.content.kind == "gang-lost"]
    assert "snapshot" not in lost.to_plain()


@pytest.mark.parametrize("end", ["complete", "cancel", "fail", "time_out"])
def test_a_snapshot_goes_with_its_run(running, end):
    running.snapshot()
    running.wait(0 if end != "time_out" else 901)
    getattr(running, end)()
    assert running.run().over
    assert running.run().snapshot is None
    assert do.Remove(content_digest(b"learned")) in running.effects


def test_only_the_head_brings_snapshots(running):
    with pytest.raises(CallerRefused, match="not the head"):
        running.snapshot(worker=2)


def test_a_gang_that_was_lost_brings_none(running):
    running.leave(2)
    again(running, 3, 4)
    with pytest.raises(CallerRefused, match="not in the gang"):
        running.snapshot(worker=1)
    running.snapshot(worker=3)
    assert running.run().snapshot is not None


def test_a_snapshot_that_is_not_stored_is_none(running):
    for stored in (0, 3):
        with pytest.raises(RunRefused, match="not stored at its size"):
            running.snapshot(stored=stored)


def test_a_snapshot_names_no_part_of_a_dataset(running):
    """The room would remove it."""
    with pytest.raises(RunRefused, match="something else"):
        running.snapshot(content=b"part")


def test_a_snapshot_names_no_result_of_another_run(running):
    result = b"1/model/bank"
    running.complete()
    assert content_digest(result) in {each.output.digest for each in running.run().outputs}
    running.submit("model", 2)
    formed(running, 1, 2, run=2)
    with pytest.raises(RunRefused, match="something else"):
        running.snapshot(run=2, content=result)


def test_after_its_report_a_run_takes_no_snapshot(running):
    running.report()
    with pytest.raises(RunRefused, match="expects no snapshot"):
        running.snapshot()


def test_what_is_no_training_of_a_gang_takes_none():
    history = training(count=1)
    history.join(1)
    history.submit("model")
    with pytest.raises(RunRefused, match="expects no snapshot"):
        history.snapshot()


def test_a_snapshot_of_a_run_that_is_over_is_dropped(running):
    running.cancel()
    before = running.room
    assert running.snapshot().room is before
