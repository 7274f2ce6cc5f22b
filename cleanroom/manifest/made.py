"""What a training leaves in the room: a dataset that nobody declares, described by the training.

Whoever trains has said it all: task, classes, features and layers follow from the columns that are
read. Such a dataset is the room's own and is called `<computation>.<output>`; no name has a dot, so
it is mistaken for no other. It is made of any well-formed manifest, even one that breaks rules.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from cleanroom.encoding import Name
from cleanroom.manifest.computation import Computation
from cleanroom.manifest.dataset import (
    Allow,
    AnyDataset,
    Column,
    ModelDataset,
    ModelFeature,
    Network,
)
from cleanroom.manifest.fields import as_set
from cleanroom.manifest.networks import TrainTorch
from cleanroom.manifest.prediction import Prediction
from cleanroom.manifest.training import ModelOutput, TrainGbdt, Training

ROOM = "room"
"""Who owns and gets a model that stays; where one is, no party has this name."""
KINDS: tuple[Literal["bool", "int32", "int64", "float64", "string"], ...] = (
    "bool",
    "int32",
    "int64",
    "float64",
    "string",
)
"""Types that a feature may have."""
LARGEST = 1 << 30
"""No model is longer, whatever its output allows; in bytes."""


class Use(Allow):
    """What all parties allow by signing: a model that nobody names is used by nobody."""

    computations: Annotated[list[Name], AfterValidator(as_set)]
    """Computations that name it."""
    max_releases: int = Field(ge=0)
    """Runs that these may have together."""


class MadeModel(ModelDataset):
    """A model that a training leaves in the room."""

    features: list[ModelFeature]
    """What was learned from, however many columns; none where rules are broken."""


def made(
    computations: Mapping[str, Computation], declared: Mapping[str, AnyDataset]
) -> dict[str, MadeModel]:
    """The datasets of models that stay, but for those that are kept as a declared one.

    Args:
        computations: all of a manifest.
        declared: the datasets that the manifest declares.
    """
    return {
        (name := f"{computation}.{output_id}"): described(
            training, output, declared, consent(name, computations)
        )
        for computation, training in computations.items()
        if isinstance(training, Training)
        for output_id, output in training.outputs.items()
        if isinstance(output, ModelOutput) and output.stays and output.kept_as is None
    }


def described(
    training: Training, output: ModelOutput, declared: Mapping[str, AnyDataset], allow: Allow
) -> MadeModel:
    """What a training's model is, in the words of a dataset that is declared.

    Args:
        training: what learns it.
        output: how it stays.
        declared: the datasets that the manifest declares.
        allow: what may use it.
    """
    read = list(learned_columns(training, declared))
    return MadeModel(
        kind="model",
        owner=ROOM,
        format="xgboost-ubj" if isinstance(training, TrainGbdt) else "cleanroom",
        task=training.task,
        classes=_classes(training, [column for column, _ in read]),
        features=[_feature(*each) for each in read if each[0].role == "feature"],
        network=_layers(training),
        max_bytes=min(output.max_bytes, LARGEST),
        allow=allow,
    )


def consent(dataset: str, computations: Mapping[str, Computation]) -> Use:
    """What all parties allow by signing: the computations that name a dataset, and their runs."""
    users = [
        name
        for name, computation in computations.items()
        if isinstance(computation, Prediction) and computation.model.dataset == dataset
    ]
    runs = sum(computations[name].limits.max_runs for name in users)
    return Use(computations=sorted(users), max_releases=runs)


def learned_columns(
    training: Training, declared: Mapping[str, AnyDataset]
) -> Iterator[tuple[Column, bool]]:
    """What is learned from, in the order of the matrix, and whether a value of it may be missing.

    By the inputs' names, then as in their datasets; of inputs below each other as the first has it.
    """
    by_input = {name: _read(training, name, declared) for name in sorted(training.inputs)}
    for name, columns in by_input.items():
        gaps = training.join == "left" and name != training.left
        for column in columns:
            if training.join == "concat":
                same = (c for each in by_input.values() for c in each if c.name == column.name)
                gaps = any(each.nullable for each in same)
            yield column, gaps or column.nullable
        if training.join == "concat":
            return


def _read(training: Training, name: str, declared: Mapping[str, AnyDataset]) -> list[Column]:
    read = training.inputs[name]
    dataset = declared.get(read.dataset)
    return [c for c in dataset.columns if c.name in read.columns] if dataset else []


def _classes(training: Training, read: list[Column]) -> list[str]:
    label = next((column for column in read if column.role == "label"), None)
    if label is None or training.task == "regression":
        return []
    return ["false", "true"] if label.values is None else list(label.values)


def _feature(column: Column, gaps: bool) -> ModelFeature:  # noqa: FBT001 - from `learned_columns`
    return ModelFeature(
        name=column.name,
        # other types are no features, which the rules about training say
        type=next((kind for kind in KINDS if kind == column.type), "string"),
        values=column.values,
        nullable=gaps,
    )


def _layers(training: Training) -> Network | None:
    return training.network if isinstance(training, TrainTorch) else None
