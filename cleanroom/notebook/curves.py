"""Pictures of an evaluation: ROC, lift and calibration, joint against alone where both were told.

Drawn from the released points only: straight lines between them, a mark at each. What lies between
two points nobody outside of the room knows.
"""

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes

from cleanroom.client.points import Curve, curves
from cleanroom.client.results import Result
from cleanroom.errors import Usage
from cleanroom.notebook.picture import PANEL, Picture, titled, verbatim, withheld

SMALL = "small"
"""Of the legend: names of several owners are long."""


def evaluation(result: Result, kind: str | None = None) -> Picture:
    """One picture of an evaluation, or all that it has side by side.

    Args:
        result: an evaluation.
        kind: `roc`, `lift` or `calibration`; all of them by default.

    Raises:
        Usage: there is no such picture of this result.
    """
    drawn = list(curves(result.table))
    known = list(PICTURES) if any(curve.tpr for curve in drawn) else ["calibration"]
    if kind is not None and drawn and kind not in known:
        raise Usage(f"the picture is {kind!r}, expected one of {known}")
    chosen = known if kind is None else [kind]
    picture = Picture(figsize=(PANEL[0] * len(chosen), PANEL[1] + 1.0), layout="constrained")
    for axes, name in zip(picture.subplots(1, len(chosen), squeeze=False)[0], chosen, strict=True):
        if drawn:
            PICTURES[name](axes, drawn)
            axes.legend(loc="best", fontsize=SMALL)
        else:
            withheld(axes)
    picture.suptitle(titled(result, f"{result.output}, on rows not learned from"))
    return picture


def _roc(axes: Axes, drawn: Sequence[Curve]) -> None:
    for curve in drawn:
        axes.plot((0.0, *curve.fpr), (0.0, *curve.tpr), marker=".", label=verbatim(curve.name))
    axes.plot((0, 1), (0, 1), color="0.7", linestyle=":", label="chance")
    axes.set_xlabel("false alarms")
    axes.set_ylabel("found of the class")
    axes.set_title("ROC")


def _lift(axes: Axes, drawn: Sequence[Curve]) -> None:
    for curve in drawn:
        axes.plot(curve.share, curve.lift, marker=".", label=verbatim(curve.name))
    axes.axhline(1, color="0.7", linestyle=":", label="chance")
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of units, highest scores first")
    axes.set_ylabel("times the average")
    axes.set_title("lift")


def _calibration(axes: Axes, drawn: Sequence[Curve]) -> None:
    for curve in drawn:
        axes.plot(curve.said, curve.found, marker=".", label=verbatim(curve.name))
    everything = [number for curve in drawn for number in (*curve.said, *curve.found)]
    ends = (min(everything), max(everything))
    axes.plot(ends, ends, color="0.7", linestyle=":", label="as said")
    axes.set_xlabel("said by the model")
    axes.set_ylabel("found")
    axes.set_title("calibration")


PICTURES: dict[str, Callable[[Axes, Sequence[Curve]], None]] = {
    "roc": _roc,
    "lift": _lift,
    "calibration": _calibration,
}
"""What can be drawn of an evaluation."""
