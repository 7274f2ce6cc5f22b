"""A training whose joined rows lie on several workers: shards, and the questions put to them.

The joined rows are cut in their order, so that everything that depends on the order (which units
test, who is first) is as on one worker. A *step* asks every shard the same and answers with sums
or with what is said of test rows; steps are a closed table. Training rows never leave their shard.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from cleanroom.dataset.features import Matrix, matrix, require_lawful
from enclave.computations.failure import Reason, value_free
from enclave.computations.matches import UNIT, place
from enclave.computations.plan import Lesson, Plan
from enclave.computations.training.columns import feature_of, joined
from enclave.computations.training.examples import Fitted, features_of, labels_of, test_units
from enclave.computations.training.units import units_by_owner

Answer = Any
"""What a step says of one shard: numbers, or arrays of them."""


class Gang(Protocol):
    """The shards of one training, wherever they lie."""

    def ask(self, step: str, *given: Any) -> list[Answer]:  # noqa: ANN401 - as the step takes
        """Put one step of `STEPS` to every shard; the answers are in the order of the shards."""
        ...


@dataclass(frozen=True, slots=True)
class Spread:
    """The examples of a gang, as far as its driver knows them; see `examples.Seen`."""

    gang: Gang
    units: Mapping[str, int]
    """Distinct units of each owner."""
    test_units: int
    """Distinct units of the rows that test."""
    tested: np.ndarray[Any, Any]
    """The units of the rows that test, as numbers."""
    kept: np.ndarray[Any, np.dtype[np.bool_]] | None = None
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
        """See `examples.Seen`."""
        return np.unique(np.concatenate(self.ask("known")))

    @property
    def truth(self) -> np.ndarray[Any, Any]:
        """See `examples.Seen`."""
        return np.concatenate(self.ask("truth"))

    def asked(self, fitted: Fitted) -> Matrix:
        """See `examples.Seen`."""
        return np.concatenate(self.ask("asked", fitted))

    def narrowed(self, kept: np.ndarray[Any, np.dtype[np.bool_]]) -> "Spread":
        """See `examples.Seen`."""
        return replace(self, kept=kept)


@dataclass(frozen=True, slots=True)
class Share:
    """Which joined rows one shard gets; no value of any column."""

    lines: pa.Table
    """Consecutive lines of the join."""
    tests: np.ndarray[Any, np.dtype[np.bool_]]
    """Which of them test."""

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


@dataclass(slots=True)
class Shard:
    """One worker's share of the examples; rows by matrix columns, NaN where a value is missing."""

    rows: Matrix
    """Rows to learn from."""
    labels: np.ndarray[Any, Any]
    """Theirs: numbers of classes, `int64`, or numbers, `float64`."""
    test_rows: Matrix
    """Rows that the fit must not see."""
    test_labels: np.ndarray[Any, Any]
    """Theirs."""
    ready: Matrix = field(default_factory=lambda: np.empty((0, 0)))
    """`rows`, complete and standardised; made by the step `standardise`."""
    narrow: "dict[bytes, Shard]" = field(default_factory=dict)
    """The last of its views of some columns, by which these are."""


