"""What a receipt says of privacy budgets: both verifiers hold it to the manifest, and agree."""

from functools import cache

import pytest

from cleanroom.ledger.loss import Loss
from cleanroom.protocol.predicate import BudgetPart
from tests.support.budgets import budgeted
from tests.support.manifests import good_manifest
from tests.support.receipts import Draft, written_policy
from tests.unit.test_receipt_verifier import assert_both_accept, assert_both_refuse


def loss(epsilon, delta="0"):
    return Loss(epsilon=epsilon, delta=delta)


PART = BudgetPart(limit=loss("1"), before=loss("0.3"), spent=loss("0.3"), after=loss("0.6"))


@cache
def manifest():
    """The bank's data has a budget of 1, of which a run costs 0.3."""
    changes = budgeted(
        computations__overlap__workers__count=2, computations__overlap__limits__max_runs=10
    )
    return good_manifest(written_policy(), **changes)


def receipt(own, **parts):
    def charged(predicate):
        return predicate.model_copy(update={"budgets": parts})

    return Draft(manifest=own, change_predicate=charged).receipt()


def test_both_accept_a_run_that_is_charged_as_the_manifest_says():
    assert_both_accept(receipt(manifest(), customers=PART), manifest())


def test_both_accept_the_run_that_uses_the_budget_up():
    last = PART.model_copy(update={"before": loss("0.7"), "after": loss("1")})
    assert_both_accept(receipt(manifest(), customers=last), manifest())


@pytest.mark.parametrize(
    "change",
    [
        {"limit": loss("2")},
        {"limit": loss("1", "0.1")},
        {"spent": loss("0.1"), "after": loss("0.4")},
        {"spent": loss("0.3", "0.1"), "after": loss("0.6", "0.1")},
        {"before": loss("0")},
        {"after": loss("0.3")},
        {"before": loss("0.8"), "after": loss("1.1")},
    ],
    ids=["limit", "delta", "cheaper", "spent-delta", "before", "after", "overdrawn"],
)
def test_both_refuse_a_charge_that_is_not_the_manifests(change):
    bent = PART.model_copy(update=change)
    assert_both_refuse(receipt(manifest(), customers=bent).to_bytes(), manifest())


def test_both_refuse_a_run_that_was_charged_to_nobody():
    assert_both_refuse(receipt(manifest()).to_bytes(), manifest())


def test_both_refuse_a_charge_to_a_dataset_without_a_budget():
    raw = receipt(manifest(), customers=PART, baskets=PART).to_bytes()
    assert_both_refuse(raw, manifest())


def test_both_refuse_a_charge_for_a_run_without_noise():
    exact = good_manifest(
        written_policy(),
        datasets__customers__privacy={"unit": ["email"], "epsilon": "1"},
    )
    assert_both_accept(receipt(exact), exact)
    assert_both_refuse(receipt(exact, customers=PART).to_bytes(), exact)
