"""The plan of a training of any model, read off the manifest once.

Names, settings and the columns of each output; no rows, and nothing that has to be fitted.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

import pyarrow as pa

from cleanroom.errors import ManifestRule
from cleanroom.manifest.choices import Choice
from cleanroom.manifest.keeping import addressees
from cleanroom.manifest.model import (
    AnyDataset,
    AnyTraining,
    Column,
    MetricsOutput,
    ModelOutput,
    PrivateTraining,
    TrainGbdt,
    TrainingOutput,
    TrainLinear,
    TrainTorch,
)
from enclave.computations.plan import Lesson, Plan, Told, chosen_parameters, plan_inputs
from enclave.computations.release import OutputColumn, Rule

TABLE_BYTES = 1 << 19
"""Tables of metrics and importances are shorter than this, in bytes; the room takes twice that."""
ROLES = ("label", "weight", "feature")
"""What a training reads besides identities."""
SHAPES: dict[str, tuple[tuple[str, pa.DataType], ...]] = {
    "metrics": (("metric", pa.large_string()), ("value", pa.float64())),
    "comparison": (
        ("owners", pa.large_string()),
        ("metric", pa.large_string()),
        ("value", pa.float64()),
    ),
    "evaluation": (
        ("owners", pa.large_string()),
        ("class", pa.large_string()),
        *((name, pa.float64()) for name in ("share", "tpr", "fpr", "said", "found")),
    ),
    "curve": (
        ("round", pa.int64()),
        ("metric", pa.large_string()),
        ("part", pa.large_string()),
        ("value", pa.float64()),
    ),
    "importance": (
        ("owner", pa.large_string()),
        ("column", pa.large_string()),
        ("share", pa.float64()),
    ),
    "model": (("description", pa.large_string()), ("booster", pa.large_binary())),
}
"""Columns of each kind of output; metrics that are compared have one more."""


def shape_of(output: TrainingOutput) -> tuple[tuple[str, pa.DataType], ...]:
    """The columns of an output."""
    compares = isinstance(output, MetricsOutput) and output.compare == "alone"
    return SHAPES["comparison" if compares else output.kind]


def plan_training(
    computation: AnyTraining,
    datasets: Mapping[str, AnyDataset],
    parameters: Mapping[str, Choice],
) -> Plan:
    """Plan a training.

    Raises:
        ManifestRule: an input names a dataset or column that is not there, or there is no label.
        ParameterOutOfRange: a parameter is missing, unknown, or outside its signed range.
    """
    read = list(_read(computation, datasets))
    wanted: dict[str, set[str]] = {}
    for source, column in read:
        wanted.setdefault(source, set()).add(column.name)
    inputs = plan_inputs(computation, datasets, wanted)
    told = stacked(read, len(inputs)) if computation.join == "concat" else read
    labels, weights, features = (
        tuple(each for each in told if each[1].role == role) for role in ROLES
    )
    if len(labels) != 1 or not features:
        raise ManifestRule("a training needs exactly one label and at least one feature")
    lesson = Lesson(
        task=computation.task,
        label=labels[0],
        weight=weights[0] if weights else None,
        features=features,
        owners={planned.name: planned.owner for planned in inputs},
        split=computation.split,
        folds=computation.folds,
        stopping=None if isinstance(computation, TrainLinear) else computation.early_stopping,
        settings={**_settings(computation), **_numbers(computation, parameters)},
        mean_for_missing=not isinstance(computation, TrainGbdt) and computation.missing == "mean",
        max_rows=computation.max_rows,
        outputs=dict(computation.outputs),
        noise=computation.dp if isinstance(computation, PrivateTraining) else None,
        network=computation.network if isinstance(computation, TrainTorch) else None,
    )
    rules = tuple(_rule(name, output) for name, output in sorted(computation.outputs.items()))
    left = [planned.name for planned in inputs].index(computation.left or inputs[0].name)
    return Plan(
        computation.op,
        inputs,
        rules,
        computation.duplicates,
        join=computation.join,
        left=left,
        lesson=lesson,
    )


def stacked(read: Sequence[tuple[str, Column]], inputs: int) -> list[Told]:
    """The columns that all inputs have, once, as the first has them and as wide as any.

    Raises:
        ManifestRule: an input lacks one of them.
    """
    found: list[Told] = []
    for source, column in read:
        same = [each for _, each in read if each.name == column.name]
        if len(same) != inputs:
            raise ManifestRule(f"column {column.name!r} is not read by every input")
        if source == read[0][0]:
            widest = {"nullable": any(each.nullable for each in same), "bounds": _bounds(same)}
            found.append((None, column.model_copy(update=widest)))
    return found


def _bounds(columns: Sequence[Column]) -> list[str] | None:
    """The lowest and the highest number that any of the columns allows."""
    given = [column.bounds for column in columns if column.bounds is not None]
    if len(given) < len(columns):
        return None
    lowest, highest = zip(*given, strict=True)
    return [min(lowest, key=Decimal), max(highest, key=Decimal)]


def _read(
    computation: AnyTraining, datasets: Mapping[str, AnyDataset]
) -> Iterator[tuple[str, Column]]:
    """What is learned from, in the order of the inputs' names, then of the dataset's columns."""
    for name, source in sorted(computation.inputs.items()):
        dataset = datasets.get(source.dataset)
        for column in dataset.columns if dataset else ():
            if column.name in source.columns and column.role in ROLES:
                yield name, column


SETTINGS = ("l2", "learning_rate", "min_child_weight", "subsample", "colsample_bytree", "batch")
"""What has one signed value, or a range."""


def _settings(computation: AnyTraining) -> dict[str, float]:
    fields = type(computation).model_fields
    said = {name: getattr(computation, name) for name in SETTINGS if name in fields}
    if isinstance(computation, TrainTorch) and computation.dp is not None:
        said["learning_rate"] = computation.noisy_rate
    return {name: float(value) for name, value in said.items()}


def _numbers(computation: AnyTraining, parameters: Mapping[str, Choice]) -> dict[str, float]:
    chosen = chosen_parameters(computation, parameters)
    return {name: float(value) for name, value in chosen.items()}


def _rule(name: str, output: TrainingOutput) -> Rule:
    decimals = None if isinstance(output, ModelOutput) else output.decimals
    return Rule(
        output=name,
        recipients=tuple(addressees(output)),
        columns=tuple(
            OutputColumn(
                column, kind, owner="", decimals=decimals if kind == pa.float64() else None
            )
            for column, kind in shape_of(output)
        ),
        min_group=output.gate.min_group,
        round_to=output.gate.round_to,
        max_rows=1 << 20,
        max_bytes=output.max_bytes if isinstance(output, ModelOutput) else TABLE_BYTES,
        aggregate=False,
    )
