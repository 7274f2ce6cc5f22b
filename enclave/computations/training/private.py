"""A training that protects each unit: who tests is drawn afresh, all else is told by noisy sums.

Each unit has one line and tests by a coin of its own, which no other unit's presence changes. So it
is in one of two parts: the model costs a unit that trains (ε, δ), the test costs one that tests no
more, and together they cost it (ε, δ) (parallel composition over a random partition). The number
of units, and with it what the gate withholds, comes from the same noisy sums.
"""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

import numpy as np

from cleanroom.dataset.features import Matrix
from cleanroom.errors import ComputationFailed, InternalError
from cleanroom.manifest.model import TrainingNoise
from enclave.computations.plan import Lesson
from enclave.computations.privacy.accounting import allowed_rho, require_within, step_rhos
from enclave.computations.privacy.descent import (
    SHARE_OF_SPREADS,
    Declared,
    NoisyNetwork,
    descend,
)
from enclave.computations.privacy.grid import ONE, Scale, Whole, scale_of, span
from enclave.computations.privacy.lines import (
    SHARE_OF_MOMENTS,
    STEPS,
    NoisyLine,
    logistic,
    ridge,
)
from enclave.computations.privacy.trial import StandIns, by_cells, by_moments
from enclave.computations.training.divisions import Sides
from enclave.computations.training.examples import Examples, classes_of
from enclave.computations.training.networks import Learned
from enclave.computations.training.samples import Mask, Sample
from enclave.computations.training.seen import Fitted
from enclave.computations.training.units import Numbers

COIN_BYTES = 4
"""Of each unit's coin: a percentage is met to 2^-32."""


@dataclass(frozen=True, slots=True)
class Brought:
    """Rows as whole numbers."""

    vectors: Whole
    """From `Scale.vectors`."""
    labels: Whole
    """Classes 0 and 1, or numbers between -1 and 1, in units of 2^-15."""
    scale: Scale
    """Of the vectors."""
    label: tuple[float, float]
    """What 0 and 1 are in units of the label; 0 and 1 for a classification."""

    def chosen(self, which: Mask) -> "Brought":
        """Only the rows for which this says true."""
        return Brought(self.vectors[which], self.labels[which], self.scale, self.label)


@dataclass(frozen=True, slots=True)
class Studied:
    """What noise let through of some examples, as a `Seen`: no row, no exact number."""

    fitted: Fitted
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
        """No unit is held back: nothing is stopped early."""
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

    def alone(self, owner: str) -> tuple[Self, Sides]:
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
    return seen.fitted


def studied(seen: Examples, lesson: Lesson, noise: TrainingNoise) -> Studied:
    """Learn and test with noise.

    Args:
        seen: one line for each unit; who tests of them is drawn anew.
        lesson: the run's lesson.
        noise: what all of it costs.
    """
    epsilon, delta = Decimal(noise.epsilon), Decimal(noise.delta)
    rho = allowed_rho(epsilon, delta)
    rhos = require_within(_rhos(rho, lesson), epsilon, delta)
    brought = _brought(seen.every.sample, lesson)
    tests = drawn_tests(len(brought.labels), lesson)
    fit = _fitted_line if lesson.network is None else _fitted_network
    model, fitted = fit(brought.chosen(~tests), lesson, rhos)
    testing = brought.chosen(tests)
    if classes_of(lesson):
        test = by_cells(model, testing.vectors, testing.labels / ONE, epsilon)
    else:
        test = by_moments(model, testing.vectors, testing.labels, rho)
    return Studied(
        fitted=fitted,
        test=test,
        units=dict.fromkeys(lesson.owners.values(), model.units),
        known=np.arange(max(len(classes_of(lesson)), 2)),
    )


def _rhos(rho: float, lesson: Lesson) -> list[float]:
    """What each draw of a fit may cost."""
    if lesson.network is not None:
        return step_rhos(rho, int(lesson.settings["epochs"]), SHARE_OF_SPREADS)
    if classes_of(lesson):
        steps = int(lesson.settings.get("iterations", STEPS))
        return step_rhos(rho, steps, SHARE_OF_MOMENTS)
    return [rho]


def _fitted_line(
    brought: Brought, lesson: Lesson, rhos: Sequence[float]
) -> tuple[NoisyLine, Fitted]:
    vectors, labels, scale = brought.vectors, brought.labels, brought.scale
    l2 = lesson.settings["l2"]
    if classes_of(lesson):
        line = logistic(vectors, labels / ONE, scale=scale, l2=l2, rhos=rhos)
    else:
        line = ridge(vectors, labels, scale=scale, label=brought.label, l2=l2, rho=rhos[0])
    return line, line


def _fitted_network(
    brought: Brought, lesson: Lesson, rhos: Sequence[float]
) -> tuple[NoisyNetwork, Fitted]:
    if lesson.network is None:
        raise ComputationFailed("a network has no layers")
    declared = Declared(
        network=lesson.network,
        task=lesson.task,
        label=brought.label,
        rate=lesson.settings["learning_rate"],
        l2=lesson.settings["l2"],
        seed=lesson.split.seed,
    )
    noisy = descend(
        brought.vectors, brought.labels, scale=brought.scale, declared=declared, rhos=rhos
    )
    return noisy, Learned(noisy.model, ())


def drawn_tests(units: int, lesson: Lesson) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which units test: each by a coin of its own from the operating system's generator."""
    coins = np.frombuffer(secrets.token_bytes(COIN_BYTES * units), dtype=np.uint32)
    return np.asarray(coins < (lesson.split.test_percent << 8 * COIN_BYTES) // 100)


def _brought(sample: Sample, lesson: Lesson) -> Brought:
    """All rows and labels as whole numbers, by signed bounds alone."""
    scale = scale_of([column for _, column in lesson.features])
    vectors, labels = scale.vectors(sample.rows), sample.labels
    if classes_of(lesson):
        return Brought(vectors, labels.astype(np.float64) * ONE, scale, (0.0, 1.0))
    low, high = span(lesson.label[1])
    middle, half = (low + high) / 2, (high - low) / 2 or 1.0
    numbers = np.clip(np.rint((labels - middle) / half * ONE), -ONE, ONE)
    return Brought(vectors, numbers, scale, (middle, half))
