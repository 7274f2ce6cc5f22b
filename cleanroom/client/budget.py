"""What is left of privacy budgets, and how many more runs fit into it.

For a room it is recomputed from the log that was fetched and proven, never taken at the room's
word; for a result it is what the verified receipt says.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Self

from cleanroom.client.display import counted, mimebundle, text_table
from cleanroom.errors import Usage
from cleanroom.ledger.budget import balance_of
from cleanroom.ledger.entry import Entry
from cleanroom.ledger.loss import NOTHING, Loss
from cleanroom.manifest.budgets import costs_of, limits_of
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.predicate import Predicate

HEADINGS = ("dataset", "owner", "budget", "spent", "reserved", "left", "more runs that fit")


@dataclass(frozen=True, slots=True)
class Budget:
    """The privacy budget of one dataset."""

    dataset: str
    owner: str
    limit: Loss
    """The whole budget, for the life of the lineage."""
    spent: Loss
    """Gone for ever."""
    reserved: Loss
    """What runs that go on may still spend."""
    costs: dict[str, Loss]
    """What one run costs, by computation."""

    @property
    def left(self) -> Loss:
        """What a new run can still reserve."""
        return self.limit.minus(self.spent.plus(self.reserved))

    @property
    def fits(self) -> dict[str, int]:
        """How many more runs this budget bears, by computation, each taken alone.

        `max_runs` and the budgets of other datasets may allow fewer.
        """
        return {name: self.left.fits(cost) for name, cost in self.costs.items()}

    def to_json(self) -> dict[str, object]:
        """All of it as plain values."""
        return {
            "dataset": self.dataset,
            "owner": self.owner,
            "limit": self.limit.to_plain(),
            "spent": self.spent.to_plain(),
            "reserved": self.reserved.to_plain(),
            "left": self.left.to_plain(),
            "fits": self.fits,
        }

    def row(self) -> tuple[str, ...]:
        """One line of the table."""
        more = ", ".join(f"{name}: {number:,}" for name, number in self.fits.items())
        losses = (self.limit, self.spent, self.reserved, self.left)
        return (self.dataset, self.owner, *(str(loss) for loss in losses), more)


@dataclass(frozen=True, slots=True)
class Budgets:
    """The budgets of a room, or those that one run spent from."""

    title: str
    """What they are of."""
    each: tuple[Budget, ...]
    """By dataset, in the manifest's order."""

    @classmethod
    def of_room(cls, manifest: Manifest, entries: Iterable[Entry]) -> Self:
        """The budgets of all datasets that have one.

        Args:
            manifest: the party's own.
            entries: the whole log, proven.

        Raises:
            LogInconsistent: entries about budgets do not fit each other.
        """
        balance = balance_of(entries)
        each = (
            Budget(
                dataset=dataset,
                owner=manifest.datasets[dataset].owner,
                limit=limit,
                spent=balance.spent_of(dataset),
                reserved=balance.reserved_of(dataset),
                costs=costs_of(manifest, dataset),
            )
            for dataset, limit in limits_of(manifest).items()
        )
        return cls(f"privacy budgets of {manifest.metadata.name}", tuple(each))

    @classmethod
    def of_run(cls, predicate: Predicate) -> Self:
        """The budgets that a run spent from, as they were right after its release.

        Args:
            predicate: of its verified receipt.
        """
        owners = {part.dataset: part.owner for part in predicate.inputs.values()}
        each = (
            Budget(
                dataset=dataset,
                owner=owners[dataset],
                limit=part.limit,
                spent=part.after,
                reserved=NOTHING,
                costs={predicate.computation: part.spent},
            )
            for dataset, part in predicate.budgets.items()
        )
        return cls(f"privacy budgets after run {predicate.run}", tuple(each))

    def __getitem__(self, dataset: str) -> Budget:
        """The budget of a dataset.

        Raises:
            Usage: it has none.
        """
        for budget in self.each:
            if budget.dataset == dataset:
                return budget
        known = [budget.dataset for budget in self.each]
        raise Usage(f"dataset {dataset!r} has no privacy budget here, expected one of {known}")

    def __iter__(self) -> Iterator[Budget]:
        return iter(self.each)

    def __len__(self) -> int:
        return len(self.each)

    def to_json(self) -> dict[str, object]:
        """All of them as plain values, by dataset."""
        return {budget.dataset: budget.to_json() for budget in self.each}

    def __repr__(self) -> str:
        return text_table(self._heading(), HEADINGS, [budget.row() for budget in self.each])

    def _repr_mimebundle_(self, **_formats: object) -> dict[str, str]:
        return mimebundle(self._heading(), HEADINGS, [budget.row() for budget in self.each])

    def _heading(self) -> str:
        return f"{self.title}: {counted(len(self.each), 'dataset')}"
