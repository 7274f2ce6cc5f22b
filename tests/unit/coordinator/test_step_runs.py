"""Runs from request to release: what `step` allows, counts, and undoes."""

from datetime import timedelta

import pytest

from cleanroom.encoding import content_digest
from cleanroom.errors import (
    ApprovalMissing,
    CallerRefused,
    DatasetMissing,
    InternalError,
    LimitReached,
    ParameterOutOfRange,
    RunRefused,
    RunUnknown,
)
from cleanroom.protocol.run import RunRequest
from cleanroom.protocol.work import Provision, Stop
from enclave.coordinator import effects as do
from enclave.coordinator import events
from enclave.coordinator.limits import within_limits
from tests.support.histories import History, instance, run_name
from tests.support.manifests import ABSENT, NOW, good_manifest

GANG = {"computations__overlap__workers__count": 2}


@pytest.fixture
def history():
    """An active room with one worker."""
    active = History.active()
    active.join(1)
    return active


@pytest.fixture
def gang():
    """An active room with the two workers that `overlap` needs."""
    active = History.active()
    active.join(1)
    active.join(2)
    return active


def test_a_run_on_a_free_worker_gets_its_keys_at_once(history):
    history.submit()
    assert history.run().phase == "running"
    assert history.told()[-2:] == ["run-submitted", "keys-granted"]
    assert do.SendOrders(run_name(1)) in history.effects


def test_keys_are_logged_before_an_order_is_asked_for(history):
    made = history.submit()
    assert "keys-granted" in [entry.content.kind for entry in made.entries]
    assert made.effects[-1] == do.SendOrders(run_name(1))


def test_a_run_waits_for_a_worker():
    history = History.active()
    history.submit()
    assert history.run().phase == "submitted"
    history.join(1)
    assert history.run().phase == "running"


def test_runs_start_in_their_order(history):
    history.submit(number=1)
    history.submit(number=2)
    history.submit(number=3)
    history.complete(run=1)
    assert [history.run(n).phase for n in (1, 2, 3)] == ["released", "running", "submitted"]


def test_a_small_run_does_not_overtake_a_gang(history):
    history.submit("overlap", 1)
    history.submit("matches", 2)
    assert [history.run(n).phase for n in (1, 2)] == ["submitted", "submitted"]
    history.join(2)
    assert [history.run(n).phase for n in (1, 2)] == ["authorized", "submitted"]


def test_a_run_is_released_with_its_receipt_in_the_log(history):
    history.submit()
    history.complete()
    released = history.entries[-1].content
    assert released.kind == "run-released"
    assert history.run().phase == "released"
    assert [one.recipient for one in released.outputs] == ["bank", "shop"]
    assert history.room.workers[instance(1)].run is None


def test_a_gang_goes_through_every_phase(gang):
    gang.submit("overlap")
    assert gang.run().phase == "authorized"
    assert gang.effects[-2:] == [
        do.Tell(instance(1), Provision(run=run_name(1), node=0, nodes=2)),
        do.Tell(instance(2), Provision(run=run_name(1), node=1, nodes=2)),
    ]
    gang.equip(1)
    assert gang.run().phase == "authorized"
    gang.equip(2)
    assert gang.run().phase == "provisioned"
    assert do.IssueCredentials(run_name(1)) in gang.effects
    gang.ready(1)
    assert not gang.run().granted
    gang.ready(2)
    assert gang.run().phase == "running"
    assert gang.run().granted
    gang.complete()
    assert gang.run().phase == "released"


def test_a_failed_preflight_is_kept_in_development(gang):
    gang.submit("overlap")
    gang.equip(1)
    gang.equip(2)
    gang.ready(1, passed=False)
    gang.ready(2)
    assert gang.run().phase == "running"
    assert not gang.run().ready[instance(1)][0].passed


def test_a_failed_preflight_is_fatal_in_production():
    history = History.active(
        metadata__mode="production",
        **{
            f"attestation__{name}__development_roots": ABSENT
            for name in ("worker-snp", "coordinator-snp")
        },
    )
    history.join(1)
    history.join(2)
    history.submit("overlap")
    history.equip(1)
    history.equip(2)
    history.ready(1)
    history.ready(2, passed=False)
    assert (history.run().phase, history.run().code) == ("failed", "CR-8004")
    assert not history.run().granted


# --- who may ask for what -------------------------------------------------------------------------


