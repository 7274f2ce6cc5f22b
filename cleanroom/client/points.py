"""The points of an evaluation as curves, and as lines of text where nothing can be drawn.

An evaluation is a table of points for each model and class; `Curve` is one of them. The share of
units is the x-axis of lift and gain, false alarms are that of ROC.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

Numbers = tuple[float, ...]
NUMBERS = ("share", "tpr", "fpr", "said", "found")
"""Columns of numbers of an evaluation."""
COLUMNS = ["owners", "class", *NUMBERS]
"""All columns of an evaluation."""
BLOCKS = "▁▂▃▄▅▆▇█"
"""From the lowest to the highest."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The points of one model and one class, the highest scores first."""

    owners: str
    """Whose features the model was trained on."""
    class_: str
    """Of which class; empty for a regression."""
    share: Numbers
    """Of the test rows up to each point."""
    tpr: Numbers
    """Of the rows of the class up to each point; empty for a regression."""
    fpr: Numbers
    """Of the rows of no such class up to each point; empty for a regression."""
    said: Numbers
    """Mean score between a point and the one before it."""
    found: Numbers
    """What was true there: the share of the class, or the mean number."""

    @property
    def name(self) -> str:
        """How it is told from the others."""
        return f"{self.owners}: {self.class_}" if self.class_ else self.owners

    @property
    def lift(self) -> Numbers:
        """How many times more of the class there are up to each point than among all."""
        return tuple(
            hits / share for hits, share in zip(self.tpr, self.share, strict=False) if share
        )


def curves(table: "pa.Table") -> Iterator[Curve]:
    """Each model and class of an evaluation, in the order of its lines."""
    groups: dict[tuple[str, str], dict[str, list[float]]] = {}
    for line in table.to_pylist():
        group = groups.setdefault((line["owners"], line["class"]), {name: [] for name in NUMBERS})
        for name in NUMBERS:
            if line[name] is not None:
                group[name].append(line[name])
    for (owners, class_), group in groups.items():
        share, tpr, fpr, said, found = (tuple(group[name]) for name in NUMBERS)
        yield Curve(owners, class_, share, tpr, fpr, said, found)


def sparkline(values: Sequence[float]) -> str:
    """A small line of blocks, from the lowest value to the highest; empty without values."""
    if not values:
        return ""
    low, high = min(values), max(values)
    step = (high - low) / (len(BLOCKS) - 1) or 1.0
    return "".join(BLOCKS[round((value - low) / step)] for value in values)


def in_words(table: "pa.Table") -> list[tuple[str, str, str, str]]:
    """What a terminal shows of an evaluation, a line for each curve.

    Returns:
        Its name; the gain; how good the best stretch is; what was true from the highest scores to
        the lowest.
    """
    told = []
    for curve in curves(table):
        best = f"{curve.lift[0]:.1f} times at {curve.share[0]:.0%}" if curve.lift else ""
        told.append((curve.name, sparkline(curve.tpr), best, sparkline(curve.found)))
    return told
