"""What was taken from each dataset's privacy budget, recomputed from the entries of the log.

A run's loss is *reserved* before any key leaves, then *spent*, or *voided* if no key was granted.
Whoever holds the log, the room itself or a party that fetched it, comes to the same balance; what
the budget is stands in the manifest. Nothing ever gives back what was spent.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce

from cleanroom.errors import LogInconsistent
from cleanroom.ledger.entry import (
    BudgetReserved,
    BudgetSpent,
    BudgetVoided,
    Content,
    Entry,
    RunId,
)
from cleanroom.ledger.loss import NOTHING, Loss


@dataclass(frozen=True, slots=True)
class Balance:
    """What was taken from the budgets so far."""

    spent: Mapping[str, Loss] = field(default_factory=dict)
    """By dataset."""
    open: Mapping[RunId, Mapping[str, Loss]] = field(default_factory=dict)
    """Reservations that are neither spent nor voided: by run, then by dataset."""

    def spent_of(self, dataset: str) -> Loss:
        """What was spent of a dataset's budget."""
        return self.spent.get(dataset, NOTHING)

    def reserved_of(self, dataset: str) -> Loss:
        """What runs have reserved of it that may still spend it."""
        held = (losses[dataset] for losses in self.open.values() if dataset in losses)
        return reduce(Loss.plus, held, NOTHING)

    def taken_of(self, dataset: str) -> Loss:
        """What cannot be reserved any more: spent and reserved together."""
        return self.spent_of(dataset).plus(self.reserved_of(dataset))

    def posted(self, content: Content) -> "Balance":
        """The balance after an entry; most entries leave it as it is.

        Raises:
            LogInconsistent: a run reserves twice, or settles what it did not reserve.
        """
        match content:
            case BudgetReserved():
                return self._reserved(content)
            case BudgetSpent():
                taken = {
                    dataset: self.spent_of(dataset).plus(loss)
                    for dataset, loss in content.losses.items()
                }
                return Balance({**self.spent, **taken}, self._without(content))
            case BudgetVoided():
                return Balance(self.spent, self._without(content))
            case _:
                return self

    def _reserved(self, content: BudgetReserved) -> "Balance":
        if content.run in self.open:
            raise LogInconsistent(f"run {content.run} reserves its budget twice")
        return Balance(self.spent, {**self.open, content.run: dict(content.losses)})

    def _without(self, content: BudgetSpent | BudgetVoided) -> dict[RunId, Mapping[str, Loss]]:
        if self.open.get(content.run) != content.losses:
            raise LogInconsistent(f"run {content.run} settles a budget that it did not reserve")
        return {run: losses for run, losses in self.open.items() if run != content.run}


def balance_of(entries: Iterable[Entry]) -> Balance:
    """The balance after these entries, which are a whole log from its first entry on.

    Raises:
        LogInconsistent: entries about budgets do not fit each other.
    """
    return reduce(Balance.posted, (entry.content for entry in entries), Balance())
