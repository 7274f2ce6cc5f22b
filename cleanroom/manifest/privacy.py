"""Differential privacy in the manifest: a dataset's budget, and the noise that results get.

A dataset says what may become known about one unit, over all runs for ever; a computation says
what noise its results get and what that costs. Shapes only: the noise itself is the workers'
business, and what was spent is counted in the log.
"""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from cleanroom.encoding import Record
from cleanroom.ledger.loss import Amount, Loss
from cleanroom.manifest.fields import as_set


class Privacy(Record):
    """What may become known about one unit of a dataset, over all runs of the lineage, for ever."""

    unit: Annotated[list[str], AfterValidator(as_set), Field(min_length=1, max_length=8)]
    """Identity columns that together name one unit: all of its rows are protected together."""
    epsilon: Amount
    """The ε of all runs together; nothing refills it."""
    delta: Amount = "0"
    """The δ of all runs together."""

    @property
    def limit(self) -> Loss:
        """The whole budget."""
        return Loss.of(Decimal(self.epsilon), Decimal(self.delta))


class CountNoise(Record):
    """Noise of a released count: a unit more or less changes it by one at most."""

    mechanism: Literal["laplace"]
    """The discrete Laplace distribution, of scale 1/ε."""
    epsilon: Amount
    """The ε of each run."""

    @property
    def loss(self) -> Loss:
        """What one run costs."""
        return Loss.of(Decimal(self.epsilon), Decimal(0))


class TrainingNoise(Record):
    """Noise of everything that leaves a training: model, importance, metrics, what is withheld."""

    mechanism: Literal["gaussian"]
    """The discrete Gaussian distribution, on sums of whole numbers."""
    epsilon: Amount
    """The ε of each run."""
    delta: Amount
    """The δ of each run; above 0, and well below one in the number of units."""

    @property
    def loss(self) -> Loss:
        """What one run costs."""
        return Loss.of(Decimal(self.epsilon), Decimal(self.delta))
