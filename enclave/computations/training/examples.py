"""Joined rows as examples: a matrix of features, labels as numbers, and who learns or tests.

Whole inputs are judged before the join is looked at: a row that breaks a rule ends the run whether
or not it matched anybody, so that how a run ends says nothing about the intersection.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from cleanroom.dataset.features import Feature, Matrix, require_lawful
from enclave.computations.plan import Lesson, Plan
from enclave.computations.training.columns import Payload, arranged, feature_of, whole
from enclave.computations.training.divisions import (
    LEARNS,
    TESTS,
    VALIDATES,
    Divided,
    Sides,
    divisions,
)
from enclave.computations.training.samples import Arranged, Mask, Sample
from enclave.computations.training.seen import Fitted, Seen
from enclave.computations.training.units import Numbers, different, units_by_owner


@dataclass(frozen=True, slots=True)
class Examples:
    """All that a fit sees."""

    every: Arranged
    """All rows."""
    divided: Divided
    """What each of them is for."""

    @property
    def training(self) -> Sample:
        """What to learn from."""
        return self.every.chosen(self.divided.roles == LEARNS)

    @property
    def validation(self) -> Sample:
        """What says when to stop."""
        return self.every.chosen(self.divided.roles == VALIDATES)

    @property
    def testing(self) -> Sample:
        """What the fit must not see."""
        return self.every.chosen(self.divided.roles == TESTS)

    @property
    def units(self) -> Mapping[str, int]:
        """See `Seen`."""
        return self.divided.units

    @property
    def test_units(self) -> int:
        """See `Seen`."""
        return self.divided.test_units

    @property
    def validation_units(self) -> int:
        """See `Seen`."""
        return self.divided.validation_units

    @property
    def known(self) -> np.ndarray[Any, Any]:
        """See `Seen`."""
        return different(self.training.counting.labels)

    @property
    def truth(self) -> np.ndarray[Any, Any]:
        """See `Seen`."""
        return self.testing.labels

    @property
    def tested(self) -> np.ndarray[Any, Any]:
        """See `Seen`."""
        return self.divided.tested

    @property
    def worth(self) -> Numbers | None:
        """See `Seen`."""
        return self.divided.worth

    def folds(self) -> Iterator["Examples"]:
        """See `Seen`."""
        for divided in self.divided.folds():
            yield replace(self, divided=divided)

    def narrowed(self, kept: Mask) -> "Examples":
        """See `Seen`."""
        return replace(self, every=self.every.narrowed(kept))

    def alone(self, owner: str) -> tuple["Examples", Sides]:
        """See `Seen`."""
        divided, sides = self.divided.alone(owner)
        return replace(self, divided=divided), sides

    def asked(self, fitted: Fitted) -> Matrix:
        """See `Seen`."""
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
) -> Examples:
    """Put the joined rows together.

    Args:
        plan: the run's plan.
        lesson: its lesson.
        found: the lines of the join.
        payload: features, labels and weights of each input, all rows in order.

    Raises:
        DataMismatch: some row of an input, joined or not, breaks its column's rules.
    """
    weighed = () if lesson.weight is None else (lesson.weight,)
    for told in (*lesson.features, lesson.label, *weighed):
        for column in whole(payload, told):
            require_lawful(feature_of(lesson, told), column)
    # all inputs are lawful: nothing below fails for what matched
    fits = divisions(plan, lesson, found)
    every = arranged(plan, lesson, found, payload, fits.roles[0])
    units = units_by_owner(plan, found, every.weights)
    return Examples(every, Divided(fits, every.weights, units))


def teaches(seen: Seen, lesson: Lesson) -> bool:
    """Whether training rows hold every class, or two different numbers, and some others stop."""
    if lesson.stopping is not None and not seen.validation_units:
        return False
    return len(seen.known) >= max(len(classes_of(lesson)), 2)
