"""What training says in the manifest: which model over which joined rows, and what leaves of it.

Features and the label are columns of that role. The parties' rows stand beside each other, as in
`intersect.rows`, or below each other. Whatever shapes the model is signed here: what a submitter
may choose has a range, everything else has one value.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from cleanroom.encoding import Name, Record
from cleanroom.ledger.loss import Loss
from cleanroom.manifest.choices import AnyRange, DecimalRange, Range
from cleanroom.manifest.computation import Computation, Gate
from cleanroom.manifest.curve import CurveOutput, EarlyStopping
from cleanroom.manifest.evaluation import Compare, EvaluationOutput
from cleanroom.manifest.fields import MOST_ENTRIES, Names, Number, as_set
from cleanroom.manifest.privacy import TrainingNoise

Join = Literal["inner", "left", "concat"]
"""Beside each other, only what matches or one input whole; or below each other."""


class Split(Record):
    """Which units are learned from, and which only test the model."""

    test_percent: int = Field(default=25, ge=5, le=50)
    """This share of the joined units tests, rounded to the nearest unit; all others train."""
    seed: int = Field(default=1, ge=0, le=1 << 53)
    """Units are drawn by it and by their place in the joined order, never by their values."""


class MetricsOutput(Record):
    """How well the model does on units that it did not learn from."""

    kind: Literal["metrics"]
    """A table of `metric` and `value`; with a comparison of `owners`, `metric` and `value`."""
    recipients: Names
    """Parties whose `receive` key the result is sealed to."""
    gate: Gate = Gate()
    """The rule it passes first."""
    decimals: int = Field(default=3, ge=0, le=6)
    """Values are rounded to so many decimals."""
    min_test: int = Field(default=100, ge=1)
    """With fewer units in the test part the metrics are withheld; in units."""
    compare: Compare = "none"
    """Whether the metrics of each owner's features, or rows, alone stand beside the joint ones."""

    @property
    def columns(self) -> list[str]:
        """The columns of the table."""
        return ["metric", "value"] if self.compare == "none" else ["owners", "metric", "value"]


class ImportanceOutput(Record):
    """How much each party's columns matter to the model."""

    kind: Literal["importance"]
    """A table of `owner`, `column` and `share`; the shares add up to about 1."""
    recipients: Names
    """Parties whose `receive` key the result is sealed to."""
    gate: Gate = Gate()
    """The rule it passes first."""
    decimals: int = Field(default=3, ge=0, le=6)
    """Shares are rounded to so many decimals."""

    @property
    def columns(self) -> list[str]:
        """The columns of the table."""
        return ["owner", "column", "share"]


class ModelOutput(Record):
    """The trained model itself, in formats that run nothing: JSON, and UBJ or safetensors."""

    kind: Literal["model"]
    """Without such an output the model ends with the run."""
    recipients: Annotated[list[Name], AfterValidator(as_set)] = Field(
        default=[], max_length=MOST_ENTRIES
    )
    """Parties whose `receive` key the model is sealed to; they may keep and use it for ever.

    Without any it stays sealed in the room, for computations that name it."""
    kept_as: Name | None = None
    """The declared dataset of kind `model` whose versions such models become.

    Without it, and without recipients, they become those of the dataset `<computation>.<output>`,
    which nobody declares."""
    gate: Gate = Gate()
    """The rule it passes first."""
    max_bytes: int = Field(default=1 << 24, ge=1024, le=1 << 32)
    """A larger sealed file is refused, in bytes."""

    @property
    def columns(self) -> list[str]:
        """The columns of the table."""
        return ["description", "booster"]

    @property
    def stays(self) -> bool:
        """Whether it is sealed in the room: always, unless it goes to recipients alone."""
        return self.kept_as is not None or not self.recipients


TrainingOutput = Annotated[
    MetricsOutput | EvaluationOutput | CurveOutput | ImportanceOutput | ModelOutput,
    Field(discriminator="kind"),
]
"""Any output of a training."""