def test_only_a_submitter_may_submit(history):
    with pytest.raises(RunRefused, match="'shop' may not submit 'matches'"):
        history.submit("matches", submitter="shop")


def test_nobody_submits_in_anothers_name(history):
    with pytest.raises(CallerRefused, match="in the name of 'bank'"):
        history.submit("overlap", party="shop")


def test_an_unknown_computation_is_refused(history):
    with pytest.raises(RunRefused, match="no computation 'nothing'"):
        history.submit("nothing")


def test_a_request_of_another_key_is_refused(history):
    genuine = history.request("overlap", submitter="shop")
    forged = history.request("overlap").model_copy(update={"signatures": genuine.signatures})
    event = events.RunRequested(at=NOW, party="bank", request=forged, run=run_name(1))
    with pytest.raises(RunRefused, match="is not 'bank'"):
        history.apply(event)


def test_a_request_for_another_manifest_is_refused(history):
    with pytest.raises(RunRefused, match="is for manifest"):
        history.submit(manifest=content_digest(b"another"))


def test_an_expired_request_is_refused(history):
    with pytest.raises(RunRefused, match="expired"):
        history.submit(expires_at=NOW - timedelta(seconds=1))


def test_a_parameter_takes_its_default(history):
    history.submit()
    assert history.run().parameters == {"limit": 100_000}


def test_a_parameter_is_chosen_within_its_range(history):
    history.submit(parameters={"limit": 7})
    assert history.run().parameters == {"limit": 7}


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"limit": 0}, "is 0, expected 1 to 100000"),
        ({"limit": 100_001}, "is 100001, expected 1 to 100000"),
        ({"other": 1}, "are unknown"),
    ],
)
def test_a_parameter_out_of_range_is_refused(history, parameters, words):
    with pytest.raises(ParameterOutOfRange, match=words):
        history.submit(parameters=parameters)


def test_a_parameter_without_default_is_required():
    history = History.active(computations__matches__parameters__limit__default=ABSENT)
    with pytest.raises(ParameterOutOfRange, match="missing and has no default"):
        history.submit()


def test_a_parameter_that_nobody_signed_is_unknown(history):
    with pytest.raises(ParameterOutOfRange, match="unknown"):
        history.submit("overlap", parameters={"limit": 1})


def test_a_run_without_a_dataset_is_refused():
    history = History.begin()
    history.propose()
    history.offer("customers")
    with pytest.raises(DatasetMissing, match="'baskets'"):
        history.submit()


def test_a_run_reads_the_newest_version_or_the_one_it_names(history):
    old = history.version("customers").version
    history.offer("customers", name="1" * 32)
    first, second = [
        digest
        for digest, held in history.room.versions.items()
        if held.version.dataset == "customers"
    ]
    assert content_digest(old.payload) == first
    history.submit(number=1)
    assert history.run(1).versions["left"] == second
    history.submit(number=2, versions={"left": first})
    assert history.run(2).versions["left"] == first


@pytest.mark.parametrize("name", ["left", "middle"])
def test_a_version_of_another_dataset_is_refused(history, name):
    baskets = content_digest(history.version("baskets").version.payload)
    with pytest.raises(RunRefused, match=r"asks for a version|are unknown"):
        history.submit(versions={name: baskets})


def test_a_run_outside_of_the_manifests_time_is_refused(history):
    history.wait(400 * 86_400)
    with pytest.raises(ApprovalMissing, match="ended"):
        history.submit()


# --- limits ---------------------------------------------------------------------------------------


def test_the_same_request_twice_is_one_run(history):
    history.submit()
    before = history.room
    made = history.apply(
        events.RunRequested(
            at=history.now, party="bank", request=history.happened[-1].request, run=run_name(9)
        )
    )
    assert made.room is before


def test_a_runs_name_is_drawn_once(history):
    history.submit(number=1)
    other = history.request(number=2)
    event = events.RunRequested(at=NOW, party="bank", request=other, run=run_name(1))
    with pytest.raises(InternalError, match="drawn twice"):
        history.apply(event)


def test_an_idempotency_key_serves_one_request(history):
    history.submit(number=1)
    with pytest.raises(RunRefused, match="belongs to another request"):
        history.submit(number=1, parameters={"limit": 3})


def test_max_runs_counts_runs_that_wait():
    history = History.active(computations__matches__limits__max_runs=2)
    history.submit(number=1)
    history.submit(number=2)
    with pytest.raises(LimitReached, match="max_runs of 'matches' is used up, it was 2"):
        history.submit(number=3)


