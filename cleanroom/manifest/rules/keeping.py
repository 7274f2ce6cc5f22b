"""Rules about models that stay in the room: they are what their dataset says, and used by it."""

from collections.abc import Iterator

from cleanroom.errors import Problem
from cleanroom.manifest.keeping import ROOM, makers
from cleanroom.manifest.made import described
from cleanroom.manifest.model import AnyTraining, Manifest, ModelDataset, ModelFeature, ModelOutput
from cleanroom.manifest.rules.joining import trainings
from cleanroom.manifest.rules.names import outline


def models_are_kept_once(manifest: Manifest) -> Iterator[Problem]:
    """A dataset has the models of one output."""
    seen: dict[str, str] = {}
    for path, _, output in _outputs(manifest):
        if output.kept_as is not None and seen.setdefault(output.kept_as, path) != path:
            yield Problem(
                f"{output.kept_as!r} is made by {seen[output.kept_as]} already",
                where=f"{path}.kept_as",
            )


def kept_models_fit(manifest: Manifest) -> Iterator[Problem]:
    """A model is kept as a dataset of its very format, task, classes, features and layers."""
    for path, training, output in _outputs(manifest):
        if output.kept_as is None:
            continue
        dataset = manifest.declared.get(output.kept_as)
        if not isinstance(dataset, ModelDataset):
            yield Problem(
                f"{output.kept_as!r} is no dataset of kind `model`", where=f"{path}.kept_as"
            )
            continue
        model = described(training, output, manifest.declared, dataset.allow)
        if fault := _fault(dataset, model):
            yield Problem(f"the model is kept as {output.kept_as!r}, {fault}", f"{path}.kept_as")


def features_are_told_apart(manifest: Manifest) -> Iterator[Problem]:
    """Features of a model that stays have names of their own: columns are found by them later."""
    for dataset, (name, output_id) in makers(manifest).items():
        model, seen = manifest.datasets.get(dataset), dict[str, str]()
        if not isinstance(model, ModelDataset) or dataset in manifest.declared:
            continue
        for feature in model.features:
            other = seen.get(outline(feature.name))
            if other is not None:
                yield Problem(
                    f"the model stays while its feature {feature.name!r} repeats or looks like "
                    f"{other!r} of another input, expected names of their own",
                    where=f"computations.{name}.outputs.{output_id}",
                    hint="rename a column, or let the model go to recipients",
                )
            seen.setdefault(outline(feature.name), feature.name)


def nobody_is_the_room(manifest: Manifest) -> Iterator[Problem]:
    """Where a model is kept, no party is named `room`."""
    if makers(manifest) and ROOM in manifest.parties:
        yield Problem(f"a party is named {ROOM!r}, which keeps a model", where=f"parties.{ROOM}")


def _fault(dataset: ModelDataset, model: ModelDataset) -> str:
    """How a declared dataset differs from what a training makes; empty where it does not."""
    if (dataset.format, dataset.task) != (model.format, model.task):
        expected = f"{model.format} for a {model.task}"
        return f"which is {dataset.format} for a {dataset.task}, expected {expected}"
    if dataset.classes != model.classes:
        return f"which has classes {dataset.classes}, expected {model.classes}"
    if list(map(_outline, dataset.features)) != list(map(_outline, model.features)):
        expected = ", ".join(feature.name for feature in model.features)
        return f"whose features are not the training's, in its order: {expected}"
    if dataset.network != model.network:
        return "whose layers are not the training's"
    return ""


def _outline(feature: ModelFeature) -> tuple[str, str, tuple[str, ...]]:
    return feature.name, feature.type, tuple(feature.values or ())


def _outputs(manifest: Manifest) -> Iterator[tuple[str, AnyTraining, ModelOutput]]:
    for name, training in trainings(manifest):
        for output_id, output in training.outputs.items():
            if isinstance(output, ModelOutput):
                yield f"computations.{name}.outputs.{output_id}", training, output
