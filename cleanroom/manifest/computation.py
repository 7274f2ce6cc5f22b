"""What a computation says in the manifest: inputs, who may run it where, and each of its outputs.

One class for each operation, below what all of them share. Shapes and safe defaults only: rules
between fields live in `rules`. Training has a module of its own, `training`.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from cleanroom.encoding import DatasetName, Name, Record
from cleanroom.ledger.loss import Loss
from cleanroom.manifest.choices import AnyRange, Range
from cleanroom.manifest.fields import Names, as_set
from cleanroom.manifest.privacy import CountNoise


class Input(Record):
    """The part of one dataset that a computation reads."""

    dataset: DatasetName
    """Which dataset."""
    columns: Annotated[list[str], AfterValidator(as_set), Field(min_length=1)]
    """The only columns a worker is allowed to decrypt."""


class Gate(Record):
    """The rule that every output passes."""

    min_group: int = Field(default=10, ge=1)
    """With fewer distinct units of any contributing owner the output is withheld; in units."""
    round_to: int = Field(default=1, ge=1, le=1_000_000)
    """Counts are rounded to the nearest multiple; rows are not affected."""


class CountOutput(Record):
    """A released number of units."""

    recipients: Names
    """Parties whose `receive` key the result is sealed to."""
    gate: Gate = Gate()
    """The rule it passes first; with `dp` the noisy count passes it, not the exact one."""
    dp: CountNoise | None = None
    """Noise that protects each single unit; without it the count is exact, but for rounding."""

    @property
    def columns(self) -> list[str]:
        """The column of the table."""
        return ["overlap"]


class RowsOutput(Record):
    """A released table of matching rows."""

    recipients: Names
    """Parties whose `receive` key the result is sealed to."""
    columns: Annotated[list[str], AfterValidator(as_set), Field(min_length=1)]
    """`<input>.<column>` for each column; an identity goes to its owner, others get pseudonyms."""
    reveals_membership: bool = False
    """Must be true: whoever receives rows learns who is in the intersection."""
    gate: Gate = Gate()
    """The rule it passes first."""
    max_rows: int = Field(ge=1, le=1_000_000_000)
    """A larger result is refused, in rows."""
    max_bytes: int = Field(default=1 << 30, ge=1024, le=1 << 40)
    """A larger sealed file is refused, in bytes."""


class Gang(Record):
    """The workers of one run."""

    role: Name
    """An entry under `workers`."""
    count: int = Field(default=1, ge=1, le=100)
    """1 runs in one process; 2 or more form a Ray cluster for this run."""


class Limits(Record):
    """How often and how long."""

    max_runs: int = Field(ge=1, le=1_000_000)
    """Runs of this computation that may be granted keys."""
    timeout_s: int = Field(default=900, ge=1, le=604_800)
    """A run that takes longer is ended, in seconds from its submission."""


class Computation(Record):
    """What every computation says, whatever its operation."""

    on: Annotated[list[str], AfterValidator(as_set), Field(min_length=1, max_length=8)]
    """Identity columns, present in every input, that together name one unit."""
    inputs: dict[Name, Input] = Field(min_length=2, max_length=32)
    """The datasets it reads, by a name of its own; the order of the names is theirs."""
    submitters: Names
    """Parties that may ask for a run."""
    workers: Gang
    """Where it runs."""
    limits: Limits
    """How often and how long it may run."""

    @property
    def ranges(self) -> Mapping[str, AnyRange]:
        """What a submitter may choose, by the parameter's name."""
        return {}

    @property
    def loss(self) -> Loss | None:
        """What one run costs of a budget; None where results have no noise: no ε bounds them."""
        return None

    @property
    def reads(self) -> Mapping[str, Input]:
        """Everything that a run needs a key for: its inputs, and a model where it uses one."""
        return self.inputs


class IntersectCount(Computation):
    """How many units are in every input."""

    op: Literal["intersect.count"]
    """The operation."""
    outputs: dict[Name, CountOutput] = Field(min_length=1, max_length=1)
    """One output: a table of one row with the column `overlap`."""

    @property
    def loss(self) -> Loss | None:
        """See `Computation.loss`."""
        return next((output.dp.loss for output in self.outputs.values() if output.dp), None)


class RowsParameters(Record):
    """What a submitter may choose for `intersect.rows`."""

    limit: Range | None = None
    """Return at most this many rows, the first in the order of the first input's keys.

    Inputs are ordered by their names."""


class IntersectRows(Computation):
    """The rows of the units that are in every input."""

    op: Literal["intersect.rows"]
    """The operation."""
    duplicates: Literal["first", "all"] = "first"
    """A unit with several rows in an input: its first row counts, or all combinations."""
    parameters: RowsParameters = RowsParameters()
    """What the submitter may choose."""
    outputs: dict[Name, RowsOutput] = Field(min_length=1, max_length=16)
    """Tables of matching rows."""

    @property
    def ranges(self) -> Mapping[str, AnyRange]:
        """See `Computation.ranges`."""
        limit = self.parameters.limit
        return {} if limit is None else {"limit": limit}