def test_a_reservation_returns_when_no_key_was_granted():
    history = History.active(computations__matches__limits__max_runs=1)
    history.submit(number=1)
    history.cancel()
    history.submit(number=2)
    assert history.run(2).phase == "submitted"


def test_a_granted_run_is_spent_whatever_becomes_of_it():
    history = History.active(computations__matches__limits__max_runs=1)
    history.join(1)
    history.submit(number=1)
    history.fail()
    assert history.run(1).phase == "failed"
    with pytest.raises(LimitReached):
        history.submit(number=2)


def test_max_releases_counts_over_all_computations():
    history = History.active(datasets__customers__allow__max_releases=2)
    history.submit("matches", 1)
    history.submit("overlap", 2)
    with pytest.raises(LimitReached, match="max_releases of 'customers' is used up, it was 2"):
        history.submit("matches", 3)


def test_consent_is_asked_for_again_at_every_run():
    """A rule of the manifest says the same; here it is not relied on."""
    history = History.active()
    request = RunRequest.from_bytes(history.request("matches").payload)
    unwilling = good_manifest(datasets__customers__allow__computations=["overlap"])
    with pytest.raises(RunRefused, match="'customers' may not be read by 'matches'"):
        within_limits(history.room, unwilling, request)


def test_a_run_knows_which_use_it_is(history):
    history.submit(number=1)
    history.complete(run=1)
    history.submit(number=2)
    assert [history.run(n).use for n in (1, 2)] == [1, 2]


# --- ends -----------------------------------------------------------------------------------------


def test_a_lost_worker_ends_its_run(history):
    history.submit()
    history.leave(1)
    assert (history.run().phase, history.run().code) == ("failed", "CR-6003")
    assert history.told()[-2:] == ["worker-left", "run-ended"]


def test_a_lost_worker_of_a_gang_frees_the_others(gang):
    gang.submit("overlap")
    gang.leave(2)
    assert gang.run().code == "CR-6003"
    assert gang.room.workers[instance(1)].run is None
    assert do.Tell(instance(1), Stop(run=run_name(1))) in gang.effects


def test_a_worker_that_reported_may_leave(history):
    history.submit()
    history.report()
    history.leave(1)
    history.check()
    history.release()
    assert history.run().phase == "released"


def test_a_run_times_out_after_its_deadline_only(history):
    history.submit()
    before = history.room
    history.time_out()
    assert history.room is before
    history.wait(901)
    history.time_out()
    assert (history.run().phase, history.run().code) == ("timed-out", "CR-6004")


def test_a_deadline_is_never_after_the_manifest(history):
    history.now = history.manifest.metadata.not_after - timedelta(seconds=10)
    history.submit()
    assert history.run().deadline == history.manifest.metadata.not_after


def test_a_gang_that_is_ready_too_late_gets_no_keys(gang):
    gang.submit("overlap")
    gang.equip(1)
    gang.equip(2)
    gang.ready(1)
    gang.now = gang.run().deadline + timedelta(seconds=1)
    gang.ready(2)
    assert (gang.run().phase, gang.run().granted) == ("timed-out", False)


def test_a_release_after_the_deadline_is_none(history):
    history.submit()
    history.report()
    history.check()
    history.now = history.run().deadline + timedelta(seconds=1)
    history.release()
    assert history.run().phase == "timed-out"


def test_the_submitter_cancels(history):
    history.submit()
    history.cancel()
    assert (history.run().phase, history.run().code) == ("aborted", "CR-6006")
    before = history.room
    assert history.cancel().room is before


def test_nobody_else_cancels(history):
    history.submit()
    with pytest.raises(CallerRefused, match="'shop' may not cancel"):
        history.cancel("shop")


def test_an_unknown_run_is_unknown(history):
    with pytest.raises(RunUnknown):
        history.cancel()


def test_a_stranger_to_a_run_does_not_learn_that_it_exists(history):
    history.submit()
    with pytest.raises(RunUnknown, match="no such run"):
        history.room.run_for("somebody", run_name(1))


@pytest.mark.parametrize(
    ("code", "phase", "kept"),
    [
        ("CR-6005", "failed", "CR-6005"),
        ("CR-5001", "refused", "CR-5001"),
        ("CR-4002", "failed", "CR-4002"),
        ("CR-0000", "failed", "CR-6005"),
    ],
)
def test_a_failure_carries_a_known_code_only(history, code, phase, kept):
    history.submit()
    history.fail(code=code)
    assert (history.run().phase, history.run().code) == (phase, kept)


