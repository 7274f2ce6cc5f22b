"""Rules about training with noise: one unit, one line, of a length that is signed.

The noise of a training hides a unit only if it changes every sum by no more than the bounds say,
and if no other unit's part in it depends on that unit being there.
"""

from collections.abc import Iterator

from cleanroom.errors import Problem
from cleanroom.manifest.model import (
    Column,
    ImportanceOutput,
    Manifest,
    MetricsOutput,
    ModelOutput,
    PrivateTraining,
    TrainTorch,
)
from cleanroom.manifest.networks import MOST_NOISY_LAYERS, MOST_NOISY_UNITS
from cleanroom.manifest.rules.joining import read_columns, trainings

MOST_COLUMNS = 255
"""Of a matrix: sums of whole numbers stay exact, and noise grows with each."""
NOISY = MetricsOutput | ImportanceOutput | ModelOutput
"""Outputs that are made of noisy sums."""
NUMBERS = ("int32", "int64", "float64")
"""Types that need bounds."""


def units_count_once(manifest: Manifest) -> Iterator[Problem]:
    """With `dp` each unit has one line that no other unit moves: inner join, first row, no cut."""
    for name, training in _private(manifest):
        place = f"computations.{name}"
        if training.join != "inner":
            yield Problem(
                f"join is {training.join}, expected inner with dp: a unit must be in one line, "
                "and nowhere without it",
                where=f"{place}.join",
            )
        if training.duplicates != "first":
            yield Problem(
                f"duplicates is {training.duplicates}, expected first with dp: a unit with many "
                "rows would weigh more than its noise hides",
                where=f"{place}.duplicates",
            )
        yield from _nobody_is_cut_off(manifest, name, training)
        if "seed" in training.split.model_fields_set:
            yield Problem(
                "seed is given, expected none with dp: each unit tests by a fresh coin of its own, "
                "for a seeded order moves when a unit is added",
                where=f"{place}.split.seed",
            )
        if training.workers.count != 1:
            yield Problem(
                f"count is {training.workers.count}, expected 1 with dp: noise is drawn once, "
                "in one process",
                where=f"{place}.workers.count",
            )


def sizes_are_signed(manifest: Manifest) -> Iterator[Problem]:
    """With `dp` every number has bounds, a label two classes, and δ is above 0."""
    for name, training in _private(manifest):
        width = 0
        for input_id in training.inputs:
            for column in read_columns(manifest, training, input_id):
                width += len(column.values or ("one",)) if column.role == "feature" else 0
                fault = _fault_in(column, training)
                if fault:
                    place = f"computations.{name}.inputs.{input_id}.columns.{column.name}"
                    yield Problem(f"column {column.name!r}: {fault}", where=place)
        if width > MOST_COLUMNS:
            yield Problem(
                f"features make {width} columns, expected at most {MOST_COLUMNS} with dp: noise "
                "grows with each",
                where=f"computations.{name}.inputs",
            )
        if training.dp is not None and not float(training.dp.delta):
            yield Problem(
                "delta is 0, expected more: Gaussian noise never costs ε alone",
                where=f"computations.{name}.dp.delta",
                hint="well below one in the number of units, such as 0.000000001",
            )


def outputs_have_noise(manifest: Manifest) -> Iterator[Problem]:
    """With `dp` nothing leaves that has no noise: no points of curves, no comparison, no fold."""
    for name, training in _private(manifest):
        if training.folds is not None:
            yield Problem(
                f"folds is {training.folds}, expected none with dp: each would cost as much again",
                where=f"computations.{name}.folds",
            )
        for output_id, output in training.outputs.items():
            path = f"computations.{name}.outputs.{output_id}"
            if not isinstance(output, NOISY):
                yield Problem(
                    f"kind is {output.kind}, expected metrics, importance or model with dp: "
                    "others have no noise",
                    where=path,
                )
            elif isinstance(output, MetricsOutput) and output.compare != "none":
                yield Problem(
                    f"compare is {output.compare}, expected none with dp: each model would cost "
                    "as much again",
                    where=f"{path}.compare",
                )


def noisy_networks_step_whole(manifest: Manifest) -> Iterator[Problem]:
    """With `dp` a network has at most 4 layers of 255 units, and each step takes all rows."""
    for name, training in _private(manifest):
        if not isinstance(training, TrainTorch):
            continue
        place, hidden = f"computations.{name}", training.network.hidden
        if len(hidden) > MOST_NOISY_LAYERS or max(hidden, default=0) > MOST_NOISY_UNITS:
            yield Problem(
                f"hidden is {len(hidden)} layers of up to {max(hidden, default=0)} units, expected "
                f"at most {MOST_NOISY_LAYERS} of {MOST_NOISY_UNITS} with dp: noise grows with each",
                where=f"{place}.network.hidden",
            )
        if "batch" in training.model_fields_set:
            yield Problem(
                f"batch is {training.batch}, expected none with dp: each step takes all rows",
                where=f"{place}.batch",
            )
        if training.early_stopping is not None:
            yield Problem(
                "early_stopping is given, expected none with dp: each look at who validates would "
                "cost as much again",
                where=f"{place}.early_stopping",
            )


def _private(manifest: Manifest) -> Iterator[tuple[str, PrivateTraining]]:
    for name, training in trainings(manifest):
        if isinstance(training, PrivateTraining) and training.dp is not None:
            yield name, training


def _nobody_is_cut_off(
    manifest: Manifest, name: str, training: PrivateTraining
) -> Iterator[Problem]:
    """Who is beyond `max_rows` would come in when somebody before leaves."""
    known = (manifest.datasets.get(read.dataset) for read in training.inputs.values())
    most = min((dataset.rows.max for dataset in known if dataset is not None), default=0)
    if training.max_rows < most:
        yield Problem(
            f"max_rows is {training.max_rows}, expected at least {most} with dp, the rows.max of "
            "the smallest input: nobody may be cut off because of others",
            where=f"computations.{name}.max_rows",
        )


def _fault_in(column: Column, training: PrivateTraining) -> str:
    if column.role == "weight":
        return "role is weight, expected none with dp: a row would count more than its noise hides"
    if column.role not in ("feature", "label"):
        return ""
    if column.type in NUMBERS and column.bounds is None:
        return "it has no bounds, expected some with dp: they say how much one row may weigh"
    if (
        column.role == "label"
        and training.task == "classification"
        and len(column.values or ()) > 2
    ):
        return f"it has {len(column.values or ())} values, expected two with dp"
    return ""
