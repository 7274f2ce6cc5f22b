"""What prediction says in the manifest: whose model, over whose rows, and what its answers tell.

Neither side sees the other's asset: the model stays in the room, scores go to the owner of the
rows alone. What a caller may learn of the model is bounded by a budget in rows.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from cleanroom.encoding import DatasetName, Name, Record
from cleanroom.manifest.computation import Computation, Gate, Input, Limits
from cleanroom.manifest.fields import MOST_ENTRIES, as_set
from cleanroom.manifest.training import MetricsOutput

MODEL = "model"
"""How the model stands among what a run reads, and the name of its one column."""


class ModelSource(Record):
    """Which model is used."""

    dataset: DatasetName
    """A dataset of kind `model`, or `<computation>.<output>` of a training whose model stays."""


class Prediction(Computation):
    """What `predict` and `evaluate` share: a model, and rows that have its features.

    A feature is the column of its name and of role `feature`, in whichever table is read.
    """

    inputs: dict[Name, Input] = Field(min_length=1, max_length=32)
    """The tables it reads; several are joined on `on`, and only units of all of them count."""
    model: ModelSource
    """Which model."""

    @property
    def reads(self) -> Mapping[str, Input]:
        """See `Computation.reads`."""
        return {**self.inputs, MODEL: Input(dataset=self.model.dataset, columns=[MODEL])}


class PredictionLimits(Limits):
    """How often, how long, and for how many rows."""

    max_rows_per_submitter: int = Field(ge=1, le=10_000_000_000)
    """Rows that one submitter may have scored in all runs; each run costs all rows of `rows`."""


class ScoresOutput(Record):
    """What a model says of each row, for the owner of the rows."""

    recipients: Annotated[list[Name], AfterValidator(as_set), Field(min_length=1, max_length=1)]
    """The owner of the input `rows`, and nobody else."""
    columns: Annotated[
        list[str], AfterValidator(as_set), Field(min_length=1, max_length=MOST_ENTRIES)
    ]
    """`<rows>.<column>` of an identity that is compared; `class`, the likeliest, or
    `probability.<class>`; of a regression `value`."""
    reveals_membership: bool = False
    """Must be true where tables are joined: who gets a score is in all of them."""
    gate: Gate = Gate()
    """The rule it passes first."""
    decimals: int = Field(default=3, ge=0, le=9)
    """Probabilities and values are rounded to so many decimals."""
    max_rows: int = Field(ge=1, le=1_000_000_000)
    """A larger result is refused, in rows."""
    max_bytes: int = Field(default=1 << 30, ge=1024, le=1 << 40)
    """A larger sealed file is refused, in bytes."""


class Predict(Prediction):
    """A model's answer for every unit, to the owner of the rows."""

    op: Literal["predict"]
    """The operation."""
    rows: Name
    """The input whose rows get scores: a name under `inputs`."""
    limits: PredictionLimits
    """How often, how long, and for how many rows it may run."""
    outputs: dict[Name, ScoresOutput] = Field(min_length=1, max_length=16)
    """Tables of scores."""


class Evaluate(Prediction):
    """How well a model does on units whose label is known."""

    op: Literal["evaluate"]
    """The operation."""
    outputs: dict[Name, MetricsOutput] = Field(min_length=1, max_length=16)
    """Tables of metrics, as of a training; all units test."""
