"""Somebody wants to learn more about one unit than its owner's privacy budget allows."""

import pytest

from cleanroom.errors import BudgetExhausted, LimitReached, RunRefused
from cleanroom.ledger.budget import balance_of
from cleanroom.ledger.loss import NOTHING, Loss
from enclave.attester.simulated import SimulatedPlatform
from tests.support.budgets import budgeted
from tests.support.coordinator_process import killable
from tests.support.histories import History, run_name
from tests.support.private_trainings import private_plain
from tests.support.rooms import at_once, clock, coordinator, room_manifest

TWICE = budgeted(epsilon="1", cost="0.4")
"""Two runs fit; after them 0.2 is left, which is of no use."""


def loss(epsilon):
    return Loss(epsilon=epsilon, delta="0")


def active(**changes):
    """A room with a budget and one worker."""
    history = History.active(**(changes or TWICE))
    history.join(1)
    return history


def complete(history, run):
    history.submit("overlap", run)
    history.complete(1, run)


def spent_of(history, dataset="customers"):
    """What the log says: never what the room remembers."""
    balance = balance_of(history.entries)
    assert balance == history.room.balance
    return balance.spent_of(dataset)


def test_one_run_more_than_the_budget_bears():
    history = active()
    complete(history, 1)
    complete(history, 2)
    with pytest.raises(BudgetExhausted, match=r"ε = 0\.8 is spent or reserved, ε = 0\.2 is left"):
        history.submit("overlap", 3)
    assert spent_of(history) == loss("0.8")


def test_runs_that_wait_have_reserved_theirs():
    history = History.active(**TWICE)
    history.submit("overlap", 1)
    history.submit("overlap", 2)
    with pytest.raises(BudgetExhausted):
        history.submit("overlap", 3)


def test_the_same_request_again_is_one_run_and_one_loss():
    history = active()
    request = history.submit("overlap", 1)
    again = history.submit("overlap", 1)
    assert request.entries
    assert again.entries == ()
    history.complete(1, 1)
    assert history.submit("overlap", 1).entries == ()
    assert spent_of(history) == loss("0.4")


def test_another_request_under_a_used_idempotency_key_is_no_free_run():
    history = active()
    history.submit("overlap", 1)
    digest = next(iter(history.room.versions))
    name = "left" if history.room.versions[digest].version.dataset == "customers" else "right"
    with pytest.raises(RunRefused, match="belongs to another request"):
        history.submit("overlap", 1, versions={name: digest})


def test_the_partner_draws_on_the_same_budget():
    """Whoever asks, and in whatever order: the unit is the same."""
    history = active()
    complete(history, 1)
    history.submit("overlap", 2, submitter="shop")
    with pytest.raises(BudgetExhausted):
        history.submit("overlap", 3, submitter="shop")
    with pytest.raises(BudgetExhausted):
        history.submit("overlap", 4)


def test_a_second_computation_over_the_same_dataset_has_no_budget_of_its_own():
    plain = History.active(**TWICE).manifest.to_plain()
    names = ["again", "matches", "overlap"]
    history = active(
        **TWICE,
        computations__again=plain["computations"]["overlap"],
        datasets__customers__allow__computations=names,
        datasets__baskets__allow__computations=names,
    )
    complete(history, 1)
    history.submit("again", 2)
    with pytest.raises(BudgetExhausted):
        history.submit("again", 3)


def test_a_new_version_of_the_dataset_refills_nothing():
    history = active()
    complete(history, 1)
    complete(history, 2)
    history.offer("customers", name="1" * 32)
    with pytest.raises(BudgetExhausted):
        history.submit("overlap", 3)


def test_every_owner_with_a_budget_is_charged_and_the_scarcer_one_decides():
    history = active(**budgeted(epsilon="9", cost="0.4", shop="0.5"))
    complete(history, 1)
    assert spent_of(history, "customers") == spent_of(history, "baskets") == loss("0.4")
    with pytest.raises(BudgetExhausted, match="'baskets'"):
        history.submit("overlap", 2)


def test_a_run_that_failed_after_its_keys_left_is_paid_for():
    """The worker may have computed the result; that it says otherwise proves nothing."""
    history = active()
    history.submit("overlap", 1)
    history.fail(1, 1)
    assert spent_of(history) == loss("0.4")


def test_a_run_that_was_cancelled_after_its_keys_left_is_paid_for():
    history = active()
    history.submit("overlap", 1)
    history.cancel("bank", 1)
    assert spent_of(history) == loss("0.4")