class Training(Computation):
    """What every training says."""

    task: Literal["classification", "regression"]
    """Classes of a truth value or of listed texts, or a number."""
    join: Join = "inner"
    """The rows of units that every input has, all of the `left` input, or of all inputs."""
    left: Name | None = None
    """For `join: left` the input whose units all count; what others lack of them is missing."""
    duplicates: Literal["first", "all"] = "first"
    """A unit with several rows in an input: its first row counts, or all combinations.

    With `join: concat`, the first of all its rows, in the order of the inputs' names, or each."""
    split: Split = Split()
    """Which units test."""
    folds: int | None = Field(default=None, ge=2, le=20)
    """Cuts the units that do not test into so many parts, each told by a model of the others.

    Metrics then have their mean and standard deviation over the parts, too."""
    max_rows: int = Field(default=10_000_000, ge=1, le=1_000_000_000)
    """Only the first so many rows are used, in the order of the first, or left, input's rows; with
    `join: concat` in the order of the inputs' names, then of their rows."""
    outputs: dict[Name, TrainingOutput] = Field(min_length=1, max_length=16)
    """What leaves; each of the kinds may be there several times, for other recipients."""


class PrivateTraining(Training):
    """A training that may have noise."""

    dp: TrainingNoise | None = None
    """Noise that protects each single unit, in all outputs together."""

    @property
    def loss(self) -> Loss | None:
        """See `Computation.loss`."""
        return None if self.dp is None else self.dp.loss


class LinearParameters(Record):
    """What a submitter may choose for `train.linear`."""

    iterations: Range | None = None
    """At most so many steps of the solver of a classification; 1,000 where no range is given.

    With `dp` exactly so many, and 20 where none is given: noise is shared between the steps."""
    l2: DecimalRange | None = None
    """Instead of the computation's own `l2`."""


class TrainLinear(PrivateTraining):
    """Logistic regression for classes, ridge regression for numbers.

    Features are brought to mean 0 and deviation 1 over the training rows before the fit; with `dp`
    to numbers between -1 and 1 by their bounds.
    """

    op: Literal["train.linear"]
    """The operation."""
    l2: Number = "1"
    """Weight of the squared coefficients in the loss; above 0."""
    missing: Literal["refuse", "mean"] = "refuse"
    """Features may not be nullable, or a missing value counts as the mean of the training rows;
    with `dp` as the middle of its column's bounds."""
    parameters: LinearParameters = LinearParameters()
    """What the submitter may choose."""

    @property
    def ranges(self) -> Mapping[str, AnyRange]:
        """See `Computation.ranges`."""
        return given_ranges(self.parameters)


class GbdtParameters(Record):
    """What a submitter may choose for `train.gbdt`."""

    rounds: Range
    """Trees of each class."""
    max_depth: Range
    """Levels of each tree."""
    learning_rate: DecimalRange | None = None
    """Instead of the computation's own `learning_rate`; as of all that follow."""
    l2: DecimalRange | None = None
    """Weight of the squared leaves."""
    min_child_weight: DecimalRange | None = None
    """Least sum of second derivatives in a leaf."""
    subsample: DecimalRange | None = None
    """Share of the rows for each tree."""
    colsample_bytree: DecimalRange | None = None
    """Share of the columns for each tree."""


class TrainGbdt(Training):
    """Gradient-boosted trees (XGBoost, `hist`); a missing value takes the branch that fits best."""

    op: Literal["train.gbdt"]
    """The operation."""
    learning_rate: Number = "0.3"
    """Weight of each tree; 0.0001 to 1."""
    l2: Number = "1"
    """Weight of the squared leaves in the loss, not negative."""
    min_child_weight: Number = "1"
    """Least sum of second derivatives in a leaf, not negative; higher values smooth."""
    subsample: Number = "1"
    """Each tree is grown on this share of the rows, drawn by `split.seed`; 0.01 to 1."""
    colsample_bytree: Number = "1"
    """Each tree is grown on this share of the columns, drawn likewise; 0.01 to 1."""
    early_stopping: EarlyStopping | None = None
    """When to stop before all rounds are grown; none: never."""
    parameters: GbdtParameters
    """What the submitter may choose."""

    @property
    def ranges(self) -> Mapping[str, AnyRange]:
        """See `Computation.ranges`."""
        return given_ranges(self.parameters)


def given_ranges(parameters: Record) -> dict[str, AnyRange]:
    """The ranges that were given, by their parameters' names."""
    ranges = {name: getattr(parameters, name) for name in type(parameters).model_fields}
    return {name: allowed for name, allowed in ranges.items() if allowed is not None}
