"""A training whose joined rows lie on several workers: how they are cut, and what the driver sees.

The joined rows are cut in their order, so that everything that depends on the order (which units
test, who is first) is as on one worker. The driver puts the same step to every shard (`steps`), or
lets all of them grow trees together; features, and labels to learn from, never leave their shard.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from cleanroom.dataset.features import Matrix, require_lawful
from cleanroom.errors import RunRefused
from enclave.computations.failure import Reason, value_free
from enclave.computations.matches import UNIT, place
from enclave.computations.plan import Lesson, Plan
from enclave.computations.training.columns import arranged, feature_of
from enclave.computations.training.divisions import Divided, Roles, Sides, divisions
from enclave.computations.training.rounds import AfterRound, Measured
from enclave.computations.training.samples import Mask
from enclave.computations.training.seen import Fitted
from enclave.computations.training.steps import Answer, Look, Shard
from enclave.computations.training.units import Numbers, units_by_owner


@dataclass(frozen=True, slots=True)
class Growth:
    """Trees to grow over all shards, and those to go on with."""

    settings: Mapping[str, str | int | float]
    """XGBoost's parameters, without its number of threads."""
    names: tuple[str, ...]
    """Of the matrix's columns."""
    rounds: int
    """Trees of each class that are to be there at the end."""
    trees: bytes = field(default=b"", repr=False)
    """Those that are there already, as UBJ."""
    done: int = 0
    """How many of each class these are."""
    watched: tuple[str, ...] = ()
    """Parts of the rows that are measured after each round."""
    patience: int = 0
    """Stop after so many rounds without a lower loss on the part `validation`; 0 for never."""
    measured: tuple[Measured, ...] = ()
    """What was measured of the rounds that are done."""


class Gang(Protocol):
    """The shards of one training, wherever they lie."""

    def grow(self, growth: Growth, look: Look, after_round: AfterRound) -> Growth:
        """Grow trees over all shards, as one fit sees them; how it ended."""
        ...

    def ask(self, look: Look, step: str, *given: Any) -> list[Answer]:  # noqa: ANN401 - as the step takes
        """Put one step of `STEPS` to every shard; the answers are in the order of the shards."""
        ...


@dataclass(frozen=True, slots=True)
class Spread:
    """The examples of a gang, as far as its driver knows them; see `seen.Seen`."""

    gang: Gang
    divided: Divided
    """What each of their rows is for."""
    kept: Mask | None = None
    """Which columns of the matrix are looked at; all unless said."""

    @property
    def look(self) -> Look:
        """What the shards are to look at."""
        return Look(self.divided.fit, None if self.kept is None else tuple(self.kept.tolist()))

    def ask(self, step: str, *given: Any) -> list[Answer]:  # noqa: ANN401 - as the step takes
        """Put a step to every shard."""
        return self.gang.ask(self.look, step, *given)

    @property
    def units(self) -> Mapping[str, int]:
        """See `seen.Seen`."""
        return self.divided.units

    @property
    def test_units(self) -> int:
        """See `seen.Seen`."""
        return self.divided.test_units

    @property
    def validation_units(self) -> int:
        """See `seen.Seen`."""
        return self.divided.validation_units

    @property
    def known(self) -> np.ndarray[Any, Any]:
        """See `seen.Seen`."""
        return np.unique(np.concatenate(self.ask("known")))

    @property
    def truth(self) -> np.ndarray[Any, Any]:
        """See `seen.Seen`."""
        return np.concatenate(self.ask("truth"))

    @property
    def tested(self) -> np.ndarray[Any, Any]:
        """See `seen.Seen`."""
        return self.divided.tested

    @property
    def worth(self) -> Numbers | None:
        """See `seen.Seen`."""
        return self.divided.worth

    def asked(self, fitted: Fitted) -> Matrix:
        """See `seen.Seen`."""
        return np.concatenate(self.ask("asked", fitted))

    def folds(self) -> Iterator["Spread"]:
        """See `seen.Seen`."""
        for divided in self.divided.folds():
            yield replace(self, divided=divided)

    def narrowed(self, kept: Mask) -> "Spread":
        """See `seen.Seen`."""
        return replace(self, kept=kept)

    def alone(self, owner: str) -> tuple["Spread", Sides]:
        """See `seen.Seen`."""
        divided, sides = self.divided.alone(owner)
        return replace(self, divided=divided), sides


@dataclass(frozen=True, slots=True)
class Share:
    """Which joined rows one shard gets; no value of any column."""

    lines: pa.Table
    """Consecutive lines of the join."""
    roles: Roles
    """What each of them is for, by fits and lines."""

    def wanted(self, number: int) -> np.ndarray[Any, Any]:
        """The rows of input `number` that are read for it, once each, in order."""
        return np.unique(self.lines.column(place(number)).drop_null().to_numpy())

    @property
    def found(self) -> pa.Table:
        """The lines, with the places of rows among those that are wanted."""
        names = [name for name in self.lines.column_names if name != UNIT]
        columns = []
        for number in range(len(names)):
            rows = self.lines.column(place(number))
            absent = rows.is_null().to_numpy()
            places = np.searchsorted(self.wanted(number), rows.fill_null(0).to_numpy())
            columns.append(pa.array(places, mask=absent))
        return pa.table(columns, names=[place(number) for number in range(len(names))])


@value_free(Reason.TRAIN)
def spread(
    plan: Plan, lesson: Lesson, found: pa.Table, count: int
) -> tuple[list[Share], Callable[[Gang], Spread]]:
    """Cut the lines of a join into `count` shares of consecutive lines.

    Returns:
        The shares, and the examples once a gang has them.

    Raises:
        RunRefused: the training has noise, which is drawn once, in one process.
    """
    if lesson.noise is not None:
        raise RunRefused("a training with noise is for one worker")
    fits = divisions(plan, lesson, found)
    bounds = [found.num_rows * each // count for each in range(count + 1)]
    cut = [
        Share(found.slice(start, stop - start).combine_chunks(), fits.roles[:, start:stop].copy())
        for start, stop in pairwise(bounds)
    ]

    def seen_by(gang: Gang) -> Spread:
        weighed = lesson.weight is not None
        weights = np.concatenate(gang.ask(Look(), "worth")) if weighed else None
        return Spread(gang, Divided(fits, weights, units_by_owner(plan, found, weights)))

    return cut, seen_by


@value_free(Reason.TRAIN)
def require_lawful_rows(lesson: Lesson, name: str, rows: pa.Table) -> pa.Table:
    """Return rows of the input `name` once all of them, joined or not, keep their columns' rules.

    Raises:
        DataMismatch: some row does not.
    """
    weighed = () if lesson.weight is None else (lesson.weight,)
    for told in (*lesson.features, lesson.label, *weighed):
        source, column = told
        if source in (name, None):
            require_lawful(feature_of(lesson, told), rows.column(column.name))
    return rows


@value_free(Reason.TRAIN)
def shard_of(plan: Plan, lesson: Lesson, share: Share, taken: Mapping[str, pa.Table]) -> Shard:
    """Put one worker's examples together.

    Args:
        plan: the run's plan.
        lesson: its lesson.
        share: which joined rows.
        taken: for each input the rows of `Share.wanted`, in order.
    """
    return Shard(arranged(plan, lesson, share.found, taken, share.roles[0]), share.roles)
