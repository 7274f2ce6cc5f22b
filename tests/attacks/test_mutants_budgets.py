"""Each rule that guards a privacy budget is taken away once: then more is told than it allows."""

from dataclasses import replace

import pytest

from cleanroom.ledger.budget import Balance
from cleanroom.ledger.loss import NOTHING
from enclave.coordinator import budgets
from tests.attacks import test_budget_overdrawn as overdrawn
from tests.support.breaches import Mutant, assert_gets_through, shown
from tests.support.mutants import passes, returns

BUDGETS = "enclave.coordinator.budgets"
ROOM = "enclave.coordinator.room"


def settled_as_if_no_key_left(draft, run):
    """Whoever fails after it has seen the data gets its budget back."""
    return SETTLE(draft, replace(run, use=0))


SETTLE = budgets.settle

MUTANTS = [
    Mutant(
        "cleanroom.ledger.loss:Loss.covers",
        returns(True),
        overdrawn.test_one_run_more_than_the_budget_bears,
    ),
    Mutant(
        "cleanroom.ledger.budget:Balance.reserved_of",
        returns(NOTHING),
        overdrawn.test_runs_that_wait_have_reserved_theirs,
    ),
    Mutant(
        f"{ROOM}:budgets.reserve",
        passes,
        overdrawn.test_runs_that_wait_have_reserved_theirs,
    ),
    Mutant(
        f"{ROOM}:budgets.reserve",
        passes,
        overdrawn.test_the_partner_draws_on_the_same_budget,
    ),
    Mutant(
        f"{ROOM}:budgets.reserve",
        passes,
        overdrawn.test_a_second_computation_over_the_same_dataset_has_no_budget_of_its_own,
    ),
    Mutant(
        f"{ROOM}:budgets.reserve",
        passes,
        overdrawn.test_a_new_version_of_the_dataset_refills_nothing,
    ),
    Mutant(
        f"{BUDGETS}:limits_of",
        lambda manifest: {"customers": manifest.datasets["customers"].privacy.limit},
        overdrawn.test_every_owner_with_a_budget_is_charged_and_the_scarcer_one_decides,
        second="KeyError",  # a budget that nobody looked up
    ),
    *(
        Mutant(f"{ROOM}:budgets.settle", settled_as_if_no_key_left, story)
        for story in (
            overdrawn.test_a_run_that_failed_after_its_keys_left_is_paid_for,
            overdrawn.test_a_run_that_was_cancelled_after_its_keys_left_is_paid_for,
            overdrawn.test_a_lost_worker_gives_nothing_back,
        )
    ),
    Mutant(
        "cleanroom.ledger.budget:Balance._without",
        lambda balance, _content: balance.open,
        overdrawn.test_only_a_run_that_never_had_keys_gives_its_reservation_back,
    ),
]
ROOMS = [
    Mutant(
        f"{BUDGETS}:affordable",
        returns({}),
        overdrawn.test_parallel_requests_do_not_overdraw_a_budget,
    ),
    Mutant(
        "cleanroom.ledger.budget:Balance.posted",
        lambda _balance, _content: Balance(),
        overdrawn.test_a_budget_holds_after_a_restart,
    ),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=shown)
def test_a_budget_is_overdrawn_without_the_rule(monkeypatch, mutant):
    assert_gets_through(monkeypatch, mutant)


@pytest.mark.parametrize("mutant", ROOMS, ids=shown)
def test_a_rooms_budget_is_overdrawn_without_the_rule(monkeypatch, mutant, tmp_path_factory):
    def story():
        mutant.story(tmp_path_factory.mktemp("room"))

    assert_gets_through(monkeypatch, mutant, story)
