"""What a run of one computation needs, read off the manifest once and handed to every task.

A plan holds names, types and limits, no rows and no keys; it can be sent to any worker of a gang.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from cleanroom.dataset.features import Feature
from cleanroom.errors import ManifestRule
from cleanroom.manifest.choices import Choice, complete
from cleanroom.manifest.model import (
    AnyDataset,
    Column,
    Computation,
    CountNoise,
    EarlyStopping,
    IntersectCount,
    IntersectRows,
    Join,
    MetricsOutput,
    ModelDataset,
    Network,
    RowsOutput,
    ScoresOutput,
    Split,
    TrainingNoise,
    TrainingOutput,
)
from enclave.computations.keys import PLAIN
from enclave.computations.release import OutputColumn, Rule


@dataclass(frozen=True, slots=True)
class InputPlan:
    """One input of a run."""

    name: str
    """The computation's name for it."""
    dataset: str
    """The dataset it reads."""
    owner: str
    """The dataset's owner."""
    keys: tuple[str, ...]
    """Columns to decrypt for the intersection."""
    payload: tuple[str, ...]
    """Columns to decrypt afterwards, for the rows of the result; may repeat keys."""


Told = tuple[str | None, Column]
"""An input and its column; no input where every input has the column, one below the other."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a training learns, how, and from how many rows."""

    task: Literal["classification", "regression"]
    """Classes or a number."""
    label: Told
    """Where the label is."""
    weight: Told | None
    """Where the weights of rows are; none: all rows count alike."""
    features: tuple[Told, ...]
    """Where each feature is; by input, then as in the dataset."""
    owners: Mapping[str, str]
    """The owner of each input."""
    split: Split
    """Which units test."""
    folds: int | None
    """Into how many parts the others are cut for cross-validation; none: no such models."""
    stopping: EarlyStopping | None
    """Which of the others validate, if any, and when growth ends."""
    settings: Mapping[str, float]
    """What the manifest signs and what the submitter chose, by field."""
    mean_for_missing: bool
    """Whether a missing value counts as the mean; otherwise the model takes it as it is."""
    max_rows: int
    """Only the first so many joined rows are used."""
    outputs: Mapping[str, TrainingOutput]
    """What each output is."""
    noise: TrainingNoise | None = None
    """What protects each unit in all outputs; none: nothing does."""
    network: Network | None = None
    """The layers of a network; of nothing else."""


@dataclass(frozen=True, slots=True)
class Scoring:
    """Which model scores, and what it takes of the lines."""

    model: InputPlan
    """The model: an input without keys, whose one payload column is its bytes."""
    dataset: ModelDataset
    """What the manifest says about it."""
    features: tuple[Feature, ...]
    """In the model's order."""
    sources: tuple[str, ...]
    """The input that brings each feature."""
    rows: str | None
    """The input whose owner gets scores; None for an evaluation."""
    label: tuple[str, Column] | None
    """For an evaluation: the input of the label, and its column."""
    most: int
    """No more lines than this can be of use."""
    outputs: Mapping[str, ScoresOutput | MetricsOutput]
    """What each output is."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A run of one computation."""

    op: str
    """The operation, an entry of `registry.operations`."""
    inputs: tuple[InputPlan, ...]
    """In the order of their names, which is also the order of rows in the result."""
    rules: tuple[Rule, ...]
    """One for each output."""
    duplicates: Literal["first", "all"] = "first"
    """What becomes of a unit with several rows in an input."""
    limit: int | None = None
    """Return at most so many lines; none asked for: all."""
    join: Join = "inner"
    """Which units give lines."""
    left: int = 0
    """For a left join, the number of the input whose units all do."""
    lesson: Lesson | None = None
    """For a training: what is learned from the lines."""
    noise: Mapping[str, CountNoise] = field(default_factory=dict)
    """For a count: the noise of each output that has some."""
    scoring: Scoring | None = None
    """For a prediction or an evaluation: what scores the lines."""

    @property
    def reads(self) -> tuple[InputPlan, ...]:
        """Everything that the run needs a key for."""
        return self.inputs if self.scoring is None else (*self.inputs, self.scoring.model)

    @property
    def most(self) -> int:
        """No more lines than this can be of use; of rows, one more shows there are too many."""
        if self.lesson is not None:
            return self.lesson.max_rows
        if self.scoring is not None:
            return self.scoring.most
        capacity = max(rule.max_rows for rule in self.rules) + 1
        return capacity if self.limit is None else min(self.limit, capacity)


