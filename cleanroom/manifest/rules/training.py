"""Rules about training: one label, features that are numbers of known size, sensible settings.

What could go wrong with a single row at run time is excluded here or at upload: how a run ends must
not depend on which rows were joined.
"""

from collections.abc import Iterator
from decimal import Decimal

from cleanroom.errors import Problem
from cleanroom.manifest.model import (
    Column,
    EvaluationOutput,
    Manifest,
    MetricsOutput,
    Training,
    TrainLinear,
    TrainTorch,
)
from cleanroom.manifest.rules.joining import read_columns, trainings

HEAVIEST = Decimal(10) ** 6
"""Weights stay below: a weight times a label of 1e30 fits into a 32-bit float."""
LARGEST = Decimal(10) ** 30
"""Features and labels stay below: their squares fit into 64-bit, they into 32-bit floats."""
LINE_BYTES = 64
"""Of a point's numbers and of the lengths of its texts."""
LARGEST_EVALUATION = 400_000
"""In bytes, estimated; a worker writes tables of numbers below half a mebibyte."""
COMPARED = MetricsOutput | EvaluationOutput
"""Outputs that say `compare`."""
SETTINGS: dict[str, dict[str, tuple[str, str]]] = {
    "train.linear": {"l2": ("0.000000001", "1000000000")},
    "train.gbdt": {
        "l2": ("0", "1000000000"),
        "learning_rate": ("0.0001", "1"),
        "min_child_weight": ("0", "1000000000"),
        "subsample": ("0.01", "1"),
        "colsample_bytree": ("0.01", "1"),
    },
    "train.torch": {"l2": ("0", "1"), "learning_rate": ("0.000001", "1")},
}
"""The lowest and the highest value of each setting, by operation."""
ROLES = ("feature", "label", "weight")
"""What training reads besides the identities that it joins on."""


def one_label(manifest: Manifest) -> Iterator[Problem]:
    """A training reads one label, which fits its task, and at least one feature."""
    for name, training in trainings(manifest):
        read = list(_read(manifest, name, training))
        labels = [(path, column) for path, column in read if column.role == "label"]
        # rows that stand below each other have one label in each input
        wanted = len(training.inputs) if training.join == "concat" else 1
        if len(labels) != wanted:
            yield Problem(
                f"{len(labels)} columns of role label are read, expected "
                f"{'one of each input' if wanted > 1 else 'exactly one'}",
                where=f"computations.{name}.inputs",
                hint="the owner of the label gives one column the role `label`",
            )
        if not any(column.role == "feature" for _, column in read):
            yield Problem(
                "no column of role feature is read, expected at least one",
                where=f"computations.{name}.inputs",
            )
        for path, column in labels:
            fault = _fault_in_label(column, training.task)
            if fault:
                yield Problem(fault, where=path)


def features_fit(manifest: Manifest) -> Iterator[Problem]:
    """A training reads nothing but identities it joins on, features and a label, all of use."""
    for name, training in trainings(manifest):
        for path, column in _read(manifest, name, training):
            if column.role not in ROLES and column.name not in training.on:
                yield Problem(
                    f"column {column.name!r} has role {column.role!r}, expected feature, label "
                    "or weight in a training",
                    where=path,
                )
            elif column.role == "feature" and (fault := _fault_in_feature(column, training)):
                yield Problem(fault, where=path)


def weights_fit(manifest: Manifest) -> Iterator[Problem]:
    """At most one weight is read: a number within 0 and a million, bounded and never missing."""
    for name, training in trainings(manifest):
        read = list(_read(manifest, name, training))
        weights = [(path, column) for path, column in read if column.role == "weight"]
        if len(weights) > 1 and training.join != "concat":
            yield Problem(
                f"{len(weights)} columns of role weight are read, expected at most one",
                where=f"computations.{name}.inputs",
            )
        for path, column in weights:
            fault = _fault_in_weight(column)
            if fault:
                yield Problem(f"weight {column.name!r}: {fault}", where=path)


def settings_fit(manifest: Manifest) -> Iterator[Problem]:
    """A setting has one value, or a range instead; all of it is what the fit can work with."""
    for name, training in trainings(manifest):
        for field, (least, most) in SETTINGS[training.op].items():
            allowed, place = training.ranges.get(field), f"computations.{name}.{field}"
            if allowed is not None and field in training.model_fields_set:
                yield Problem(f"{field} has a value and a range, expected one of them", where=place)
            value = getattr(training, field)
            ends = [value] if allowed is None else [allowed.min, allowed.max]
            if not all(Decimal(least) <= Decimal(each) <= Decimal(most) for each in ends):
                told = " to ".join(str(each) for each in ends)
                yield Problem(f"{field} is {told}, expected {least} to {most}", where=place)


