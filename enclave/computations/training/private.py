"""A training that protects each unit: who tests is drawn afresh, all else is told by noisy sums.

Each unit has one line and tests by a coin of its own, which no other unit's presence changes. So it
is in one of two parts: the model costs a unit that trains (ε, δ), the test costs one that tests no
more, and together they cost it (ε, δ) (parallel composition over a random partition). The number
of units, and with it what the gate withholds, comes from the same noisy sums.
"""

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

import numpy as np

from cleanroom.dataset.features import Matrix
from cleanroom.errors import InternalError
from cleanroom.manifest.model import TrainingNoise
from enclave.computations.plan import Lesson
from enclave.computations.privacy.accounting import allowed_rho, require_within
from enclave.computations.privacy.grid import ONE, Whole, scale_of, span
from enclave.computations.privacy.lines import STEPS, NoisyLine, logistic, ridge, step_rhos
from enclave.computations.privacy.trial import StandIns, by_cells, by_moments
from enclave.computations.training.divisions import Sizes
from enclave.computations.training.examples import Examples, classes_of
from enclave.computations.training.samples import Mask
from enclave.computations.training.seen import Fitted
from enclave.computations.training.units import Numbers

COIN_BYTES = 4
"""Of each unit's coin: a percentage is met to 2^-32."""


@dataclass(frozen=True, slots=True)
class Studied:
    """What noise let through of some examples, as a `Seen`: no row, no exact number."""

    line: NoisyLine
    test: StandIns
    units: Mapping[str, int]
    """Of each owner: the noisy number of units that were learned from."""
    known: np.ndarray[Any, Any]
    """All classes, or two numbers: whether rows lacked one is not told."""

    @property
    def test_units(self) -> int:
        """The noisy number of units that tested."""
        return max(self.test.units, 0)

    @property
    def validation_units(self) -> int:
        """No unit is held back: a line has no rounds."""
        return 0

    @property
    def truth(self) -> Numbers:
        """Labels of the stand-ins."""
        return self.test.truth

    @property
    def tested(self) -> np.ndarray[Any, Any]:
        """Numbers that name the stand-ins."""
        return np.arange(len(self.test.truth))

    @property
    def worth(self) -> Numbers:
        """How many rows each stand-in is worth."""
        return self.test.worth

    def asked(self, fitted: Fitted) -> Matrix:
        """What the model says of the stand-ins."""
        del fitted
        return self.test.said

    def folds(self) -> Iterator[Self]:
        """Nobody is learned from once more: that would cost as much again.

        Raises:
            InternalError: always.
        """
        raise InternalError("folds were to be learned from with noise")

    def alone(self, owner: str) -> tuple[Self, Sizes]:
        """Nobody's rows are learned from alone: that would cost as much again.

        Raises:
            InternalError: always.
        """
        raise InternalError(f"rows of {owner!r} were to be learned from alone with noise")

    def narrowed(self, kept: Mask) -> Self:
        """Nobody's features are tried alone: that would cost as much again.

        Raises:
            InternalError: always.
        """
        raise InternalError(f"{np.count_nonzero(kept)} columns were to be tried alone with noise")


def learned(seen: Studied, lesson: Lesson, classes: list[str], names: list[str]) -> Fitted:
    """The model that was fitted already, as a `Fit`."""
    del lesson, classes, names
    return seen.line


def studied(seen: Examples, lesson: Lesson, noise: TrainingNoise) -> Studied:
    """Learn and test with noise.

    Args:
        seen: one line for each unit; who tests of them is drawn anew.
        lesson: the run's lesson.
        noise: what all of it costs.
    """
    epsilon, delta = Decimal(noise.epsilon), Decimal(noise.delta)
    rho = allowed_rho(epsilon, delta)
    scale = scale_of([column for _, column in lesson.features])
    rows = seen.every.sample
    vectors, tests = scale.vectors(rows.rows), drawn_tests(len(rows.labels), lesson)
    l2 = lesson.settings["l2"]
    if classes_of(lesson):
        labels = rows.labels.astype(np.float64)
        rhos = step_rhos(rho, int(lesson.settings.get("iterations", STEPS)))
        require_within(rhos, epsilon, delta)
        line = logistic(vectors[~tests], labels[~tests], scale=scale, l2=l2, rhos=rhos)
        test = by_cells(line, vectors[tests], labels[tests], epsilon)
    else:
        require_within([rho], epsilon, delta)
        labels, label = _numbers(rows.labels, lesson)
        line = ridge(vectors[~tests], labels[~tests], scale=scale, label=label, l2=l2, rho=rho)
        test = by_moments(line, vectors[tests], labels[tests], rho)
    return _told(line, test, lesson)


def drawn_tests(units: int, lesson: Lesson) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which units test: each by a coin of its own from the operating system's generator."""
    coins = np.frombuffer(secrets.token_bytes(COIN_BYTES * units), dtype=np.uint32)
    return np.asarray(coins < (lesson.split.test_percent << 8 * COIN_BYTES) // 100)


def _numbers(labels: Numbers, lesson: Lesson) -> tuple[Whole, tuple[float, float]]:
    """Labels between -1 and 1 in units of 2^-15, and what 0 and 1 are."""
    low, high = span(lesson.label[1])
    middle, half = (low + high) / 2, (high - low) / 2 or 1.0
    return np.clip(np.rint((labels - middle) / half * ONE), -ONE, ONE), (middle, half)


def _told(line: NoisyLine, test: StandIns, lesson: Lesson) -> Studied:
    return Studied(
        line=line,
        test=test,
        units=dict.fromkeys(lesson.owners.values(), line.units),
        known=np.arange(max(len(classes_of(lesson)), 2)),
    )
