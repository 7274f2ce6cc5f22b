"""Rules about models and prediction: what a model expects is there, and whom its answers reach.

As in training, what could go wrong with a single row is excluded here or at upload: how a run ends
must not depend on which rows were joined.
"""

from collections.abc import Iterator
from itertools import pairwise

from cleanroom.errors import Problem
from cleanroom.manifest.keeping import makers
from cleanroom.manifest.model import (
    Column,
    Dataset,
    Evaluate,
    Manifest,
    MetricsOutput,
    ModelDataset,
    ModelFeature,
    Predict,
    Prediction,
)
from cleanroom.manifest.prediction import MODEL
from cleanroom.manifest.rules.names import outline
from cleanroom.manifest.rules.training import fault_in_number

RESERVED = (MODEL, "probability")
"""No table of a prediction has these names: they stand for the model, and for what it says."""
MOST_WEIGHTS = 1 << 24
"""A network has no more; 64 MiB."""


def models_are_described(manifest: Manifest) -> Iterator[Problem]:
    """A model has classes if it classifies, layers if it is safetensors, features it can take."""
    made = makers(manifest)
    for name, model in _models(manifest):
        path = f"datasets.{name}"
        if model.format == "cleanroom" and name not in made:
            yield Problem(
                "format is cleanroom, in which models stay that are trained here: nobody brings it",
                where=f"{path}.format",
            )
        if (model.task == "classification") != (len(model.classes) >= 2):
            yield Problem(
                f"{len(model.classes)} classes are listed for a {model.task}, expected "
                f"{'two or more' if model.task == 'classification' else 'none'}",
                where=f"{path}.classes",
            )
        layered = [model.format == "safetensors", model.network is not None]
        if model.format != "cleanroom" and len(set(layered)) > 1:
            yield Problem(
                f"network is {'missing' if model.network is None else 'given'} while the format "
                f"is {model.format}, expected it for safetensors and nothing else",
                where=f"{path}.network",
            )
        if len(set(model.classes)) != len(model.classes):
            yield Problem("a class is listed twice", where=f"{path}.classes")
        yield from _faults_in_features(path, model)
        yield from _faults_in_network(path, model)


def models_are_models(manifest: Manifest) -> Iterator[Problem]:
    """Inputs read tables, and `model.dataset` is a model."""
    for name, computation in manifest.computations.items():
        for input_id, read in computation.inputs.items():
            if isinstance(manifest.datasets.get(read.dataset), ModelDataset):
                yield Problem(
                    f"dataset {read.dataset!r} is a model, expected a table: a model's bytes are "
                    "no rows",
                    where=f"computations.{name}.inputs.{input_id}.dataset",
                )
    for name, prediction in _predictions(manifest):
        if isinstance(manifest.datasets.get(prediction.model.dataset), Dataset):
            yield Problem(
                f"dataset {prediction.model.dataset!r} is a table, expected one of kind `model`",
                where=f"computations.{name}.model.dataset",
            )
        for input_id in prediction.inputs:
            if input_id in RESERVED:
                yield Problem(
                    f"an input is named {input_id!r}, which stands for something else in a "
                    "prediction",
                    where=f"computations.{name}.inputs.{input_id}",
                )


def features_are_brought(manifest: Manifest) -> Iterator[Problem]:
    """Each feature of the model is one column of that name, type and values, and nothing more."""
    for name, prediction in _predictions(manifest):
        model = manifest.datasets.get(prediction.model.dataset)
        if not isinstance(model, ModelDataset):
            continue
        read = list(_read(manifest, name, prediction))
        for feature in model.features:
            yield from _faults_in_bringing(name, feature, read)
        expected = {feature.name for feature in model.features}
        for path, column in read:
            if column.role == "feature" and column.name not in expected:
                yield Problem(
                    f"column {column.name!r} is read, but the model does not expect it",
                    where=path,
                    hint="remove it: a worker decrypts nothing that it does not need",
                )


