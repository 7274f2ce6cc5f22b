"""What is asked of one shard of a training: a closed table of steps, each a function of the shard.

A step answers with sums over its rows, with labels of those that test and what a model says of
them, or with the weights of all, by which units are counted. No feature is in any answer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from cleanroom.dataset.features import Matrix
from enclave.computations.failure import Reason, value_free
from enclave.computations.training.divisions import LEARNS, TESTS, VALIDATES, Roles
from enclave.computations.training.samples import Arranged, Sample
from enclave.computations.training.seen import Fitted
from enclave.computations.training.units import Numbers, different

Answer = Any
"""What a step says of one shard: numbers, or arrays of them."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a fit sees of every shard."""

    fit: int = 0
    """Which of the fits that the rows are divided for."""
    kept: tuple[bool, ...] | None = None
    """Which columns of the matrix; none said: all."""


@dataclass(slots=True)
class View:
    """One worker's share of the examples, as one fit sees it."""

    training: Sample
    """Rows to learn from."""
    testing: Sample
    """Rows that the fit must not see."""
    validation: Sample
    """Rows that say when to stop."""
    worth: Numbers | None
    """The weights of all rows of the shard; None where all count alike."""
    ready: Matrix = field(default_factory=lambda: np.empty((0, 0)))
    """The training rows, complete and standardised; made by the step `standardise`."""


@dataclass(slots=True)
class Shard:
    """One worker's share of the examples."""

    every: Arranged
    """All its rows."""
    roles: Roles
    """What each of them is for, by fits and rows."""
    last: tuple[Look, View] | None = None
    """What was seen of it last."""


def _worth(seen: View) -> Numbers | None:
    """The weights of all rows."""
    return seen.worth


def _known(seen: View) -> np.ndarray[Any, Any]:
    """Distinct labels of the training rows; of numbers the least and the greatest are enough."""
    return different(seen.training.counting.labels)


def _present(seen: View) -> tuple[Matrix, Matrix]:
    """For each column: how much the values weigh that are there, and their sum."""
    rows, weights = seen.training.rows, seen.training.weights
    there = ~np.isnan(rows)
    return _sum(there, weights), _sum(np.where(there, rows, 0), weights)


def _totals(seen: View, fills: Matrix) -> tuple[float, Matrix, float]:
    """What the training rows weigh, and sums of each column, with fills, and of the labels."""
    labels, weights = seen.training.labels, seen.training.weights
    whole = float(len(labels) if weights is None else weights.sum())
    complete = _complete(seen.training.rows, fills)
    return whole, _sum(complete, weights), float(_sum(labels, weights))


def _squares(seen: View, fills: Matrix, mean: Matrix) -> tuple[Matrix, Matrix]:
    """Sums of squares around the mean, and of the distances themselves: rounding shows there."""
    away = _complete(seen.training.rows, fills) - mean
    weights = seen.training.weights
    return _sum(np.square(away), weights), _sum(away, weights)


def _standardise(seen: View, fills: Matrix, mean: Matrix, scale: Matrix) -> None:
    """Keep the training rows as the solver wants them."""
    seen.ready = (_complete(seen.training.rows, fills) - mean) / scale


def _gram(seen: View, label_mean: float) -> tuple[Matrix, Matrix]:
    """Products of the columns with each other, and with the labels around their mean."""
    labels, weights = seen.training.labels, seen.training.weights
    weighed = seen.ready if weights is None else seen.ready * weights[:, None]
    return weighed.T @ seen.ready, weighed.T @ (labels - label_mean)


def _slope(seen: View, line: Matrix) -> tuple[float, Matrix]:
    """The loss of a logistic model over the training rows, and its gradient; sums, no penalty.

    Args:
        seen: standardised.
        line: scores by columns and, last, the intercept; one score for two classes.
    """
    labels, weights = seen.training.labels, seen.training.weights
    scores = seen.ready @ line[:, :-1].T + line[:, -1]
    every = np.hstack([np.zeros_like(scores), scores]) if len(line) == 1 else scores
    greatest = every.max(axis=1, keepdims=True)
    raised = np.exp(every - greatest)
    total = raised.sum(axis=1, keepdims=True)
    own = np.take_along_axis(every, labels[:, None], axis=1)
    loss = float(_sum((np.log(total) + greatest - own)[:, 0], weights))
    wrong = raised / total
    wrong[np.arange(len(labels)), labels] -= 1
    wrong = wrong[:, -len(line) :]
    if weights is not None:
        wrong *= weights[:, None]
    return loss, np.column_stack([wrong.T @ seen.ready, wrong.sum(axis=0)])


def _truth(seen: View) -> np.ndarray[Any, Any]:
    """The labels of the test rows."""
    return seen.testing.labels


def _asked(seen: View, fitted: Fitted) -> Matrix:
    """What a model says of the test rows."""
    return fitted.predict(seen.testing.rows)


def _complete(rows: Matrix, fills: Matrix) -> Matrix:
    return np.where(np.isnan(rows), fills, rows)


def _sum(rows: Matrix, weights: Numbers | None) -> Matrix:
    """The sum over rows, or over numbers, each as often as it weighs."""
    return np.asarray(rows.sum(axis=0) if weights is None else weights @ rows)


def part(seen: View, name: str) -> Sample:
    """The rows of `training`, and of `test` or `validation` those that weigh something."""
    match name:
        case "training":
            return seen.training
        case "test":
            return seen.testing.counting
        case _:
            return seen.validation.counting


STEPS: Mapping[str, Callable[..., Answer]] = MappingProxyType(
    {
        "worth": _worth,
        "known": _known,
        "present": _present,
        "totals": _totals,
        "squares": _squares,
        "standardise": _standardise,
        "gram": _gram,
        "slope": _slope,
        "truth": _truth,
        "asked": _asked,
    }
)
"""Every step there is: from a shard's view, and what is given, to an answer."""
LASTING = "standardise"
"""The step that changes a view: a shard that is made anew is told it again."""


def view(shard: Shard, look: Look) -> View:
    """A shard as one fit sees it; only the last such view is kept."""
    if shard.last is None or shard.last[0] != look:
        shard.last = None  # never two at once
        roles = shard.roles[look.fit]
        parts = [shard.every.chosen(roles == role) for role in (LEARNS, TESTS, VALIDATES)]
        if look.kept is not None:
            parts = [each.narrowed(np.array(look.kept)) for each in parts]
        training, testing, validation = parts
        shard.last = look, View(training, testing, validation, shard.every.weights)
    return shard.last[1]


@value_free(Reason.TRAIN)
def take_step(shard: Shard, look: Look, step: str, given: Sequence[Any]) -> Answer:
    """Put a step to one shard."""
    return STEPS[step](view(shard, look), *given)
