"""Joined rows as examples: a matrix of features, labels as numbers, and who learns or tests.

Whole inputs are judged before the join is looked at: a row that breaks a rule ends the run whether
or not it matched anybody, so that how a run ends says nothing about the intersection.

Units are drawn for the test by the signed seed and by their place in the joined order: the raw
64-bit words of numpy's PCG64 bit generator, whose stream is fixed (NEP 19), are drawn in the order
of the units; the units with the smallest words test.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cleanroom.dataset.features import Feature, Matrix, as_numbers, matrix, require_lawful
from cleanroom.manifest.model import Split
from enclave.computations.matches import UNIT, place
from enclave.computations.plan import Lesson, Plan


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
    for feature in (*features, _label_as_feature(lesson)):
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
    labels = _labels(lesson, payload[source].column(column.name).take(lines[source]))
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


def _label_as_feature(lesson: Lesson) -> Feature:
    source, column = lesson.label
    return Feature(
        input=source, column=column.name, owner=lesson.owners[source], values=column.values
    )


def _labels(lesson: Lesson, column: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    if lesson.task == "regression":
        return as_numbers(column)
    values = lesson.label[1].values
    if values is None:
        return as_numbers(column).astype(np.int64)
    index = pc.index_in(column, value_set=pa.array(values, column.type))
    return as_numbers(index).astype(np.int64)