def predictions_read_what_they_need(manifest: Manifest) -> Iterator[Problem]:
    """A prediction reads identities it compares and features; an evaluation one label, too."""
    for name, prediction in _predictions(manifest):
        read = list(_read(manifest, name, prediction))
        labels = [(path, column) for path, column in read if column.role == "label"]
        wanted = 1 if isinstance(prediction, Evaluate) else 0
        if len(labels) != wanted:
            yield Problem(
                f"{len(labels)} columns of role label are read, expected {wanted}",
                where=f"computations.{name}.inputs",
            )
        for path, column in read:
            if column.role not in ("feature", "label") and column.name not in prediction.on:
                yield Problem(
                    f"column {column.name!r} has role {column.role!r}, expected feature", where=path
                )
        model = manifest.datasets.get(prediction.model.dataset)
        if isinstance(model, ModelDataset):
            for path, column in labels:
                if fault := _fault_in_label(column, model):
                    yield Problem(fault, where=path)


def scores_go_to_the_rows_owner(manifest: Manifest) -> Iterator[Problem]:
    """Scores have one recipient: the owner of the rows that are scored."""
    for name, predict in _predicts(manifest):
        read = predict.inputs.get(predict.rows)
        if read is None:
            yield Problem(
                f"rows is {predict.rows!r}, expected one of {', '.join(predict.inputs)}",
                where=f"computations.{name}.rows",
            )
            continue
        dataset = manifest.datasets.get(read.dataset)
        for output_id, output in predict.outputs.items():
            if dataset is not None and output.recipients != [dataset.owner]:
                yield Problem(
                    f"recipients are {output.recipients}, expected [{dataset.owner!r}]: scores go "
                    "to the owner of the rows alone",
                    where=f"computations.{name}.outputs.{output_id}.recipients",
                )


def scores_are_scores(manifest: Manifest) -> Iterator[Problem]:
    """Columns of scores are identities of `rows`, and what a model of its task can say."""
    for name, predict in _predicts(manifest):
        model = manifest.datasets.get(predict.model.dataset)
        identities = {f"{predict.rows}.{column}" for column in predict.on}
        answers = answers_of(model) if isinstance(model, ModelDataset) else set()
        for output_id, output in predict.outputs.items():
            path = f"computations.{name}.outputs.{output_id}.columns"
            for column in output.columns if answers else ():
                if column not in identities | answers:
                    expected = ", ".join(sorted(identities | answers))
                    yield Problem(f"{column!r} is not one of {expected}", where=f"{path}.{column}")
            if answers and not answers & set(output.columns):
                yield Problem("no column tells what the model says", where=path)


def scores_say_so(manifest: Manifest) -> Iterator[Problem]:
    """Scores of joined tables say `reveals_membership: true`."""
    for name, predict in _predicts(manifest):
        for output_id, output in predict.outputs.items():
            if len(predict.inputs) > 1 and not output.reveals_membership:
                yield Problem(
                    "tables are joined while reveals_membership is false, expected true",
                    where=f"computations.{name}.outputs.{output_id}.reveals_membership",
                    hint="say so: whoever receives scores learns who is in all tables",
                )


def evaluations_compare_nothing(manifest: Manifest) -> Iterator[Problem]:
    """Metrics of an evaluation have `compare: none`: nothing is trained."""
    for name, prediction in _predictions(manifest):
        for output_id, output in prediction.outputs.items():
            if isinstance(output, MetricsOutput) and output.compare != "none":
                yield Problem(
                    f"compare is {output.compare!r}, expected 'none': an evaluation trains nothing",
                    where=f"computations.{name}.outputs.{output_id}.compare",
                )


def predicts_on_one_worker(manifest: Manifest) -> Iterator[Problem]:
    """A prediction has `workers.count: 1`."""
    for name, prediction in _predictions(manifest):
        if prediction.workers.count != 1:
            yield Problem(
                f"count is {prediction.workers.count}, expected 1: models run in one process",
                where=f"computations.{name}.workers.count",
            )


