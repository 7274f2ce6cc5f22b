"""Rules about models that stay in the room: they are what their dataset says, and used by it."""

from collections.abc import Iterator

from cleanroom.errors import Problem
from cleanroom.manifest.keeping import ROOM, makers
from cleanroom.manifest.model import (
    AnyComputation,
    Column,
    Manifest,
    ModelDataset,
    ModelFeature,
    ModelOutput,
    TrainGbdt,
)


def models_go_somewhere(manifest: Manifest) -> Iterator[Problem]:
    """A model that is output has recipients, or a dataset that it is kept as, alone."""
    seen: dict[str, str] = {}
    for path, _, output in _outputs(manifest):
        if not output.recipients and output.kept_as is None:
            yield Problem(
                "the model has neither recipients nor a dataset that it is kept as",
                where=f"{path}.recipients",
            )
        if output.kept_as is not None and seen.setdefault(output.kept_as, path) != path:
            yield Problem(
                f"{output.kept_as!r} is made by {seen[output.kept_as]} already",
                where=f"{path}.kept_as",
            )


def kept_models_fit(manifest: Manifest) -> Iterator[Problem]:
    """A model is kept as a dataset of its very task, classes and features; trees only."""
    for path, computation, output in _outputs(manifest):
        if output.kept_as is None:
            continue
        dataset = manifest.datasets.get(output.kept_as)
        if not isinstance(dataset, ModelDataset):
            yield Problem(
                f"{output.kept_as!r} is no dataset of kind `model`", where=f"{path}.kept_as"
            )
        elif not isinstance(computation, TrainGbdt) or computation.join == "concat":
            yield Problem(
                "the model is not of `train.gbdt` over tables beside each other, which alone stays",
                where=f"{path}.kept_as",
            )
        elif fault := _fault(manifest, computation, dataset):
            yield Problem(f"the model is kept as {output.kept_as!r}, {fault}", f"{path}.kept_as")


def nobody_is_the_room(manifest: Manifest) -> Iterator[Problem]:
    """Where a model is kept, no party is named `room`."""
    if makers(manifest) and ROOM in manifest.parties:
        yield Problem(f"a party is named {ROOM!r}, which keeps a model", where=f"parties.{ROOM}")


def _fault(manifest: Manifest, computation: TrainGbdt, dataset: ModelDataset) -> str:
    read = list(_read(manifest, computation))
    features = [_feature(column) for column in read if column.role == "feature"]
    label = next((column for column in read if column.role == "label"), None)
    classes = ["false", "true"]
    if label is None or computation.task == "regression":
        classes = []
    elif label.values is not None:
        classes = list(label.values)
    if dataset.format != "xgboost-ubj" or dataset.task != computation.task:
        return f"which is {dataset.format} for a {dataset.task}"
    if dataset.classes != classes:
        return f"which has classes {dataset.classes}, expected {classes}"
    if list(map(_outline, dataset.features)) != list(map(_outline, features)):
        expected = ", ".join(feature.name for feature in features)
        return f"whose features are not the training's, in its order: {expected}"
    return ""


def _feature(column: Column) -> ModelFeature:
    kind = {"date32": "string", "timestamp": "string"}.get(column.type, column.type)
    return ModelFeature.from_plain({"name": column.name, "type": kind, "values": column.values})


def _outline(feature: ModelFeature) -> tuple[str, str, tuple[str, ...]]:
    return feature.name, feature.type, tuple(feature.values or ())


def _read(manifest: Manifest, computation: TrainGbdt) -> Iterator[Column]:
    """In the order of the training's matrix: inputs by name, then the dataset's columns."""
    for _, read in sorted(computation.inputs.items()):
        dataset = manifest.datasets.get(read.dataset)
        for column in dataset.columns if dataset else ():
            if column.name in read.columns:
                yield column


def _outputs(manifest: Manifest) -> Iterator[tuple[str, AnyComputation, ModelOutput]]:
    for name, computation in manifest.computations.items():
        for output_id, output in computation.outputs.items():
            if isinstance(output, ModelOutput):
                yield f"computations.{name}.outputs.{output_id}", computation, output
