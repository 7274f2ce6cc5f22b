"""A training whose joined rows lie on several workers: how they are cut, and what the driver sees.

The joined rows are cut in their order, so that everything that depends on the order (which units
test, who is first) is as on one worker. The driver puts the same step to every shard (`steps`), or
lets all of them grow trees together; training rows never leave their shard.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from cleanroom.dataset.features import Matrix, matrix, require_lawful
from cleanroom.errors import RunRefused
from enclave.computations.failure import Reason, value_free
from enclave.computations.matches import UNIT, place
from enclave.computations.plan import Lesson, Plan
from enclave.computations.training.columns import feature_of, joined
from enclave.computations.training.drawing import held_back, test_units
from enclave.computations.training.examples import features_of, labels_of
from enclave.computations.training.rounds import AfterRound, Measured
from enclave.computations.training.seen import Fitted
from enclave.computations.training.steps import WITHIN, Answer, Columns, Shard
from enclave.computations.training.units import units_by_owner


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

    def grow(self, growth: Growth, kept: Columns | None, after_round: AfterRound) -> Growth:
        """Grow trees over all shards, on these columns of the matrix; how it ended."""
        ...

    def ask(self, step: str, *given: Any) -> list[Answer]:  # noqa: ANN401 - as the step takes
        """Put one step of `STEPS` to every shard; the answers are in the order of the shards."""
        ...


@dataclass(frozen=True, slots=True)
class Spread:
    """The examples of a gang, as far as its driver knows them; see `seen.Seen`."""

    gang: Gang
    units: Mapping[str, int]
    """Distinct units of each owner."""
    test_units: int
    """Distinct units of the rows that test."""
    tested: np.ndarray[Any, Any]
    """The units of the rows that test, as numbers."""
    validation_units: int
    """Distinct units of the rows that validate."""
    kept: Columns | None = None
    """Which columns of the matrix are looked at; all unless said."""
    worth: None = None
    """All rows count alike: the manifest's rules let no weights come to a gang."""

    def ask(self, step: str, *given: Any) -> list[Answer]:  # noqa: ANN401 - as the step takes
        """Put a step to every shard's columns."""
        if self.kept is None:
            return self.gang.ask(step, *given)
        return self.gang.ask(WITHIN, self.kept, step, given)

    @property
    def known(self) -> np.ndarray[Any, Any]:
        """See `seen.Seen`."""
        return np.unique(np.concatenate(self.ask("known")))

    @property
    def truth(self) -> np.ndarray[Any, Any]:
        """See `seen.Seen`."""
        return np.concatenate(self.ask("truth"))

    def asked(self, fitted: Fitted) -> Matrix:
        """See `seen.Seen`."""
        return np.concatenate(self.ask("asked", fitted))

    def folds(self, lesson: Lesson) -> Iterator["Spread"]:
        """None: the manifest's rules let no folds come to a gang."""
        del lesson
        return iter(())

    def narrowed(self, kept: Columns) -> "Spread":
        """See `seen.Seen`."""
        return replace(self, kept=kept)


@dataclass(frozen=True, slots=True)
class Share:
    """Which joined rows one shard gets; no value of any column."""

    lines: pa.Table
    """Consecutive lines of the join."""
    tests: np.ndarray[Any, np.dtype[np.bool_]]
    """Which of them test."""
    validates: np.ndarray[Any, np.dtype[np.bool_]]
    """Which of them say when to stop."""

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
        RunRefused: rows have weights, or the training has noise or folds: one worker's work.
    """
    if any(asked is not None for asked in (lesson.weight, lesson.noise, lesson.folds)):
        raise RunRefused("a training with weights, noise or folds is for one worker")
    known, unit = np.unique(found.column(UNIT).to_numpy(), return_inverse=True)
    tested = test_units(len(known), lesson.split)
    held = held_back(~tested, lesson)
    bounds = [found.num_rows * each // count for each in range(count + 1)]
    cut = [
        Share(
            found.slice(start, stop - start).combine_chunks(),
            tested[unit[start:stop]],
            held[unit[start:stop]],
        )
        for start, stop in pairwise(bounds)
    ]
    return cut, functools.partial(
        Spread,
        units=units_by_owner(plan, found, None),
        test_units=int(np.count_nonzero(tested)),
        tested=unit[tested[unit]],
        validation_units=int(np.count_nonzero(held)),
    )


@value_free(Reason.TRAIN)
def require_lawful_rows(lesson: Lesson, name: str, rows: pa.Table) -> pa.Table:
    """Return rows of the input `name` once all of them, joined or not, keep their columns' rules.

    Raises:
        DataMismatch: some row does not.
    """
    for told in (*lesson.features, lesson.label):
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
    found = share.found
    columns = {
        feature_of(lesson, told).name: joined(plan, found, taken, told) for told in lesson.features
    }
    labels = labels_of(lesson, joined(plan, found, taken, lesson.label))
    dtype = np.float32 if plan.op == "train.gbdt" else np.float64
    rows, tests, held = matrix(features_of(lesson), columns, dtype), share.tests, share.validates
    train = ~(tests | held)
    return Shard(rows[train], labels[train], rows[tests], labels[tests], rows[held], labels[held])
