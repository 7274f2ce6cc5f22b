"""What is asked of one shard of a training: a closed table of steps, each a function of the shard.

A step answers with sums over its rows, or with what a model says of those that test. What a shard
learns from is in no answer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from cleanroom.dataset.features import Matrix
from enclave.computations.failure import Reason, value_free
from enclave.computations.training.seen import Fitted

Columns = np.ndarray[Any, np.dtype[np.bool_]]
"""Which columns of the matrix."""
Answer = Any
"""What a step says of one shard: numbers, or arrays of them."""


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
    held_rows: Matrix = field(default_factory=lambda: np.empty((0, 0)))
    """Rows that say when to stop."""
    held_labels: np.ndarray[Any, Any] = field(default_factory=lambda: np.empty(0))
    """Theirs."""
    ready: Matrix = field(default_factory=lambda: np.empty((0, 0)))
    """`rows`, complete and standardised; made by the step `standardise`."""
    narrow: "dict[bytes, Shard]" = field(default_factory=dict)
    """The last of its views of some columns, by which these are."""


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


def _within(shard: Shard, kept: Columns, step: str, given: Sequence[Any]) -> Answer:
    """Put a step to some columns of a shard."""
    return STEPS[step](view(shard, kept), *given)


def part(shard: Shard, name: str) -> tuple[Matrix, np.ndarray[Any, Any]]:
    """Rows and labels of `training`, `test` or `validation`."""
    match name:
        case "training":
            return shard.rows, shard.labels
        case "test":
            return shard.test_rows, shard.test_labels
        case _:
            return shard.held_rows, shard.held_labels


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


def view(shard: Shard, kept: Columns | None) -> Shard:
    """A shard with some columns of the matrix, or as it is; only the last such view is kept."""
    if kept is None:
        return shard
    name = kept.tobytes()
    if name not in shard.narrow:
        rows, test_rows, held_rows = (
            np.ascontiguousarray(each[:, kept])
            for each in (shard.rows, shard.test_rows, shard.held_rows)
        )
        labels = shard.labels, shard.test_labels, shard.held_labels
        shard.narrow = {name: Shard(rows, labels[0], test_rows, labels[1], held_rows, labels[2])}
    return shard.narrow[name]


@value_free(Reason.TRAIN)
def take_step(shard: Shard, step: str, given: Sequence[Any]) -> Answer:
    """Put a step to one shard."""
    return STEPS[step](shard, *given)