@value_free(Reason.TRAIN)
def spread(
    plan: Plan, lesson: Lesson, found: pa.Table, count: int
) -> tuple[list[Share], Callable[[Gang], Spread]]:
    """Cut the lines of a join into `count` shares of consecutive lines.

    Returns:
        The shares, and the examples once a gang has them.
    """
    known, unit = np.unique(found.column(UNIT).to_numpy(), return_inverse=True)
    tested = test_units(len(known), lesson.split)
    bounds = [found.num_rows * each // count for each in range(count + 1)]
    cut = [
        Share(found.slice(start, stop - start).combine_chunks(), tested[unit[start:stop]])
        for start, stop in pairwise(bounds)
    ]
    count_tested = int(np.count_nonzero(tested))
    units = units_by_owner(plan, found, None)
    return cut, functools.partial(
        Spread, units=units, test_units=count_tested, tested=unit[tested[unit]]
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
    rows, tests = matrix(features_of(lesson), columns, dtype), share.tests
    return Shard(rows[~tests], labels[~tests], rows[tests], labels[tests])


# --- steps ----------------------------------------------------------------------------------------


def _known(shard: Shard) -> np.ndarray[Any, Any]:
    """Distinct labels of the training rows; of numbers the least and the greatest are enough."""
    labels = shard.labels
    if labels.dtype == np.int64 or not len(labels):
        return np.unique(labels)
    return np.array([labels.min(), labels.max()])


def _present(shard: Shard) -> tuple[Matrix, Matrix]:
    """For each column: how many values are there, and their sum."""
    there = ~np.isnan(shard.rows)
    return there.sum(axis=0), np.where(there, shard.rows, 0).sum(axis=0)


def _totals(shard: Shard, fills: Matrix) -> tuple[int, Matrix, float]:
    """Training rows, the sum of each column with missing values filled, the sum of labels."""
    complete = _complete(shard.rows, fills)
    return len(complete), complete.sum(axis=0), float(shard.labels.sum())


def _squares(shard: Shard, fills: Matrix, mean: Matrix) -> tuple[Matrix, Matrix]:
    """Sums of squares around the mean, and of the distances themselves: rounding shows there."""
    away = _complete(shard.rows, fills) - mean
    return np.square(away).sum(axis=0), away.sum(axis=0)


def _standardise(shard: Shard, fills: Matrix, mean: Matrix, scale: Matrix) -> None:
    """Keep the training rows as the solver wants them."""
    shard.ready = (_complete(shard.rows, fills) - mean) / scale


def _gram(shard: Shard, label_mean: float) -> tuple[Matrix, Matrix]:
    """Products of the columns with each other, and with the labels around their mean."""
    return shard.ready.T @ shard.ready, shard.ready.T @ (shard.labels - label_mean)


def _slope(shard: Shard, weights: Matrix) -> tuple[float, Matrix]:
    """The loss of a logistic model over the training rows, and its gradient; sums, no penalty.

    Args:
        shard: standardised.
        weights: scores by columns and, last, the intercept; one score for two classes.
    """
    labels = shard.labels
    scores = shard.ready @ weights[:, :-1].T + weights[:, -1]
    every = np.hstack([np.zeros_like(scores), scores]) if len(weights) == 1 else scores
    greatest = every.max(axis=1, keepdims=True)
    raised = np.exp(every - greatest)
    total = raised.sum(axis=1, keepdims=True)
    own = np.take_along_axis(every, labels[:, None], axis=1)
    loss = float((np.log(total) + greatest - own).sum())
    wrong = raised / total
    wrong[np.arange(len(labels)), labels] -= 1
    wrong = wrong[:, -len(weights) :]
    return loss, np.column_stack([wrong.T @ shard.ready, wrong.sum(axis=0)])


def _truth(shard: Shard) -> np.ndarray[Any, Any]:
    """The labels of the test rows."""
    return shard.test_labels


def _asked(shard: Shard, fitted: Fitted) -> Matrix:
    """What a model says of the test rows."""
    return fitted.predict(shard.test_rows)


def _complete(rows: Matrix, fills: Matrix) -> Matrix:
    return np.where(np.isnan(rows), fills, rows)


def _within(
    shard: Shard, kept: np.ndarray[Any, np.dtype[np.bool_]], step: str, given: Sequence[Any]
) -> Answer:
    """Put a step to some columns of a shard; only the last such view is kept."""
    name = kept.tobytes()
    if name not in shard.narrow:
        rows, test_rows = (
            np.ascontiguousarray(each[:, kept]) for each in (shard.rows, shard.test_rows)
        )
        shard.narrow = {name: Shard(rows, shard.labels, test_rows, shard.test_labels)}
    return STEPS[step](shard.narrow[name], *given)


WITHIN = "within"
STEPS: Mapping[str, Callable[..., Answer]] = MappingProxyType(
    {
        "known": _known,
        "present": _present,
        "totals": _totals,
        "squares": _squares,
        "standardise": _standardise,
        "gram": _gram,
        "slope": _slope,
        "truth": _truth,
        "asked": _asked,
        WITHIN: _within,
    }
)
"""Every step there is: from a shard, and what is given, to an answer."""


def lasts(step: str, given: Sequence[Any]) -> bool:
    """Whether a step changes a shard: one that is made anew is told it again."""
    return step == "standardise" or (step == WITHIN and given[1] == "standardise")


@value_free(Reason.TRAIN)
def take_step(shard: Shard, step: str, given: Sequence[Any]) -> Answer:
    """Put a step to one shard."""
    return STEPS[step](shard, *given)