def comparisons_compare(manifest: Manifest) -> Iterator[Problem]:
    """`compare: alone` is said where features of two owners at least are read."""
    for name, training in trainings(manifest):
        owners = _owners_of_features(manifest, training)
        for output_id, output in training.outputs.items():
            if isinstance(output, COMPARED) and output.compare != "none" and len(owners) < 2:
                yield Problem(
                    "compare is alone, expected none: features of one owner are read",
                    where=f"computations.{name}.outputs.{output_id}.compare",
                )


def evaluations_are_short(manifest: Manifest) -> Iterator[Problem]:
    """The largest table that an evaluation may have is well below the limit of a table."""
    for name, training in trainings(manifest):
        labels = [each for _, each in _read(manifest, name, training) if each.role == "label"]
        values = [value for label in labels for value in label.values or ()]
        drawn = len(values) if len(values) > 2 and training.task == "classification" else 1
        owners = _owners_of_features(manifest, training)
        names = len(", ".join(owners)) + max((len(value.encode()) for value in values), default=0)
        for output_id, output in training.outputs.items():
            if isinstance(output, EvaluationOutput):
                models = 1 if output.compare == "none" else 1 + len(owners)
                size = models * drawn * output.points * (names + LINE_BYTES)
                if size > LARGEST_EVALUATION:
                    yield Problem(
                        f"the evaluation may have {models * drawn * output.points} points, about "
                        f"{size} bytes, expected at most {LARGEST_EVALUATION} bytes",
                        where=f"computations.{name}.outputs.{output_id}.points",
                    )


def _owners_of_features(manifest: Manifest, training: Training) -> list[str]:
    owners = set()
    for read in training.inputs.values():
        dataset = manifest.datasets.get(read.dataset)
        for column in dataset.columns if dataset else ():
            if dataset and column.name in read.columns and column.role == "feature":
                owners.add(dataset.owner)
    return sorted(owners)


def _fault_in_label(column: Column, task: str) -> str:
    said = f"label {column.name!r}"
    if column.nullable:
        return f"{said} may be missing, expected a column that is not nullable"
    if task == "classification":
        if column.type != "bool" and len(column.values or ()) < 2:
            return f"{said} is {column.type}, expected bool or string with values to classify"
        return ""
    if column.type == "bool":
        return f"{said} is bool, expected a number for a regression"
    fault = fault_in_number(column)
    return f"{said}: {fault}" if fault else ""


def _fault_in_weight(column: Column) -> str:
    if column.type not in ("int32", "int64", "float64"):
        return f"it is {column.type}, expected a number"
    if column.nullable:
        return "it may be missing, expected a column that is not nullable"
    bounds = [Decimal(bound) for bound in column.bounds or ()]
    if not bounds or bounds[0] < 0 or bounds[1] > HEAVIEST:
        return f"expected bounds within 0 and {HEAVIEST:f}: weights are not negative"
    return ""


def _fault_in_feature(column: Column, training: Training) -> str:
    if column.nullable and _refuses_gaps(training):
        return f"feature {column.name!r} may be missing, while the computation says missing: refuse"
    if column.type == "bool" or column.values is not None:
        return ""
    fault = fault_in_number(column)
    return f"feature {column.name!r}: {fault}" if fault else ""


def _refuses_gaps(training: Training) -> bool:
    return isinstance(training, TrainLinear | TrainTorch) and training.missing == "refuse"


def fault_in_number(column: Column) -> str:
    """Why a column's numbers could overflow a computation; empty where they cannot."""
    if column.type in ("int32", "int64"):
        return ""
    if column.type != "float64":
        return f"it is {column.type}, expected a number, or a string with values in a feature"
    if column.bounds is None or any(abs(Decimal(bound)) > LARGEST for bound in column.bounds):
        return "it is float64, expected bounds within 1e30: one row must not overflow the rest"
    return ""


def _read(manifest: Manifest, name: str, training: Training) -> Iterator[tuple[str, Column]]:
    for input_id in training.inputs:
        for column in read_columns(manifest, training, input_id):
            yield f"computations.{name}.inputs.{input_id}.columns.{column.name}", column
