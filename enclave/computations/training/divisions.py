"""What each joined row is for in each fit of a training: to learn from, to test, or to stop by.

Units are divided, and rows follow them: no unit ever does two of these in one fit, whatever its
rows. The units and the owners of the lines are all that is looked at, so that one process and the
driver of a gang divide alike; no value of any column is seen.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from cleanroom.errors import ComputationFailed
from enclave.computations.matches import UNIT, place
from enclave.computations.plan import Lesson, Plan
from enclave.computations.training.drawing import drawn, held_back, test_units
from enclave.computations.training.samples import Mask, some
from enclave.computations.training.units import Numbers, count, numbered

RESTS, LEARNS, TESTS, VALIDATES = range(4)
"""What a row is for in one fit; one that rests is not looked at."""
Roles = np.ndarray[Any, np.dtype[np.int8]]
"""What rows are for: one of the four, for each fit and row."""


@dataclass(frozen=True, slots=True)
class Divisions:
    """Every fit of a training, with the rows of each."""

    unit: Numbers
    """Which unit each row is about, from 0."""
    roles: Roles
    """By fits and rows: first the joint fit, then the folds, then each owner of `owners`."""
    owners: Mapping[str, Mask]
    """Whose rows these are; nobody's where no owner's rows are learned from alone."""


class Sides(NamedTuple):
    """What a fit on one owner's rows is about, of the owner and of others."""

    learned: int
    """The owner's units that it learned from, as the gate counts them."""
    tested: int
    """Units that test: the owner's, or those of others, whichever are fewer."""
    own: Mask
    """Which of the rows that test are the owner's."""


@dataclass(frozen=True, slots=True)
class Divided:
    """The joined rows without their columns, as one fit divides them."""

    divisions: Divisions
    weights: Numbers | None
    """How much each row counts; None where all count alike."""
    units: Mapping[str, int]
    """Units of each owner, as the gate counts them."""
    fit: int = 0
    """Which of the fits."""

    @property
    def roles(self) -> Roles:
        """What each row is for."""
        return np.asarray(self.divisions.roles[self.fit])

    @property
    def test_units(self) -> int:
        """Units of the rows that test, as the gate counts them."""
        return self._counted(self.roles == TESTS)

    @property
    def validation_units(self) -> int:
        """Units of the rows that validate, as the gate counts them."""
        return self._counted(self.roles == VALIDATES)

    @property
    def tested(self) -> Numbers:
        """The units of the rows that test."""
        return np.asarray(self.divisions.unit[self.roles == TESTS])

    @property
    def worth(self) -> Numbers | None:
        """The weights of the rows that test."""
        return some(self.weights, self.roles == TESTS)

    def folds(self) -> Iterator["Divided"]:
        """The rows that do not test, cut into parts of which each tests once."""
        for fit in range(1, len(self.divisions.roles) - len(self.divisions.owners)):
            yield replace(self, fit=fit)

    def alone(self, owner: str) -> tuple["Divided", Sides]:
        """The same rows, of which only the owner's train and validate.

        Raises:
            ComputationFailed: no fit was planned for this owner's rows.
        """
        owners = list(self.divisions.owners)
        if owner not in owners:
            raise ComputationFailed("a fit was not planned")
        own = replace(self, fit=len(self.divisions.roles) - len(owners) + owners.index(owner))
        whose, tests = self.divisions.owners[owner], own.roles == TESTS
        tested = min(self._counted(tests & whose), self._counted(tests & ~whose))
        return own, Sides(self._counted(own.roles == LEARNS), tested, whose[tests])

    def _counted(self, which: Mask) -> int:
        return count(self.divisions.unit[which], some(self.weights, which))


def divisions(plan: Plan, lesson: Lesson, found: pa.Table) -> Divisions:
    """Draw who tests, who validates and who trains, for every fit.

    Args:
        plan: the run's plan.
        lesson: its lesson.
        found: the lines of the join.
    """
    known, unit = numbered(found.column(UNIT).to_numpy())
    tests = test_units(known, lesson.split)
    joint = _roles(tests, held_back(~tests, lesson))
    fits = [each[unit] for each in (joint, *_folds(tests, lesson))]
    owners = _owners(plan, found) if _compares_rows(plan, lesson) else {}
    fits += [np.where(whose | (fits[0] == TESTS), fits[0], RESTS) for whose in owners.values()]
    return Divisions(unit, np.stack(fits).astype(np.int8), owners)


def _roles(tests: Mask, validates: Mask) -> Roles:
    """What units are for, of which some test and some validate."""
    return np.select([tests, validates], [TESTS, VALIDATES], LEARNS).astype(np.int8)


def _folds(tests: Mask, lesson: Lesson) -> Iterator[Roles]:
    """What units are for, once for each part of those that do not test."""
    if lesson.folds is None:
        return
    order = drawn(len(tests), lesson.split)
    among = order[~tests[order]]
    part = np.full(len(order), -1)
    part[among] = np.arange(len(among)) % lesson.folds
    for number in range(lesson.folds):
        own = part == number
        roles = _roles(own, held_back(~tests & ~own, lesson))
        roles[tests] = RESTS
        yield roles


def _compares_rows(plan: Plan, lesson: Lesson) -> bool:
    outputs = lesson.outputs.values()
    compares = any(getattr(output, "compare", "none") == "alone" for output in outputs)
    return compares and plan.join == "concat"


def _owners(plan: Plan, found: pa.Table) -> dict[str, Mask]:
    """Whose rows stacked lines are, by the owners' names in order."""
    whose: dict[str, Mask] = {}
    for number, planned in sorted(enumerate(plan.inputs), key=lambda each: each[1].owner):
        own = found.column(place(number)).is_valid().to_numpy()
        whose[planned.owner] = own | whose.get(planned.owner, np.zeros_like(own))
    return whose
