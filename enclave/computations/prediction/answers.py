"""What a model said as columns of an output: scores beside identities, or metrics over labels."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cleanroom.dataset.features import Feature, Matrix, as_numbers, require_lawful
from cleanroom.errors import ComputationFailed
from cleanroom.manifest.model import MetricsOutput, ModelDataset
from enclave.computations.plan import Scoring
from enclave.computations.release import Outcome, Rule
from enclave.computations.training.lesson import SHAPES

Metrics = Mapping[str, float | None]


def answered(
    rule: Rule,
    scoring: Scoring,
    payload: Mapping[str, pa.Table],
    at: Mapping[str, np.ndarray],
    said: Matrix,
) -> tuple[dict[str, pa.ChunkedArray], dict[str, np.ndarray]]:
    """Where each column of a table of scores is taken from, and which rows of it.

    Args:
        rule: the output's.
        scoring: what the model is.
        payload: identities and features of each input, all rows in order.
        at: rows of each input, one for each line.
        said: lines by classes, or by one number.
    """
    line = np.arange(len(said), dtype=np.int64)
    sources, positions = {}, {}
    for column in rule.columns:
        source, _, name = column.name.partition(".")
        sources[column.name] = (
            payload[source].column(name)
            if column.identity
            else pa.chunked_array([_answer(scoring.dataset, column.name, said)])
        )
        positions[column.name] = at[source] if column.identity else line
    return sources, positions


def judged(
    scoring: Scoring,
    payload: Mapping[str, pa.Table],
    at: Mapping[str, np.ndarray],
    said: Matrix,
) -> Metrics:
    """Metrics over the lines; none where there is no line, or some answer is no answer.

    That is a number that is not finite, or probabilities of which one is negative or all are 0.

    Raises:
        DataMismatch: some label of an input, joined or not, breaks its column's rules.
    """
    # scikit-learn takes seconds to import: only a run that judges pays
    from enclave.computations.training.scores import scores  # noqa: PLC0415

    if scoring.label is None:
        raise ComputationFailed("an evaluation has no label")
    source, column = scoring.label
    brought = payload[source].column(column.name)
    values = column.values
    owner = Feature(input=source, column=column.name, owner="label", values=values)
    require_lawful(owner, brought)
    labels = _labels(scoring.dataset, brought.take(pa.array(at[source])))
    if not len(said) or not np.isfinite(said).all():
        return {}
    if scoring.dataset.task == "regression":
        return scores(labels, said[:, 0], None)
    sums = said.sum(axis=1, keepdims=True)
    if said.min() < 0 or not sums.min() > 0:
        return {}
    return scores(labels.astype(np.int64), said / sums, None)


def of_metrics(rule: Rule, scoring: Scoring, units: Mapping[str, int], metrics: Metrics) -> Outcome:
    """The table of metrics, or nothing where too few units were tested."""
    output = scoring.outputs[rule.output]
    tested = min(units.values(), default=0)
    shown = metrics if isinstance(output, MetricsOutput) and tested >= output.min_test else {}
    columns = (list(shown), list(shown.values()))
    line = np.arange(len(shown), dtype=np.int64)
    return Outcome(
        units=units,
        unit=line,
        sources={
            name: pa.chunked_array([pa.array(cells, type_)])
            for cells, (name, type_) in zip(columns, SHAPES["metrics"], strict=True)
        },
        positions={name: line for name, _ in SHAPES["metrics"]},
        order=dict.fromkeys(rule.recipients, line),
        withheld=not shown,
    )


def _answer(model: ModelDataset, column: str, said: Matrix) -> pa.Array:
    """One column of scores; no number, or no class, where the model says nothing finite.

    Numbers are never null: nulls take no room, and everybody sees how long a sealed file is.
    """
    kind, _, name = column.partition(".")
    if kind == "class":
        silent = ~np.isfinite(said).all(axis=1)
        likeliest = pa.array(said.argmax(axis=1), mask=silent)
        return pa.array(model.classes, pa.large_string()).take(likeliest)
    numbers = said[:, model.classes.index(name) if kind == "probability" else 0]
    return pa.array(np.where(np.isfinite(numbers), numbers, np.nan))


def _labels(model: ModelDataset, column: pa.ChunkedArray) -> np.ndarray:
    """Labels as numbers, or as places in the model's list of classes."""
    if model.task == "regression":
        return as_numbers(column)
    if pa.types.is_boolean(column.type):
        column = pc.if_else(column, "true", "false")
    return as_numbers(pc.index_in(column, value_set=pa.array(model.classes, column.type)))