def test_a_lost_worker_gives_nothing_back():
    history = active()
    history.submit("overlap", 1)
    history.leave(1)
    assert spent_of(history) == loss("0.4")


def test_only_a_run_that_never_had_keys_gives_its_reservation_back():
    history = History.active(**TWICE)
    history.submit("overlap", 1)
    history.cancel("bank", 1)
    assert history.told()[-2:] == ["budget-voided", "run-ended"]
    assert history.room.balance.taken_of("customers") == NOTHING
    history.submit("overlap", 2)
    history.submit("overlap", 3)
    assert history.room.balance.taken_of("customers") == loss("0.8")


def test_the_reservation_is_in_the_log_before_any_key_and_spent_before_the_release():
    history = active()
    complete(history, 1)
    told = [kind for kind in history.told() if kind.startswith(("budget", "keys", "run"))]
    assert told == [
        "run-submitted", "budget-reserved", "keys-granted", "budget-spent", "run-released",
    ]  # fmt: skip


def test_a_budget_is_not_in_the_way_of_what_it_does_not_bound():
    """`matches` has no noise: it is warned about, limited by its runs, and charged to nobody."""
    history = active()
    complete(history, 1)
    complete(history, 2)
    history.submit("matches", 3)
    assert history.run(3).phase == "running"


def test_parallel_requests_do_not_overdraw_a_budget(tmp_path):
    """Twenty threads ask at once; three runs fit."""
    with coordinator(tmp_path, room_manifest(**budgeted(epsilon="1", cost="0.3"))) as room:
        bank, _ = room.fill()
        got, refused = at_once(lambda: bank.submit().run, BudgetExhausted)
        assert (len(set(got)), len(refused)) == (3, 17)


def test_a_budget_holds_after_a_restart(tmp_path):
    manifest = room_manifest(**budgeted(epsilon="1", cost="0.6"))
    with coordinator(tmp_path, manifest) as first:
        bank, _ = first.fill()
        with first.worker() as worker:
            run = bank.submit().run
            worker.finish(worker.next())
            assert bank.watch(run)[-1].phase == "released"
    with coordinator(tmp_path, manifest, propose=False) as second:
        bank = second.party("bank")
        with pytest.raises(BudgetExhausted):
            bank.submit()


def test_killed_between_reservation_and_release_the_budget_is_spent(tmp_path):
    """Twice: with keys out, the loss is spent; without, the run waits on and pays once."""
    directory = tmp_path / "machine"
    directory.mkdir()
    platform = SimulatedPlatform.create(directory, clock())
    manifest = room_manifest(platform, **budgeted(epsilon="1", cost="0.4"))
    state = tmp_path / "state"
    with killable(state, manifest, directory) as (room, process):
        room.propose()
        bank, _ = room.fill()
        worker = room.worker()
        lost = bank.submit().run
        worker.next()
        waits = bank.submit().run
        process.kill()
    with killable(state, manifest, directory) as (room, _):
        bank = room.party("bank")
        assert (bank.view(lost).phase, bank.view(waits).phase) == ("failed", "submitted")
        with pytest.raises(BudgetExhausted, match=r"ε = 0\.8 is spent or reserved"):
            bank.submit()
        with room.worker() as worker:
            worker.finish(worker.next())
            assert bank.watch(waits)[-1].phase == "released"
        with pytest.raises(BudgetExhausted, match=r"ε = 0\.8 is spent or reserved"):
            bank.submit()


def test_every_run_of_a_parameter_sweep_is_paid_for():
    """Who tries many settings and keeps the best has seen all of them."""
    plain = private_plain("1", parameters={"iterations": {"min": 1, "max": 50}})
    plain["datasets"]["customers"]["privacy"]["epsilon"] = "3.5"
    history = History.active(datasets=plain["datasets"], computations=plain["computations"])
    for run, iterations in enumerate((5, 10, 20), start=1):
        history.submit("model", run, parameters={"iterations": iterations})
    with pytest.raises(BudgetExhausted, match="is left"):
        history.submit("model", 4, parameters={"iterations": 40})
    assert history.room.balance.taken_of("customers") == Loss(epsilon="3", delta="0.000000003")


def test_max_runs_hold_whatever_is_left_of_the_budget():
    history = active(**budgeted(cost="0.1", computations__overlap__limits__max_runs=1))
    complete(history, 1)
    with pytest.raises(LimitReached):
        history.submit("overlap", 2)
    assert run_name(2) not in history.room.runs
