"""The plan of `predict` and `evaluate`, read off the manifest once.

Names, types and limits; no rows, and nothing of the model but what the manifest says about it.
"""

from collections.abc import Iterator, Mapping

import pyarrow as pa

from cleanroom.dataset.features import Feature
from cleanroom.errors import ManifestRule
from cleanroom.manifest.choices import Choice
from cleanroom.manifest.model import (
    AnyDataset,
    Column,
    Evaluate,
    MetricsOutput,
    ModelDataset,
    Predict,
    ScoresOutput,
)
from cleanroom.manifest.prediction import MODEL
from enclave.computations.keys import PLAIN
from enclave.computations.plan import InputPlan, Plan, Scoring, chosen_parameters, plan_inputs
from enclave.computations.release import OutputColumn, Rule
from enclave.computations.training.lesson import SHAPES, TABLE_BYTES

MOST_LINES = 1 << 32
"""An evaluation looks at no more joined rows."""
MOST_METRICS = 16
"""A table of metrics has no more lines."""


def plan_prediction(
    computation: Predict | Evaluate,
    datasets: Mapping[str, AnyDataset],
    parameters: Mapping[str, Choice],
) -> Plan:
    """Plan a prediction or an evaluation.

    Raises:
        ManifestRule: a dataset, column or feature is not there.
        ParameterOutOfRange: a parameter was given.
    """
    chosen_parameters(computation, parameters)
    dataset = datasets.get(computation.model.dataset)
    if not isinstance(dataset, ModelDataset):
        raise ManifestRule(f"{computation.model.dataset!r} is no model in this manifest")
    columns = dict(_columns(computation, datasets))
    labels = [each for each in columns.values() if each[1].role == "label"]
    features = tuple(
        _feature(each.name, columns, computation, datasets) for each in dataset.features
    )
    wanted: dict[str, set[str]] = {name: set() for name in computation.inputs}
    sources = tuple(columns[feature.column][0] for feature in features)
    for source, feature in zip(sources, features, strict=True):
        wanted[source].add(feature.column)
    for source, column in labels:
        wanted[source].add(column.name)
    if isinstance(computation, Predict):
        wanted[computation.rows] |= set(computation.on)
    model = InputPlan(MODEL, computation.model.dataset, dataset.owner, (), (MODEL,))
    scoring = Scoring(
        model=model,
        dataset=dataset,
        features=features,
        sources=sources,
        rows=computation.rows if isinstance(computation, Predict) else None,
        label=labels[0] if labels else None,
        most=_most(computation),
        outputs=dict(computation.outputs),
    )
    inputs = plan_inputs(computation, datasets, wanted)
    rules = _rules(computation, {each.name: each for each in inputs}, datasets)
    return Plan(computation.op, inputs, rules, scoring=scoring)


def _columns(
    computation: Predict | Evaluate, datasets: Mapping[str, AnyDataset]
) -> Iterator[tuple[str, tuple[str, Column]]]:
    """Features and labels by their name, with the input that reads them."""
    for name, source in sorted(computation.inputs.items()):
        dataset = datasets.get(source.dataset)
        for column in dataset.columns if dataset else ():
            if column.name in source.columns and column.role in ("feature", "label"):
                yield column.name, (name, column)


def _feature(
    name: str,
    columns: Mapping[str, tuple[str, Column]],
    computation: Predict | Evaluate,
    datasets: Mapping[str, AnyDataset],
) -> Feature:
    if name not in columns or columns[name][1].role != "feature":
        raise ManifestRule(f"no input reads the feature {name!r} of the model")
    source, column = columns[name]
    owner = datasets[computation.inputs[source].dataset].owner
    return Feature(input=source, column=name, owner=owner, values=column.values)


def _most(computation: Predict | Evaluate) -> int:
    """One line more than may leave shows that there are too many."""
    if isinstance(computation, Evaluate):
        return MOST_LINES
    return max(output.max_rows for output in computation.outputs.values()) + 1


def _rules(
    computation: Predict | Evaluate,
    inputs: Mapping[str, InputPlan],
    datasets: Mapping[str, AnyDataset],
) -> tuple[Rule, ...]:
    if isinstance(computation, Evaluate):
        return tuple(_metrics_rule(*each) for each in sorted(computation.outputs.items()))
    return tuple(
        Rule(
            output=name,
            recipients=tuple(output.recipients),
            columns=tuple(_score_columns(computation, output, inputs, datasets)),
            min_group=output.gate.min_group,
            round_to=output.gate.round_to,
            max_rows=output.max_rows,
            max_bytes=output.max_bytes,
            aggregate=False,
        )
        for name, output in sorted(computation.outputs.items())
    )


def _metrics_rule(name: str, output: MetricsOutput) -> Rule:
    return Rule(
        output=name,
        recipients=tuple(output.recipients),
        columns=tuple(
            OutputColumn(
                column, kind, owner="", decimals=output.decimals if kind == pa.float64() else None
            )
            for column, kind in SHAPES["metrics"]
        ),
        min_group=output.gate.min_group,
        round_to=output.gate.round_to,
        max_rows=MOST_METRICS,
        max_bytes=TABLE_BYTES,
        aggregate=False,
    )


def _score_columns(
    computation: Predict,
    output: ScoresOutput,
    inputs: Mapping[str, InputPlan],
    datasets: Mapping[str, AnyDataset],
) -> Iterator[OutputColumn]:
    rows = inputs[computation.rows]
    if set(output.recipients) != {rows.owner}:
        raise ManifestRule("scores have another recipient than the owner of the rows")
    types = {column.name: PLAIN[column.type] for column in datasets[rows.dataset].columns}
    for name in output.columns:
        source, _, column = name.partition(".")
        if source == rows.name and column in computation.on:
            yield OutputColumn(name, types[column], rows.owner, identity=True)
        elif name == "class":
            yield OutputColumn(name, pa.large_string(), owner="")
        else:
            yield OutputColumn(name, pa.float64(), owner="", decimals=output.decimals)
