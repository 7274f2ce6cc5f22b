"""Pictures of a training's numbers: metrics, joint against alone, and importance by owner."""

from collections.abc import Mapping

from matplotlib.axes import Axes

from cleanroom.client.results import Result
from cleanroom.notebook.picture import PANEL, Picture, titled, verbatim, withheld

BELOW_ONE = ("accuracy", "auc", "r2")
"""Metrics that are at most 1, and best there."""


def metric_bars(result: Result) -> Picture:
    """The metrics of each model on its test rows, each in a panel of its own: their units differ.

    Raises:
        Usage: the result is of another kind.
    """
    told = {} if result.suppressed else result.comparison
    names = list(result.metrics) if told else ["withheld"]
    width = 1.6 + 0.6 * len(told)
    picture = Picture(figsize=(width * len(names), 2.4), layout="constrained")
    for axes, name in zip(picture.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        axes.set_xticks([])
        if result.suppressed:
            withheld(axes)
            continue
        # numbers over folds are told of the joint model only
        shown = {owners: metrics[name] for owners, metrics in told.items() if name in metrics}
        _metric(axes, name, shown)
    picture.suptitle(titled(result, f"{result.output}, on rows not learned from"))
    return picture


def _metric(axes: Axes, name: str, values: Mapping[str, float | None]) -> None:
    heights = [value or 0.0 for value in values.values()]
    axes.bar(range(len(heights)), heights, width=0.5)
    axes.set_xlim(-1, len(heights))
    if name in BELOW_ONE:
        axes.set_ylim(min(0.0, *heights, 0.0), 1)
    if len(values) == 1:
        (value,) = values.values()
        axes.set_title(f"{name}: {_number(value)}")
        return
    under = [f"{owners}\n{_number(value)}" for owners, value in values.items()]
    axes.set_xticks(range(len(values)), under)
    axes.set_title(name)


def _number(value: float | None) -> str:
    return "not defined" if value is None else f"{value:g}"


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
    axes.set_yticks(range(len(lines)), [verbatim(line["column"]) for line in lines])
    axes.invert_yaxis()
    axes.set_xlabel("share of the model's gain or weight")
    if result.suppressed:
        withheld(axes)
    else:
        axes.legend(loc="lower right")
    axes.set_title(titled(result, result.output))
    return picture
