"""Sums of privacy losses are exact, and a balance is what the log's entries lead to."""

from decimal import Decimal, Inexact

import pytest
from pydantic import ValidationError

from cleanroom.errors import LogInconsistent
from cleanroom.ledger.budget import Balance, balance_of
from cleanroom.ledger.entry import (
    BudgetReserved,
    BudgetSpent,
    BudgetVoided,
    Entry,
    RunEnded,
)
from cleanroom.ledger.loss import EXACT, NOTHING, Loss
from tests.support.histories import run_name
from tests.support.manifests import NOW


def loss(epsilon, delta="0"):
    return Loss(epsilon=epsilon, delta=delta)


def entries(*contents):
    return [Entry(sequence=n, at=NOW, content=content) for n, content in enumerate(contents)]


ONE = {"run": run_name(1), "losses": {"customers": loss("0.1", "0.000000001")}}
TWO = {"run": run_name(2), "losses": {"customers": loss("0.2"), "baskets": loss("0.2")}}


def test_ten_tenths_are_one_and_not_a_digit_less():
    total = NOTHING
    for _ in range(10):
        total = total.plus(loss("0.1"))
    assert total == loss("1") == loss("0.1").times(10)
    assert loss("1").covers(total)
    assert not loss("0.999999999999999999").covers(total)


def test_the_smallest_and_the_largest_amount_add_up_exactly():
    large, small = loss("9" * 18, "1"), loss("0." + "0" * 17 + "1")
    assert large.plus(small) == loss("9" * 18 + "." + "0" * 17 + "1", "1")
    with pytest.raises(Inexact):
        EXACT.add(Decimal(10) ** 50, Decimal(10) ** -20)


def test_a_loss_has_one_spelling_once_it_was_counted():
    assert loss("0.50").plus(NOTHING) == loss("0.5")
    assert str(loss("0.5")) == "ε = 0.5"
    assert str(loss("0.5", "0.000001")) == "ε = 0.5, δ = 0.000001"


@pytest.mark.parametrize("amount", ["-1", "1e-9", "0,5", ".5", "01", "NaN", "Infinity", ""])
def test_what_is_no_plain_decimal_is_no_amount(amount):
    with pytest.raises(ValidationError):
        loss(amount)


def test_how_many_runs_fit_is_decided_by_the_scarcer_of_both():
    limit = loss("1", "0.00001")
    assert limit.fits(loss("0.3")) == 3
    assert limit.fits(loss("0.1", "0.000005")) == 2
    assert limit.minus(loss("2")) == loss("0", "0.00001")


def test_a_balance_follows_reservations_to_their_end():
    balance = balance_of(entries(BudgetReserved(**ONE), BudgetReserved(**TWO)))
    assert balance.taken_of("customers") == loss("0.3", "0.000000001")
    assert balance.spent_of("customers") == NOTHING
    balance = balance.posted(BudgetVoided(**TWO)).posted(BudgetSpent(**ONE))
    assert (
        balance.spent_of("customers") == balance.taken_of("customers") == loss("0.1", "0.000000001")
    )
    assert balance.taken_of("baskets") == NOTHING
    assert balance.open == {}


def test_entries_about_other_things_leave_it_alone():
    balance = Balance().posted(BudgetReserved(**ONE))
    assert balance.posted(RunEnded(run=run_name(1), code="CR-6003")) is balance


@pytest.mark.parametrize(
    "contents",
    [
        [BudgetSpent(**ONE)],
        [BudgetVoided(**ONE)],
        [BudgetReserved(**ONE), BudgetReserved(**ONE)],
        [BudgetReserved(**ONE), BudgetSpent(**ONE), BudgetVoided(**ONE)],
        [BudgetReserved(**ONE), BudgetVoided(**ONE), BudgetVoided(**ONE)],
        [BudgetReserved(**ONE), BudgetVoided(run=run_name(1), losses={"customers": loss("9")})],
    ],
    ids=["spent", "voided", "reserved-twice", "given-back", "voided-twice", "another-loss"],
)
def test_a_log_whose_budget_entries_do_not_fit_is_refused(contents):
    with pytest.raises(LogInconsistent):
        balance_of(entries(*contents))