def plan_count(
    computation: IntersectCount,
    datasets: Mapping[str, AnyDataset],
    parameters: Mapping[str, Choice],
) -> Plan:
    """Plan `intersect.count`; it has no parameters.

    Raises:
        ManifestRule: an input names a dataset or column that is not there.
        ParameterOutOfRange: a parameter was given.
    """
    chosen_parameters(computation, parameters)
    rules = tuple(
        Rule(
            output=name,
            recipients=tuple(output.recipients),
            columns=(OutputColumn("overlap", PLAIN["int64"], owner="", count=True),),
            min_group=output.gate.min_group,
            round_to=output.gate.round_to,
            max_rows=1,
            max_bytes=1 << 16,
            aggregate=True,
        )
        for name, output in sorted(computation.outputs.items())
    )
    noise = {name: output.dp for name, output in computation.outputs.items() if output.dp}
    return Plan("intersect.count", plan_inputs(computation, datasets, {}), rules, noise=noise)


def plan_rows(
    computation: IntersectRows, datasets: Mapping[str, AnyDataset], parameters: Mapping[str, Choice]
) -> Plan:
    """Plan `intersect.rows`.

    Raises:
        ManifestRule: an input or output names a dataset or column that is not there.
        ParameterOutOfRange: `limit` is missing, unknown here, or outside its signed range.
    """
    outputs = sorted(computation.outputs.items())
    wanted: dict[str, set[str]] = {}
    for _, output in outputs:
        for name in output.columns:
            source, _, column = name.partition(".")
            wanted.setdefault(source, set()).add(column)
    inputs = plan_inputs(computation, datasets, wanted)
    limit = chosen_parameters(computation, parameters).get("limit")
    return Plan(
        "intersect.rows",
        inputs,
        tuple(_rows_rule(name, output, inputs, datasets) for name, output in outputs),
        computation.duplicates,
        None if limit is None else int(limit),
    )


def plan_inputs(
    computation: Computation,
    datasets: Mapping[str, AnyDataset],
    wanted: Mapping[str, set[str]],
) -> tuple[InputPlan, ...]:
    """The inputs in the order of their names, each with its `wanted` columns as payload.

    Raises:
        ManifestRule: an input names a dataset or column that is not there.
    """
    planned = []
    for name, source in sorted(computation.inputs.items()):
        dataset = datasets.get(source.dataset)
        payload = sorted(wanted.get(name, ()))
        if dataset is None or not {*computation.on, *payload} <= set(source.columns):
            raise ManifestRule(f"input {name!r} has no such dataset or columns in this manifest")
        planned.append(
            InputPlan(name, source.dataset, dataset.owner, tuple(computation.on), tuple(payload))
        )
    if not set(wanted) <= set(computation.inputs):
        raise ManifestRule("an output column names an input that the computation does not have")
    return tuple(planned)


def _rows_rule(
    name: str,
    output: RowsOutput,
    inputs: tuple[InputPlan, ...],
    datasets: Mapping[str, AnyDataset],
) -> Rule:
    if not output.reveals_membership:
        raise ManifestRule(f"output {name!r} of rows does not say reveals_membership: true")
    by_name = {planned.name: planned for planned in inputs}
    columns = []
    for full_name in output.columns:
        source, _, column = full_name.partition(".")
        found = _column(datasets[by_name[source].dataset], column)
        columns.append(
            OutputColumn(
                full_name,
                PLAIN[found.type],
                by_name[source].owner,
                identity=found.role == "identity",
            )
        )
    return Rule(
        output=name,
        recipients=tuple(output.recipients),
        columns=tuple(columns),
        min_group=output.gate.min_group,
        round_to=output.gate.round_to,
        max_rows=output.max_rows,
        max_bytes=output.max_bytes,
        aggregate=False,
    )


def _column(dataset: AnyDataset, name: str) -> Column:
    for column in dataset.columns:
        if column.name == name:
            return column
    raise ManifestRule(f"column {name!r} is not in the dataset of this manifest")


def chosen_parameters(
    computation: Computation, parameters: Mapping[str, Choice]
) -> dict[str, Choice]:
    """Every parameter of the computation, as chosen or by its default.

    Raises:
        ParameterOutOfRange: one is missing, unknown here, or outside its signed range.
    """
    return complete(computation.ranges, parameters)
