"""Plots of results. Figures are plain objects: no pyplot, no global state, no window.

A picture shows no more than the result holds: a count is drawn with the interval that its rounding
leaves open, and a withheld result is an empty frame that says so. Identities are never drawn.
"""

from collections.abc import Callable, Sequence
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cleanroom.client.results import Result
from cleanroom.errors import Usage
from cleanroom.manifest.model import (
    Column,
    CountOutput,
    CurveOutput,
    EvaluationOutput,
    ImportanceOutput,
    MetricsOutput,
    RowsOutput,
    ScoresOutput,
)
from cleanroom.notebook.course import course
from cleanroom.notebook.curves import PICTURES, evaluation
from cleanroom.notebook.picture import (
    PANEL,
    Picture,
    computation_of,
    manifest_of,
    rule_of,
    titled,
    verbatim,
    withheld,
)
from cleanroom.notebook.trainings import importance_bars, metric_bars

Draw = Callable[[Result], Picture]
MOST_VALUES = 12
"""Bars of one text column; the rest is drawn together."""
BINS = 20
"""Bars of one numeric column."""
TICKS = 4
"""Intervals of one numeric axis: long numbers need room."""
REST = "(others)"


def plot_result(result: Result, kind: str | None = None) -> Picture:
    """A picture of a result, whatever it is: bars for numbers, curves, a profile for rows.

    Args:
        result: any result.
        kind: which of the pictures that there are of it; by default the one that shows most.

    Raises:
        Usage: the result is a model or scores, which have no picture, or has none of this kind.
    """
    known = PICTURES_OF.get(type(rule_of(result)), {})
    if not known:
        what = "scores" if isinstance(rule_of(result), ScoresOutput) else "a model"
        raise Usage(f"output {result.output!r} is {what}, expected numbers or rows to draw")
    if kind is not None and kind not in known:
        raise Usage(f"the picture is {kind!r}, expected one of {list(known)}")
    return known[kind or next(iter(known))](result)


def overlap_bars(result: Result | Sequence[Result]) -> Picture:
    """Counts as bars, each with the interval in which the unrounded number lies.

    Args:
        result: one count, or several runs to compare.

    Raises:
        Usage: a result is no count.
    """
    results = [result] if isinstance(result, Result) else list(result)
    picture = Picture(figsize=(PANEL[0] + 1.0, 0.9 + 0.5 * len(results)), layout="constrained")
    axes = picture.subplots()
    for place, each in enumerate(results):
        _bar(axes, place, each)
    axes.set_yticks(range(len(results)), [each.run for each in results])
    axes.set_ylim(len(results) - 0.5, -0.5)
    axes.set_xlim(0, axes.get_xlim()[1] * 1.3)  # room for the numbers behind the bars
    axes.set_xlabel("units in every input")
    axes.set_title(titled(results[0], "overlap"))
    return picture


def matching_rows(result: Result) -> Picture:
    """What released rows look like: one panel for each column that names nobody.

    Texts and truth values are counted, numbers and dates are drawn as a histogram. Rows without a
    value are told in the panel's title.

    Raises:
        Usage: the result is a count.
    """
    columns = _drawable(result)
    across = min(len(columns), 3) or 1
    down = -(-len(columns) // across) or 1
    picture = Picture(figsize=(PANEL[0] * across, PANEL[1] * down), layout="constrained")
    panels = picture.subplots(down, across, squeeze=False).flatten()
    for axes in panels[len(columns) :]:
        axes.set_axis_off()
    if result.suppressed:
        withheld(panels[0])
    for axes, (name, column) in zip(panels, columns, strict=False):
        _panel(axes, name, column, result.table.column(name))
    shown = "withheld" if result.suppressed else f"{result.table.num_rows} rows"
    picture.suptitle(titled(result, f"{result.output}: {shown}"))
    return picture


def _bar(axes: Axes, place: int, result: Result) -> None:
    rule = rule_of(result)
    if not isinstance(rule, CountOutput):
        raise Usage(f"the result is {result.output!r}, rows of a table, expected a count")
    if result.suppressed:
        axes.text(0, place, f" withheld: fewer than {rule.gate.min_group}", va="center")
        return
    count = int(result.table.column("overlap")[0].as_py())
    half = rule.gate.round_to / 2
    axes.barh(place, count, height=0.6, xerr=half if half > 1 / 2 else None, capsize=4)
    said = f" {count:,} ± {half:g}" if half > 1 / 2 else f" {count:,}"
    axes.text(count + half, place, said, va="center")


def _panel(axes: Axes, name: str, column: Column, values: pa.ChunkedArray) -> None:
    present = pc.drop_null(values)
    if column.type in {"string", "bool"}:
        labels, counts = _counted(present)
        axes.barh(labels, counts)
        axes.invert_yaxis()
    else:
        axes.hist(present.to_numpy(), bins=_edges(column, present))
        if column.type in {"int32", "int64", "float64"}:
            axes.xaxis.set_major_locator(MaxNLocator(TICKS))
    missing = f", {values.null_count} without" if values.null_count else ""
    axes.set_title(verbatim(f"{name}{missing}"), fontsize="medium")


def _edges(column: Column, values: pa.ChunkedArray) -> int | range:
    """Where bars begin: whole numbers are never split, or some bars would hold more of them."""
    if column.type not in {"int32", "int64"} or not len(values):
        return BINS
    low, high = pc.min(values).as_py(), pc.max(values).as_py()
    width = (high - low) // BINS + 1
    return range(low, high + 2 * width, width)


def _counted(values: pa.ChunkedArray) -> tuple[list[str], list[int]]:
    pairs = pc.value_counts(values).to_pylist()
    ordered = sorted(pairs, key=lambda pair: (-pair["counts"], str(pair["values"])))
    shown, rest = ordered[:MOST_VALUES], ordered[MOST_VALUES:]
    labels = [verbatim(str(pair["values"])) for pair in shown] + ([REST] if rest else [])
    others = sum(pair["counts"] for pair in rest)
    return labels, [pair["counts"] for pair in shown] + ([others] if rest else [])


def _drawable(result: Result) -> list[tuple[str, Column]]:
    """Columns of a table of rows that are no identities, with what the manifest says of them."""
    if not isinstance(rule_of(result), RowsOutput):
        raise Usage(f"the result is {result.output!r}, a count, expected rows of a table")
    manifest, computation = manifest_of(result), computation_of(result)
    found = []
    for name in result.table.column_names:
        given, _, short = name.partition(".")
        dataset = manifest.datasets[computation.inputs[given].dataset]
        column = next(each for each in dataset.columns if each.name == short)
        if column.role != "identity" and not result.suppressed:
            found.append((name, column))
    return found


PICTURES_OF: dict[type, dict[str, Draw]] = {
    CountOutput: {"overlap": overlap_bars},
    RowsOutput: {"rows": matching_rows},
    MetricsOutput: {"metrics": metric_bars},
    EvaluationOutput: {
        "evaluation": evaluation,
        **{name: partial(evaluation, kind=name) for name in PICTURES},
    },
    CurveOutput: {"curve": course},
    ImportanceOutput: {"importance": importance_bars},
}
"""The pictures of each kind of output by their names, the one that shows most first."""
