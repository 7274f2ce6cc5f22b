"""What `train.torch` says in the manifest: a small network, all of whose shape is signed.

Layers are declared, never brought as code. Settings that shape the fit have one signed value or a
range; the order of the rows and the first weights follow from `split.seed`.
"""

from collections.abc import Mapping
from typing import Final, Literal

from pydantic import Field

from cleanroom.encoding import Record
from cleanroom.manifest.choices import AnyRange, DecimalRange, Range
from cleanroom.manifest.curve import EarlyStopping
from cleanroom.manifest.dataset import Network
from cleanroom.manifest.fields import Number
from cleanroom.manifest.training import PrivateTraining, given_ranges

MOST_LAYERS: Final = 8
"""Hidden layers of a network that is trained here."""
MOST_UNITS: Final = 1024
"""Units of each; with `MOST_LAYERS` no score overflows a 64-bit float."""
NOISY_RATE: Final = "1"
"""`learning_rate` of a network with `dp` that gives none: its steps are few, and short."""
MOST_NOISY_LAYERS: Final = 4
"""Hidden layers where each weight of each step gets noise."""
MOST_NOISY_UNITS: Final = 255
"""Units of each; sums of whole numbers stay exact."""


class TorchParameters(Record):
    """What a submitter may choose for `train.torch`."""

    epochs: Range
    """How often all training rows are gone through; with `dp` in one step each time, and each of
    them costs its share of the noise: about 80."""
    learning_rate: DecimalRange | None = None
    """Instead of the computation's own `learning_rate`."""
    l2: DecimalRange | None = None
    """Instead of the computation's own `l2`."""


class TrainTorch(PrivateTraining):
    """A small network, by torch's AdamW on the CPU; with `dp` in noisy steps that take all rows.

    Features, and the label of a regression, are brought to mean 0 and deviation 1 over the training
    rows before the fit; with `dp` these are noisy sums, too.
    """

    op: Literal["train.torch"]
    """The operation."""
    network: Network
    """The hidden layers; as many outputs follow as there are classes, or one for a number."""
    learning_rate: Number = "0.001"
    """Length of each step; 0.000001 to 1. With `dp` it is 1 where none is given."""
    l2: Number = "0.01"
    """Share of each weight that a step takes off, times the learning rate; 0 to 1."""
    batch: int = Field(default=256, ge=8, le=1 << 16)
    """Rows for each step, in an order drawn by `split.seed` for each epoch; with `dp`, all."""
    missing: Literal["refuse", "mean"] = "refuse"
    """Features may not be nullable, or a missing value counts as the mean of the training rows;
    with `dp` as the middle of its column's bounds."""
    early_stopping: EarlyStopping | None = None
    """When to stop before all epochs are over; none: never."""
    parameters: TorchParameters
    """What the submitter may choose."""

    @property
    def ranges(self) -> Mapping[str, AnyRange]:
        """See `Computation.ranges`."""
        return given_ranges(self.parameters)

    @property
    def noisy_rate(self) -> str:
        """The length of each step with `dp`."""
        return self.learning_rate if "learning_rate" in self.model_fields_set else NOISY_RATE
