"""A run and its datasets' privacy budgets: reserved when it is accepted, then spent or voided.

What is left is always asked of the balance that the log's entries lead to; there is no other count.
A reservation is durable before any key leaves. It is given back only by a run that ends before its
keys were granted: afterwards somebody may know the result, whatever the run says of itself.
"""

from collections.abc import Mapping
from dataclasses import replace

from cleanroom.errors import BudgetExhausted
from cleanroom.ledger import entry as log
from cleanroom.ledger.loss import Loss
from cleanroom.manifest.budgets import limits_of, losses_of
from cleanroom.manifest.model import AnyComputation, Manifest
from cleanroom.protocol.predicate import BudgetPart
from enclave.coordinator.phases import Draft
from enclave.coordinator.state import Room, Run


def affordable(room: Room, manifest: Manifest, computation: AnyComputation) -> dict[str, Loss]:
    """What a run would cost, by dataset, once each budget still covers it.

    Raises:
        BudgetExhausted: a budget does not, counting what other runs have reserved.
    """
    losses, limits = losses_of(manifest, computation), limits_of(manifest)
    for dataset, loss in losses.items():
        taken, limit = room.balance.taken_of(dataset), limits[dataset]
        if not limit.covers(taken.plus(loss)):
            raise BudgetExhausted(
                f"a run costs {loss} of the budget of {dataset!r}, which is {limit}: {taken} is "
                f"spent or reserved, {limit.minus(taken)} is left"
            )
    return losses


def reserve(draft: Draft, run: Run, losses: Mapping[str, Loss]) -> None:
    """Take what a run may cost out of everybody else's reach."""
    if losses:
        _post(draft, log.BudgetReserved(run=run.name, losses=dict(losses)))


def spend(draft: Draft, run: Run) -> Run:
    """Spend what the run had reserved; the run comes back with what its receipt says of it."""
    losses = draft.room.balance.open.get(run.name)
    if losses is None:
        return run
    limits, before = limits_of(draft.room.agreed()), draft.room.balance
    parts = {
        dataset: BudgetPart(
            limit=limits[dataset],
            before=before.spent_of(dataset),
            spent=loss,
            after=before.spent_of(dataset).plus(loss),
        )
        for dataset, loss in losses.items()
    }
    _post(draft, log.BudgetSpent(run=run.name, losses=dict(losses)))
    return replace(run, budgets=parts)


def settle(draft: Draft, run: Run) -> None:
    """End the reservation of a run without a result: void only if no key can have left."""
    losses = draft.room.balance.open.get(run.name)
    if losses is None:
        return
    settled = log.BudgetSpent if run.granted else log.BudgetVoided
    _post(draft, settled(run=run.name, losses=dict(losses)))


def _post(draft: Draft, content: log.Content) -> None:
    draft.contents.append(content)
    draft.room = replace(draft.room, balance=draft.room.balance.posted(content))