def answers_of(model: ModelDataset) -> set[str]:
    """The columns that a model of this task can fill."""
    if model.task == "regression":
        return {"value"}
    return {"class", *(f"probability.{name}" for name in model.classes)}


def _faults_in_features(path: str, model: ModelDataset) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for index, feature in enumerate(model.features):
        where = f"{path}.features.{index}"
        other = seen.setdefault(outline(feature.name), feature.name)
        if index != next(i for i, each in enumerate(model.features) if each.name == other):
            yield Problem(f"feature {feature.name!r} repeats or looks like {other!r}", where=where)
        if (feature.type == "string") != (feature.values is not None):
            yield Problem(
                f"feature {feature.name!r} is {feature.type} and values are "
                f"{'missing' if feature.values is None else 'listed'}, expected them for strings",
                where=f"{where}.values",
            )
        if feature.nullable and model.format in ("onnx", "safetensors"):
            yield Problem(
                f"feature {feature.name!r} may be missing, which {model.format} cannot take",
                where=f"{where}.nullable",
            )


def _faults_in_network(path: str, model: ModelDataset) -> Iterator[Problem]:
    layers = [model.width, *(model.network.hidden if model.network else ()), model.scores]
    weights = sum(one * two for one, two in pairwise(layers))
    if weights > MOST_WEIGHTS:
        yield Problem(
            f"the layers have {weights} weights, expected at most {MOST_WEIGHTS}",
            where=f"{path}.network.hidden",
        )


def _faults_in_bringing(
    name: str, feature: ModelFeature, read: list[tuple[str, Column]]
) -> Iterator[Problem]:
    found = [each for each in read if each[1].name == feature.name and each[1].role == "feature"]
    if len(found) != 1:
        yield Problem(
            f"{len(found)} inputs read a feature {feature.name!r}, which the model expects once",
            where=f"computations.{name}.inputs",
        )
    for path, column in found:
        if (column.type, column.values) != (feature.type, feature.values):
            yield Problem(
                f"feature {column.name!r} is {column.type} with values {column.values}, the model "
                f"expects {feature.type} with {feature.values}",
                where=path,
            )
        elif column.nullable and not feature.nullable:
            yield Problem(
                f"feature {column.name!r} may be missing, which the model does not take", where=path
            )
        elif column.type not in {"string", "bool"} and (fault := fault_in_number(column)):
            yield Problem(f"feature {column.name!r}: {fault}", where=path)


def _fault_in_label(column: Column, model: ModelDataset) -> str:
    said = f"label {column.name!r}"
    if column.nullable:
        return f"{said} may be missing, expected a column that is not nullable"
    if model.task == "regression":
        fault = fault_in_number(column)
        return f"{said}: {fault}" if fault else ""
    values = ["false", "true"] if column.type == "bool" else column.values or []
    if sorted(values) != sorted(model.classes):
        return f"{said} has values {sorted(values)}, the model tells {sorted(model.classes)}"
    return ""


def _models(manifest: Manifest) -> Iterator[tuple[str, ModelDataset]]:
    for name, dataset in manifest.declared.items():
        if isinstance(dataset, ModelDataset):
            yield name, dataset


def _predictions(manifest: Manifest) -> Iterator[tuple[str, Predict | Evaluate]]:
    for name, computation in manifest.computations.items():
        if isinstance(computation, Predict | Evaluate):
            yield name, computation


def _predicts(manifest: Manifest) -> Iterator[tuple[str, Predict]]:
    for name, computation in manifest.computations.items():
        if isinstance(computation, Predict):
            yield name, computation


def _read(manifest: Manifest, name: str, prediction: Prediction) -> Iterator[tuple[str, Column]]:
    for input_id, read in prediction.inputs.items():
        dataset = manifest.datasets.get(read.dataset)
        for column in dataset.columns if dataset else ():
            if column.name in read.columns:
                yield f"computations.{name}.inputs.{input_id}.columns.{column.name}", column