def test_a_report_about_a_run_that_is_over_is_dropped(history):
    history.submit()
    history.cancel()
    before = history.room
    assert history.report().room is before
    assert history.fail().room is before


def test_a_boot_loses_workers_and_goes_on_with_what_was_reported(history):
    history.join(2)
    history.submit(number=1)
    history.submit(number=2)
    history.report(1, 1)
    history.boot()
    assert history.run(1).phase == "output-check"
    assert do.CheckOutputs(run_name(1)) in history.effects
    assert (history.run(2).phase, history.run(2).code) == ("failed", "CR-6003")
    history.check()
    history.boot()
    assert do.Release(run_name(1)) in history.effects


def test_a_run_that_waited_goes_on_waiting_after_a_boot():
    history = History.active()
    history.submit()
    history.boot()
    assert history.run().phase == "submitted"
    history.join(1)
    assert history.run().phase == "running"


# --- gate two and gangs ---------------------------------------------------------------------------


def test_only_the_head_reports_outputs():
    history = History.active()
    history.join(1)
    history.join(2)
    history.submit("overlap")
    for worker in (1, 2):
        history.equip(worker)
    for worker in (1, 2):
        history.ready(worker)
    with pytest.raises(CallerRefused, match="is not the head"):
        history.report(worker=2)


def test_a_worker_of_no_gang_reports_nothing(history):
    history.join(2)
    history.submit()
    for act in (history.report, history.fail):
        with pytest.raises(CallerRefused, match="not in the gang"):
            act(2)


def test_outputs_before_the_keys_are_refused(gang):
    gang.submit("overlap")
    with pytest.raises(RunRefused, match="expects no outputs"):
        gang.report()


@pytest.mark.parametrize("bend", ["missing", "twice", "another-recipient", "another-name"])
def test_outputs_that_nobody_signed_are_withheld(history, bend):
    history.submit()
    exact = history.outputs()
    other = exact[0].output.model_copy(
        update={"another-recipient": {"recipient": "shop"}, "another-name": {"output": "x"}}.get(
            bend, {}
        )
    )
    bent = {
        "missing": exact[1:],
        "twice": [*exact, exact[0]],
    }.get(bend, [exact[0].model_copy(update={"output": other}), *exact[1:]])
    history.report(outputs=bent)
    assert (history.run().phase, history.run().code) == ("refused", "CR-6005")
    assert history.run().deliveries == ()


def test_an_output_above_its_size_is_withheld():
    history = History.active(**{"computations__matches__outputs__for-bank__max_bytes": 1024})
    history.join(1)
    history.submit()
    history.report(outputs=history.outputs(size=1025))
    assert (history.run().phase, history.run().code) == ("refused", "CR-5003")


def test_a_count_is_never_large(history):
    history = History.active(computations__overlap__workers__count=1)
    history.join(1)
    history.submit("overlap")
    history.report(outputs=history.outputs(size=(1 << 20) + 1))
    assert history.run().code == "CR-5003"


def test_an_output_that_is_not_stored_at_its_size_is_withheld(history):
    history.submit()
    history.report()
    stored = {one.output.digest: one.output.size + 1 for one in history.run().outputs}
    history.check(stored=stored)
    assert (history.run().phase, history.run().code) == ("refused", "CR-6005")


def test_an_output_whose_key_does_not_open_is_withheld(history):
    history.submit()
    history.report()
    history.check(opened=1)
    assert (history.run().phase, history.run().code) == ("refused", "CR-3008")
    assert history.run().deliveries == ()


def test_a_release_that_was_not_checked_is_refused(history):
    history.submit()
    with pytest.raises(RunRefused, match="cannot be released"):
        history.release()


def test_a_node_is_equipped_and_ready_once(gang):
    gang.submit("overlap")
    with pytest.raises(RunRefused, match="does not expect"):
        gang.ready(1)
    gang.equip(1)
    with pytest.raises(RunRefused, match="expects no equipment"):
        gang.equip(1)
    gang.equip(2)
    gang.ready(1)
    with pytest.raises(RunRefused, match="does not expect"):
        gang.ready(1)


def test_what_a_worker_is_told_at_the_end_is_to_stop(history):
    history.submit()
    history.report()
    history.check()
    history.release()
    assert do.Tell(instance(1), Stop(run=run_name(1))) in history.effects
