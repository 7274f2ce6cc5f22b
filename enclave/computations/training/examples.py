"""Joined rows as examples: a matrix of features, labels as numbers, and who learns or tests.

Whole inputs are judged before the join is looked at: a row that breaks a rule ends the run whether
or not it matched anybody, so that how a run ends says nothing about the intersection.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cleanroom.dataset.features import Feature, Matrix, as_numbers, matrix, require_lawful
from enclave.computations.matches import UNIT
from enclave.computations.plan import Lesson, Plan
from enclave.computations.training.columns import Payload, feature_of, joined, whole
from enclave.computations.training.drawing import drawn, held_back, test_units
from enclave.computations.training.seen import Fitted, Seen
from enclave.computations.training.units import Numbers, count, units_by_owner


@dataclass(frozen=True, slots=True)
class Sample:
    """Some rows with their labels."""

    rows: Matrix
    """Rows by matrix columns; NaN where a value is missing."""
    labels: Numbers
    """Numbers of classes, `int64`, or numbers, `float64`."""
    weights: Numbers | None
    """How much each row counts, `float64`, not negative; None where all count alike."""

    def chosen(self, which: np.ndarray[Any, np.dtype[np.bool_]]) -> "Sample":
        """Only the rows for which this says true."""
        weights = None if self.weights is None else self.weights[which]
        return Sample(self.rows[which], self.labels[which], weights)

    @property
    def counting(self) -> "Sample":
        """Only the rows with a weight above 0."""
        return self if self.weights is None else self.chosen(self.weights > 0)


@dataclass(frozen=True, slots=True)
class Examples:
    """All that a fit sees; rows in the joined order."""

    every: Sample
    """All rows."""
    tests: np.ndarray[Any, np.dtype[np.bool_]]
    """Which rows test."""
    validates: np.ndarray[Any, np.dtype[np.bool_]]
    """Which rows say when to stop; those that do neither train."""
    unit: np.ndarray[Any, np.dtype[np.int64]]
    """Which unit each row is about, from 0."""
    units: Mapping[str, int]
    """Units of each owner, as the gate counts them."""
    test_units: int
    """Units of the rows that test, as the gate counts them."""
    validation_units: int
    """Units of the rows that validate, as the gate counts them."""

    @property
    def training(self) -> Sample:
        """What to learn from."""
        return self.every.chosen(~(self.tests | self.validates))

    @property
    def validation(self) -> Sample:
        """What says when to stop."""
        return self.every.chosen(self.validates)

    @property
    def testing(self) -> Sample:
        """What the fit must not see."""
        return self.every.chosen(self.tests)

    @property
    def known(self) -> np.ndarray[Any, Any]:
        """See `Seen`."""
        return np.unique(self.training.counting.labels)

    @property
    def truth(self) -> np.ndarray[Any, Any]:
        """The labels of the rows that test."""
        return self.testing.labels

    @property
    def worth(self) -> Numbers | None:
        """The weights of the rows that test."""
        return self.testing.weights

    @property
    def tested(self) -> np.ndarray[Any, Any]:
        """The units of the rows that test."""
        return np.asarray(self.unit[self.tests])

    def folds(self, lesson: Lesson) -> Iterator["Examples"]:
        """See `Seen`."""
        rest = self.every.chosen(~self.tests)
        unit = self.unit[~self.tests]
        order = drawn(int(self.unit.max(initial=-1)) + 1, lesson.split)
        among = order[np.isin(order, unit)]
        fold = np.full(len(order), -1)
        fold[among] = np.arange(len(among)) % (lesson.folds or 1)
        for number in range(lesson.folds or 0):
            tests = fold == number
            held = held_back((fold >= 0) & ~tests, lesson)
            yield replace(
                self,
                every=rest,
                tests=tests[unit],
                validates=held[unit],
                unit=unit,
                test_units=count(unit[tests[unit]], _of(rest.weights, tests[unit])),
                validation_units=count(unit[held[unit]], _of(rest.weights, held[unit])),
            )

    def narrowed(self, kept: np.ndarray[Any, np.dtype[np.bool_]]) -> "Examples":
        """The same examples with some of the matrix's columns."""
        rows = np.ascontiguousarray(self.every.rows[:, kept])
        return replace(self, every=replace(self.every, rows=rows))

    def asked(self, fitted: Fitted) -> Matrix:
        """What a model says of the rows that test."""
        return fitted.predict(self.testing.rows)


def features_of(lesson: Lesson) -> list[Feature]:
    """The features in the order of the matrix."""
    return [feature_of(lesson, told) for told in lesson.features]


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
    payload: Payload,
    dtype: type[np.floating[Any]],
) -> Examples:
    """Put the joined rows together.

    Args:
        plan: the run's plan.
        lesson: its lesson.
        found: the lines of the join.
        payload: features, labels and weights of each input, all rows in order.
        dtype: of the matrix.

    Raises:
        DataMismatch: some row of an input, joined or not, breaks its column's rules.
    """
    weighed = () if lesson.weight is None else (lesson.weight,)
    for told in (*lesson.features, lesson.label, *weighed):
        for column in whole(payload, told):
            require_lawful(feature_of(lesson, told), column)
    # all inputs are lawful: nothing below fails for what matched
    features = {
        feature_of(lesson, told).name: joined(plan, found, payload, told)
        for told in lesson.features
    }
    labels = labels_of(lesson, joined(plan, found, payload, lesson.label))
    weights = [as_numbers(joined(plan, found, payload, told)) for told in weighed]
    every = Sample(
        matrix(features_of(lesson), features, dtype), labels, weights[0] if weights else None
    )
    return _divided(plan, lesson, found, every)


def _divided(plan: Plan, lesson: Lesson, found: pa.Table, every: Sample) -> Examples:
    """The rows with who tests and who validates, and units counted."""
    known, unit = np.unique(found.column(UNIT).to_numpy(), return_inverse=True)
    tests = test_units(len(known), lesson.split)
    validates = held_back(~tests, lesson)
    return Examples(
        every,
        tests=tests[unit],
        validates=validates[unit],
        unit=unit,
        units=units_by_owner(plan, found, every.weights),
        test_units=count(unit[tests[unit]], _of(every.weights, tests[unit])),
        validation_units=count(unit[validates[unit]], _of(every.weights, validates[unit])),
    )


def teaches(seen: Seen, lesson: Lesson) -> bool:
    """Whether training rows hold every class, or two different numbers, and some others stop."""
    if lesson.stopping is not None and not seen.validation_units:
        return False
    return len(seen.known) >= max(len(classes_of(lesson)), 2)


def _of(weights: Numbers | None, rows: np.ndarray[Any, np.dtype[np.bool_]]) -> Numbers | None:
    return None if weights is None else weights[rows]


def labels_of(lesson: Lesson, column: pa.ChunkedArray) -> np.ndarray[Any, Any]:
    """Labels as numbers of classes, `int64`, or as numbers, `float64`."""
    if lesson.task == "regression":
        return as_numbers(column)
    values = lesson.label[1].values
    if values is None:
        return as_numbers(column).astype(np.int64)
    index = pc.index_in(column, value_set=pa.array(values, column.type))
    return as_numbers(index).astype(np.int64)
