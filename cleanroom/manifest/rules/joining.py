"""Rules about how a training puts rows together: which input is whole, and which are alike.

A missing match is told apart from a missing value nowhere: what a left join leaves open is a value
like any other that is missing, so the model must be able to do without.
"""

from collections.abc import Iterator

from cleanroom.errors import Problem
from cleanroom.manifest.model import (
    AnyTraining,
    Column,
    Manifest,
    Training,
    TrainLinear,
    TrainTorch,
)

SHARED = ("feature", "label", "weight")
"""Roles that every input of a `concat` brings alike."""


def left_is_whole(manifest: Manifest) -> Iterator[Problem]:
    """`join: left` names the `left` input, which brings label and weight; no other join does."""
    for name, training in trainings(manifest):
        place = f"computations.{name}.left"
        if training.join != "left":
            if training.left is not None:
                yield Problem(f"left is given while join is {training.join}, expected none", place)
        elif training.left not in training.inputs:
            yield Problem(
                f"left is {training.left!r}, expected one of {', '.join(sorted(training.inputs))}",
                where=place,
                hint="name the input whose units all count",
            )
        else:
            yield from _needed_on_the_left(manifest, name, training)


def gaps_are_filled(manifest: Manifest) -> Iterator[Problem]:
    """A linear model, or a network, over `join: left` says `missing: mean`."""
    for name, training in trainings(manifest):
        if not isinstance(training, TrainLinear | TrainTorch) or training.join != "left":
            continue
        if training.missing == "refuse":
            yield Problem(
                "missing is refuse while join is left, expected mean: features of units that do "
                "not match are missing",
                where=f"computations.{name}.missing",
            )


def inputs_are_alike(manifest: Manifest) -> Iterator[Problem]:
    """With `join: concat` every input brings the same columns, by name, role and kind."""
    for name, training in trainings(manifest):
        if training.join != "concat":
            continue
        first, *others = sorted(training.inputs)
        model = _kinds(manifest, training, first)
        for other in others:
            found = _kinds(manifest, training, other)
            for column in sorted(model.keys() | found.keys()):
                if model.get(column) != found.get(column):
                    yield Problem(
                        f"column {column!r} is {found.get(column, 'not read')} here and "
                        f"{model.get(column, 'not read')} in {first!r}, expected the same",
                        where=f"computations.{name}.inputs.{other}.columns",
                        hint="rows of all inputs stand below each other",
                    )


def trainings(manifest: Manifest) -> Iterator[tuple[str, AnyTraining]]:
    """Every training, by its name."""
    for name, computation in manifest.computations.items():
        if isinstance(computation, AnyTraining):
            yield name, computation


def read_columns(manifest: Manifest, training: Training, input_id: str) -> Iterator[Column]:
    """The columns that one input of a training reads, as its dataset has them."""
    read = training.inputs[input_id]
    dataset = manifest.datasets.get(read.dataset)
    for column in dataset.columns if dataset else ():
        if column.name in read.columns:
            yield column


def _needed_on_the_left(manifest: Manifest, name: str, training: Training) -> Iterator[Problem]:
    for input_id in sorted(training.inputs):
        for column in read_columns(manifest, training, input_id):
            if column.role in ("label", "weight") and input_id != training.left:
                yield Problem(
                    f"{column.role} {column.name!r} is brought by {input_id!r}, expected by "
                    f"{training.left!r}: every unit of it counts",
                    where=f"computations.{name}.inputs.{input_id}.columns.{column.name}",
                )


def _kinds(manifest: Manifest, training: Training, input_id: str) -> dict[str, str]:
    """Role, type and values of what an input brings, in words."""
    return {
        column.name: " ".join([column.role, column.type, *_listed(column)])
        for column in read_columns(manifest, training, input_id)
        if column.role in SHARED
    }


def _listed(column: Column) -> list[str]:
    return [] if column.values is None else [f"of {', '.join(column.values)}"]
