"""What an admitted worker does next, event by event."""

import secrets
from datetime import UTC, datetime

import pytest

from cleanroom.errors import AdmissionRefused, CallerRefused, ComputationFailed
from cleanroom.protocol.work import (
    Credentials,
    Equipped,
    Failed,
    Finished,
    Order,
    Peer,
    Progress,
    Provision,
    Ready,
    Renew,
    Renewed,
    SealedOutput,
    Stop,
)
from enclave.worker.agent import (
    TRANSITIONS,
    Beat,
    End,
    Equip,
    Form,
    Heard,
    Leave,
    Own,
    Send,
    Start,
    State,
    step,
)

RUN, OTHER = "r-00000000000000aa", "r-00000000000000bb"
PEER = Peer(instance="w-0000000000000001", node=0, node_ip="127.0.0.2", port_base=10_000)


def order(run=RUN):
    return Order(
        run=run,
        manifest="sha256:" + "0" * 64,
        computation="overlap",
        parameters={},
        inputs={},
        gang=[PEER],
        deadline=datetime(2027, 1, 1, tzinfo=UTC),
    )


def finished(run=RUN):
    output = {
        "output": "size",
        "recipient": "bank",
        "digest": "sha256:" + "1" * 64,
        "size": 1,
        "suppressed": False,
    }
    sealed = SealedOutput.from_plain({"output": output, "sealed_key": "AA=="})
    return Finished(run=run, outputs=[sealed])


PROVISION = Provision(run=RUN, node=0, nodes=2)
CREDENTIALS = Credentials(
    run=RUN, gang=[PEER, PEER], certificate=b"x", authority=b"y", sealed_token=b"z"
)
EQUIPPED = Equipped(run=RUN, request=b"r", port_base=10_000)
READY = Ready(run=RUN, preflight=[])
FAILED = Failed(run=RUN, code=ComputationFailed.code)


def idle(lease_s=30, asked_at=100.0):
    return State(lease_s=lease_s, asked_at=asked_at)


def after(*events, state=None):
    """The state after events, and the effects of the last."""
    state, effects = state or idle(), ()
    for event in events:
        state, effects = step(state, event, 100.0)
    return state, effects


def test_a_run_on_one_worker_goes_from_order_to_finished():
    state, effects = after(Heard(order()))
    assert (state.phase, state.run, effects) == ("running", RUN, (Start(order()),))
    progress = Progress(run=RUN, stage="read", percent=50)
    state, effects = after(Own(progress), state=state)
    assert effects == (Send(progress),)
    state, effects = after(Own(finished()), state=state)
    assert effects == (Send(finished()), End(RUN))
    assert (state.phase, state.run, state.ended) == ("idle", "", (RUN,))


def test_a_gang_node_is_equipped_formed_and_ready_before_it_runs():
    events = [
        (Heard(PROVISION), Equip(PROVISION), "equipping"),
        (Own(EQUIPPED), Send(EQUIPPED), "equipped"),
        (Heard(CREDENTIALS), Form(CREDENTIALS), "forming"),
        (Own(READY), Send(READY), "ready"),
        (Heard(order()), Start(order()), "running"),
    ]
    state = idle()
    for event, effect, phase in events:
        state, effects = step(state, event, 100.0)
        assert (effects, state.phase) == ((effect,), phase)


@pytest.mark.parametrize("phase", ["equipping", "equipped", "forming", "ready", "running"])
def test_stop_ends_the_run_in_every_phase_and_says_nothing(phase):
    state = State(lease_s=30, asked_at=100.0, phase=phase, run=RUN)
    state, effects = step(state, Heard(Stop(run=RUN)), 100.0)
    assert effects == (End(RUN),)
    assert state.phase == "idle"


@pytest.mark.parametrize("phase", ["equipping", "equipped", "forming", "ready", "running"])
def test_a_failure_in_any_phase_is_reported_and_ends_the_run(phase):
    state = State(lease_s=30, asked_at=100.0, phase=phase, run=RUN)
    state, effects = step(state, Own(FAILED), 100.0)
    assert effects == (Send(FAILED), End(RUN))
    assert state.phase == "idle"


@pytest.mark.parametrize("late", [Heard(Stop(run=RUN)), Heard(CREDENTIALS), Heard(order())])
def test_late_words_about_an_ended_run_are_ignored(late):
    state, _ = after(Heard(order()), Own(FAILED))
    assert step(state, late, 100.0) == (state, ())


def test_results_of_an_ended_run_are_never_sent():
    state, _ = after(Heard(order()), Heard(Stop(run=RUN)))
    assert step(state, Own(finished()), 100.0) == (state, ())


def test_a_second_run_beside_the_first_makes_the_worker_leave():
    state, _ = after(Heard(order()))
    assert step(state, Heard(order(OTHER)), 100.0)[1] == (Leave(CallerRefused.code),)


def test_credentials_that_nobody_asked_for_make_the_worker_leave():
    assert after(Heard(CREDENTIALS))[1] == (Leave(CallerRefused.code),)


def test_an_order_before_the_gang_is_ready_makes_the_worker_leave():
    state, _ = after(Heard(PROVISION), Own(EQUIPPED))
    assert step(state, Heard(order()), 100.0)[1] == (Leave(CallerRefused.code),)


def test_the_lease_is_renewed_after_a_third_and_only_once():
    assert step(idle(), Beat(), 109.9)[1] == ()
    state, effects = step(idle(), Beat(), 110.0)
    assert effects == (Send(Renew()),)
    assert step(state, Beat(), 111.0)[1] == ()


def test_a_renewed_lease_counts_from_when_it_was_asked_for():
    state, _ = step(idle(), Beat(), 110.0)
    state, _ = step(state, Heard(Renewed(lease_s=60)), 125.0)
    assert (state.asked_at, state.lease_s) == (110.0, 60)


def test_a_lease_that_is_not_renewed_makes_the_worker_leave():
    state, _ = step(idle(), Beat(), 110.0)
    assert step(state, Beat(), 130.0)[1] == (Leave(AdmissionRefused.code),)


def test_no_two_rows_of_the_table_say_different_things_about_stop():
    ends = {phase for (_, message), (phase, _) in TRANSITIONS.items() if message in (Stop, Failed)}
    assert ends == {"idle"}


def test_the_names_of_many_ended_runs_are_not_kept_for_ever():
    state = idle()
    for _ in range(40):
        run = f"r-{secrets.token_hex(8)}"
        state, _ = after(Heard(order(run)), Heard(Stop(run=run)), state=state)
    assert len(state.ended) == 16
