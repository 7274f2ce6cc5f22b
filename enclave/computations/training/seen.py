"""What a training asks of examples and of models, wherever the rows are.

One process holds them as `examples.Examples`, a gang as `spread.Spread`; what judges a model takes
either and never a row to learn from. Roles only: nothing here computes.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, Self, TypeVar

import numpy as np

from cleanroom.dataset.features import Matrix
from cleanroom.dataset.model_file import LinearPart
from cleanroom.dataset.network_part import NetworkPart
from enclave.computations.plan import Lesson
from enclave.computations.training.divisions import Sides
from enclave.computations.training.rounds import Measured
from enclave.computations.training.samples import Mask
from enclave.computations.training.units import Numbers


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
        """Trees as UBJ, or layers as safetensors; empty for a linear model."""
        ...

    @property
    def network(self) -> NetworkPart | None:
        """What of the model is no layer, if it is a network."""
        ...

    @property
    def measured(self) -> tuple[Measured, ...]:
        """How it went, round by round; of a fit without rounds nothing."""
        ...


class Seen(Protocol):
    """Examples, wherever their rows are: what a test of a model needs of them."""

    @property
    def units(self) -> Mapping[str, int]:
        """Units of each owner, as the gate counts them."""
        ...

    @property
    def test_units(self) -> int:
        """Units of the rows that test, as the gate counts them."""
        ...

    @property
    def validation_units(self) -> int:
        """Units of the rows that validate, as the gate counts them."""
        ...

    @property
    def known(self) -> np.ndarray[Any, Any]:
        """Different labels of training rows with a weight; of numbers least and greatest do."""
        ...

    @property
    def truth(self) -> np.ndarray[Any, Any]:
        """The labels of the rows that test, in the joined order."""
        ...

    @property
    def tested(self) -> np.ndarray[Any, Any]:
        """The units of the rows that test, as numbers, in the same order."""
        ...

    @property
    def worth(self) -> Numbers | None:
        """The weights of the rows that test, in the same order; None where all count alike."""
        ...

    def asked(self, fitted: Fitted) -> Matrix:
        """What a model says of the rows that test, in the same order."""
        ...

    def folds(self) -> Iterator[Self]:
        """The rows that do not test, cut as often as the lesson says; in each some of them do."""
        ...

    def narrowed(self, kept: Mask) -> Self:
        """The same examples with some of the matrix's columns."""
        ...

    def alone(self, owner: str) -> tuple[Self, Sides]:
        """The same examples, of which only this owner's rows train and validate."""
        ...


S = TypeVar("S", bound=Seen)
Fit = Callable[[S, Lesson, list[str], list[str]], Fitted]
"""How to learn: from examples, a lesson, classes and the names of the matrix's columns."""
