"""The columns of a training at the lines of a join, whichever way the rows were put together.

A column of one input is taken at the lines' rows, and is missing where the input lacks the unit. A
column of every input is the inputs' own, one below the other.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa

from cleanroom.dataset.features import Feature, Matrix
from enclave.computations.gathering import Rows, Taken, gathered
from enclave.computations.matches import place
from enclave.computations.plan import Lesson, Plan, Told
from enclave.computations.training.samples import Arranged, Sample, arrangement
from enclave.computations.training.units import Numbers

Payload = Mapping[str, pa.Table]
"""Columns of each input, all rows in order."""


def feature_of(lesson: Lesson, told: Told) -> Feature:
    """A column as a model's description names it."""
    source, column = told
    owner = None if source is None else lesson.owners[source]
    return Feature(input=source, column=column.name, owner=owner, values=column.values)


def whole(payload: Payload, told: Told) -> Iterator[pa.ChunkedArray]:
    """The column in each input that has it, all rows."""
    source, column = told
    for name in sorted(payload) if source is None else [source]:
        yield payload[name].column(column.name)


@dataclass(frozen=True, slots=True)
class Joined:
    """What the lines of a join have in each column; nothing is read before it is asked for."""

    lesson: Lesson
    payload: Payload
    rows: Mapping[str | None, Rows]
    """Which row of each input a line has; for None, of all inputs one below the other."""
    lines: int
    """How many there are."""

    @classmethod
    def of(cls, plan: Plan, lesson: Lesson, found: pa.Table, payload: Payload) -> Self:
        """The columns at some lines.

        Args:
            plan: the run's plan.
            lesson: its lesson.
            found: the lines, in any order.
            payload: columns of each input, all rows in order.
        """
        rows: dict[str | None, Rows] = {
            planned.name: found.column(place(number)).fill_null(-1).to_numpy()
            for number, planned in enumerate(plan.inputs)
        }
        if plan.join == "concat":
            rows[None] = _stacked(rows, payload)
        return cls(lesson, payload, rows, found.num_rows)

    def matrix(self, dtype: type[np.floating[Any]]) -> Matrix:
        """The features: lines by matrix columns, NaN where a value is missing."""
        return gathered([self._taken(told) for told in self.lesson.features], self.lines, dtype)

    def sample(self, dtype: type[np.floating[Any]]) -> Sample:
        """The lines with their labels and weights."""
        weight = self.lesson.weight
        weights = None if weight is None else self.numbers(weight)
        return Sample(self.matrix(dtype), self.labels, weights)

    @property
    def labels(self) -> np.ndarray[Any, Any]:
        """Labels as numbers of classes, `int64`, or as numbers, `float64`."""
        numbers = self.numbers(self.lesson.label)
        return numbers if self.lesson.task == "regression" else numbers.astype(np.int64)

    def numbers(self, told: Told) -> Matrix:
        """One column as numbers; a text as the place of its value among those declared."""
        return self._taken(told).numbers

    def _taken(self, told: Told) -> Taken:
        pieces = tuple(whole(self.payload, told))
        return Taken(feature_of(self.lesson, told), pieces, self.rows[told[0]])


def _stacked(rows: Mapping[str | None, Rows], payload: Payload) -> Rows:
    """The rows of lines, each of one input, counted over all inputs in the order of `whole`."""
    start, stacked = 0, np.full(len(next(iter(rows.values()))), -1, dtype=np.int64)
    for name in sorted(payload):
        there = rows[name] >= 0
        stacked[there] = rows[name][there] + start
        start += payload[name].num_rows
    return stacked


def arranged(
    plan: Plan, lesson: Lesson, found: pa.Table, payload: Payload, roles: Numbers
) -> Arranged:
    """The lines of a join as a sample in which those of one role stand together.

    Args:
        plan: the run's plan.
        lesson: its lesson.
        found: the lines, in the joined order.
        payload: columns of each input, all rows in order.
        roles: what each line is for in the joint fit.
    """
    order, place = arrangement(roles)
    joined = Joined.of(plan, lesson, found.take(pa.array(order)), payload)
    return Arranged(joined.sample(np.float32 if plan.op == "train.gbdt" else np.float64), place)
