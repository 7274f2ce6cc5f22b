"""Plots of results. Figures are plain objects: no pyplot, no global state, no window.

A picture shows no more than the result holds: a count is drawn with the interval that its rounding
leaves open, and a withheld result is an empty frame that says so. Identities are never drawn.
"""

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cleanroom.client.results import Result
from cleanroom.errors import Usage
from cleanroom.manifest.model import (
    AnyComputation,
    Column,
    CountOutput,
    ImportanceOutput,
    Manifest,
    MetricsOutput,
    RowsOutput,
)

HASH_SALT = "cleanroom"
"""Names inside an SVG are made from this, so that the same picture is the same bytes."""
FORMATS: dict[str, Literal["svg", "png", "pdf"]] = {".svg": "svg", ".png": "png", ".pdf": "pdf"}
MOST_VALUES = 12
"""Bars of one text column; the rest is drawn together."""
BINS = 20
"""Bars of one numeric column."""
TICKS = 4
"""Intervals of one numeric axis: long numbers need room."""
PANEL = (4.0, 2.6)
"""Width and height of one panel, in inches."""
REST = "(others)"
BELOW_ONE = ("accuracy", "auc", "r2")
"""Metrics that are at most 1, and best there."""


class Picture(Figure):
    """A figure that notebooks show as SVG by itself."""

    def _repr_svg_(self) -> str:
        return _rendered(self, "svg").decode()


def plot_result(result: Result) -> Picture:
    """A picture of a result, whatever it is: bars for numbers, a profile for rows.

    Raises:
        Usage: the result is a model, which has no picture.
    """
    match _rule(result):
        case CountOutput():
            return overlap_bars(result)
        case RowsOutput():
            return matching_rows(result)
        case MetricsOutput():
            return metric_bars(result)
        case ImportanceOutput():
            return importance_bars(result)
        case _:
            raise Usage(f"output {result.output!r} is a model, expected numbers or rows to draw")


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
    axes.set_title(f"{_said(results[0])} overlap")
    return picture


def metric_bars(result: Result) -> Picture:
    """The metrics of a model on its test rows, each in a panel of its own: their units differ.

    Raises:
        Usage: the result is of another kind.
    """
    names = ["withheld"] if result.suppressed else list(result.metrics)
    picture = Picture(figsize=(2.2 * len(names), 2.4), layout="constrained")
    for axes, name in zip(picture.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        axes.set_xticks([])
        if result.suppressed:
            _withheld(axes)
            continue
        value = result.metrics[name]
        axes.bar([0], [value or 0.0], width=0.5)
        axes.set_xlim(-1, 1)
        if name in BELOW_ONE:
            axes.set_ylim(min(0.0, value or 0.0), 1)
        axes.set_title(f"{name}: {'not defined' if value is None else f'{value:g}'}")
    picture.suptitle(f"{_said(result)} {result.output}, on rows not learned from")
    return picture


def importance_bars(result: Result) -> Picture:
    """How much each column matters, grouped by its owner; the most important owner first.

    Raises:
        Usage: the result is of another kind.
    """
    lines = result.table.select(["owner", "column", "share"]).to_pylist()
    owners = dict.fromkeys((line["owner"] for line in lines), 0.0)
    for line in lines:
        owners[line["owner"]] += line["share"]
    lines.sort(key=lambda line: (-owners[line["owner"]], line["owner"], -line["share"]))
    picture = Picture(figsize=(PANEL[0] + 2.0, 1.2 + 0.3 * len(lines)), layout="constrained")
    axes = picture.subplots()
    for owner, total in owners.items():
        own = [place for place, line in enumerate(lines) if line["owner"] == owner]
        axes.barh(own, [lines[place]["share"] for place in own], label=f"{owner}: {total:.0%}")
    axes.set_yticks(range(len(lines)), [line["column"] for line in lines])
    axes.invert_yaxis()
    axes.set_xlabel("share of the model's gain or weight")
    if result.suppressed:
        _withheld(axes)
    else:
        axes.legend(loc="lower right")
    axes.set_title(f"{_said(result)} {result.output}")
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
        _withheld(panels[0])
    for axes, (name, column) in zip(panels, columns, strict=False):
        _panel(axes, name, column, result.table.column(name))
    shown = "withheld" if result.suppressed else f"{result.table.num_rows} rows"
    picture.suptitle(f"{_said(result)} {result.output}: {shown}")
    return picture


def save(picture: Figure, path: str | os.PathLike[str]) -> Path:
    """Write a picture to a file; the same picture gives the same bytes.

    Args:
        picture: any figure.
        path: ends in `.svg`, `.png` or `.pdf`.

    Raises:
        Usage: the suffix is another one.
    """
    target = Path(path)
    if target.suffix not in FORMATS:
        raise Usage(f"the file is {target.name!r}, expected a name in {', '.join(FORMATS)}")
    target.write_bytes(_rendered(picture, FORMATS[target.suffix]))
    return target


def _rendered(picture: Figure, kind: Literal["svg", "png", "pdf"]) -> bytes:
    undated: dict[str, Any] = {"CreationDate": None} if kind == "pdf" else {"Date": None}
    written = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": HASH_SALT}):
        picture.savefig(written, format=kind, metadata={} if kind == "png" else undated)
    return written.getvalue()


def _bar(axes: Axes, place: int, result: Result) -> None:
    rule = _rule(result)
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
    axes.set_title(f"{name}{missing}", fontsize="medium")


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
    labels = [str(pair["values"]) for pair in shown] + ([REST] if rest else [])
    others = sum(pair["counts"] for pair in rest)
    return labels, [pair["counts"] for pair in shown] + ([others] if rest else [])


def _withheld(axes: Axes) -> None:
    axes.text(0.5, 0.5, "withheld by the gate", ha="center", transform=axes.transAxes)


def _drawable(result: Result) -> list[tuple[str, Column]]:
    """Columns of a table of rows that are no identities, with what the manifest says of them."""
    if not isinstance(_rule(result), RowsOutput):
        raise Usage(f"the result is {result.output!r}, a count, expected rows of a table")
    manifest, computation = _manifest(result), _computation(result)
    found = []
    for name in result.table.column_names:
        given, _, short = name.partition(".")
        dataset = manifest.datasets[computation.inputs[given].dataset]
        column = next(each for each in dataset.columns if each.name == short)
        if column.role != "identity" and not result.suppressed:
            found.append((name, column))
    return found


def _manifest(result: Result) -> Manifest:
    """The party's own manifest: the receipt was verified against it when the result was fetched."""
    return Manifest.from_bytes(result.receipt.record.statement.manifest or b"")


def _computation(result: Result) -> AnyComputation:
    return _manifest(result).computations[result.receipt.claimed.computation]


def _rule(result: Result) -> object:
    return _computation(result).outputs[result.output]


def _said(result: Result) -> str:
    """What stands before every title: nothing, or that the machines were simulated."""
    return "[simulated]" if result.receipt.claimed.assurance == "simulated" else ""
