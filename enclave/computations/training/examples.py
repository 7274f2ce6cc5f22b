"""Joined rows as examples: a matrix of features, labels as numbers, and who learns or tests.

Whole inputs are judged before the join is looked at: a row that breaks a rule ends the run whether
or not it matched anybody, so that how a run ends says nothing about the intersection.

Units are drawn for the test by the signed seed and by their place in the joined order: the raw
64-bit words of numpy's PCG64 bit generator, whose stream is fixed (NEP 19), are drawn in the order
of the units; the units with the smallest words test.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cleanroom.dataset.features import Feature, Matrix, as_numbers, matrix, require_lawful
from cleanroom.dataset.model_file import LinearPart
from cleanroom.manifest.model import Split
from enclave.computations.matches import UNIT, place
from enclave.computations.plan import Lesson, Plan


class Fitted(Protocol):
    """A model that was trained."""

    def predict(self, rows: Matrix) -> Matrix:
        """Probabilities, rows by classes, or one number for each row."""
        ...

    def weights(self) -> Matrix:
        """How much each matrix column matters, not negative; in no unit."""
        ...

    @property
    def linear(self) -> LinearPart | None:
        """The model, if it is linear."""
        ...

    @property
    def booster(self) -> bytes:
        """The model as UBJ, if it is trees; empty otherwise."""
        ...


class Seen(Protocol):
    """Examples, wherever their rows are: what a test of a model needs of them."""

    @property
    def units(self) -> int:
        """Distinct units of all rows."""
        ...

    @property
    def test_units(self) -> int:
        """Distinct units of the rows that test."""
        ...

    @property
    def known(self) -> np.ndarray[Any, Any]:
        """The different labels of the training rows; of numbers the least and the greatest do."""
        ...

    @property
    def truth(self) -> np.ndarray[Any, Any]:
        """The labels of the rows that test, in the joined order."""
        ...

    @property
    def tested(self) -> np.ndarray[Any, Any]:
        """The units of the rows that test, as numbers, in the same order."""
        ...

    def asked(self, fitted: Fitted) -> Matrix:
        """What a model says of the rows that test, in the same order."""
        ...

    def narrowed(self, kept: np.ndarray[Any, np.dtype[np.bool_]]) -> Self:
        """The same examples with some of the matrix's columns."""
        ...


S = TypeVar("S", bound=Seen)
Fit = Callable[[S, Lesson, list[str], list[str]], Fitted]
"""How to learn: from examples, a lesson, classes and the names of the matrix's columns."""


@dataclass(frozen=True, slots=True)
class Examples:
    """All that a fit sees; rows in the joined order."""

    rows: Matrix
    """Rows by matrix columns; NaN where a value is missing."""
    labels: np.ndarray[Any, Any]
    """Numbers of classes, `int64`, or numbers, `float64`."""
    tests: np.ndarray[Any, np.dtype[np.bool_]]
    """Which rows test; all others train."""
    unit: np.ndarray[Any, np.dtype[np.int64]]
    """Which unit each row is about, from 0."""
    units: int
    """Distinct units of all rows."""
    test_units: int
    """Distinct units of the rows that test."""

    @property
    def training(self) -> tuple[Matrix, np.ndarray[Any, Any]]:
        """Rows and labels to learn from."""
        return self.rows[~self.tests], self.labels[~self.tests]

    @property
    def testing(self) -> tuple[Matrix, np.ndarray[Any, Any]]:
        """Rows and labels that the fit must not see."""
        return self.rows[self.tests], self.labels[self.tests]

    @property
    def known(self) -> np.ndarray[Any, Any]:
        """The different labels of the training rows."""
        return np.unique(self.labels[~self.tests])

    @property
    def truth(self) -> np.ndarray[Any, Any]:
        """The labels of the rows that test."""
        return self.testing[1]

    @property
    def tested(self) -> np.ndarray[Any, Any]:
        """The units of the rows that test."""
        return np.asarray(self.unit[self.tests])

    def narrowed(self, kept: np.ndarray[Any, np.dtype[np.bool_]]) -> "Examples":
        """The same examples with some of the matrix's columns."""
        return replace(self, rows=np.ascontiguousarray(self.rows[:, kept]))

    def asked(self, fitted: Fitted) -> Matrix:
        """What a model says of the rows that test."""
        return fitted.predict(self.testing[0])


def features_of(lesson: Lesson) -> list[Feature]:
    """The features in the order of the matrix."""
    return [
        Feature(input=source, column=column.name, owner=lesson.owners[source], values=column.values)
        for source, column in lesson.features
    ]


def classes_of(lesson: Lesson) -> list[str]:
    """The classes in order; none for a regression."""
    column = lesson.label[1]
    if lesson.task == "regression":
        return []
    return list(column.values) if column.values is not None else ["false", "true"]


def examples(
    plan: Plan,
    lesson: Lesson,
    found: pa.Table,
    payload: Mapping[str, pa.Table],
    dtype: type[np.floating[Any]],
) -> Examples:
    """Put the joined rows together.

    Args:
        plan: the run's plan.
        lesson: its lesson.
        found: the lines of the join.
        payload: features and labels of each input, all rows in order.
        dtype: of the matrix.

    Raises:
        DataMismatch: some row of an input, joined or not, breaks its column's rules.
    """
    features = features_of(lesson)
    for feature in (*features, label_as_feature(lesson)):
        require_lawful(feature, payload[feature.input].column(feature.column))
    # a label counts as read once all inputs are lawful: nothing below depends on what matched
    lines = {
        planned.name: pa.array(found.column(place(number)).to_numpy())
        for number, planned in enumerate(plan.inputs)
    }
    joined = {
        feature.name: payload[feature.input].column(feature.column).take(lines[feature.input])
        for feature in features
    }
    source, column = lesson.label
    labels = labels_of(lesson, payload[source].column(column.name).take(lines[source]))
    _, unit = np.unique(found.column(UNIT).to_numpy(), return_inverse=True)
    units = int(unit.max()) + 1 if len(unit) else 0
    tested = test_units(units, lesson.split)
    return Examples(
        rows=matrix(features, joined, dtype),
        labels=labels,
        tests=tested[unit],
        unit=unit,
        units=units,
        test_units=int(np.count_nonzero(tested)),
    )


def test_units(units: int, split: Split) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which units test, by their place in the joined order."""
    count = (units * split.test_percent + 50) // 100
    drawn = np.random.PCG64(split.seed).random_raw(units)
    tested = np.zeros(units, dtype=np.bool_)
    tested[np.argsort(drawn, kind="stable")[:count]] = True
    return tested


def label_as_feature(lesson: Lesson) -> Feature:
    """The label, looked at as features are."""
    source, column = lesson.label
    return Feature(
        input=source, column=column.name, owner=lesson.owners[source], values=column.values
    )


def labels_of(lesson: Lesson, column: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    """Labels as numbers of classes, `int64`, or as numbers, `float64`."""
    if lesson.task == "regression":
        return as_numbers(column)
    values = lesson.label[1].values
    if values is None:
        return as_numbers(column).astype(np.int64)
    index = pc.index_in(column, value_set=pa.array(values, column.type))
    return as_numbers(index).astype(np.int64)
