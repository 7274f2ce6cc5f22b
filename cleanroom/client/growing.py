"""Values that a training tells while it goes on, as short lines: the last one, and how it came.

Nothing is kept but what was told; what it means is the business of whoever reads it.
"""

from typing import TYPE_CHECKING

from cleanroom.client.points import sparkline
from cleanroom.protocol.run import RunEvent

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = ["round", "metric", "part", "value"]
"""Columns of a released curve."""
WIDTH = 24
"""Values in one line; of more, the last ones."""

Name = tuple[str, str, str]
"""Output, metric and part."""


class Growing:
    """The curves of one run as far as they were told."""

    def __init__(self) -> None:
        self.told: dict[Name, dict[int, float]] = {}
        """Values by round, by curve."""

    def add(self, event: RunEvent) -> "Growing":
        """Take in one event; a value that was told before is told again."""
        for each in event.live:
            self.told.setdefault((each.output, each.metric, each.part), {})[each.round] = each.value
        return self

    @classmethod
    def of(cls, table: "pa.Table") -> "Growing":
        """The whole of a released curve."""
        grown = cls()
        for line in table.to_pylist():
            values = grown.told.setdefault(("", line["metric"], line["part"]), {})
            values[line["round"]] = line["value"]
        return grown

    @property
    def lines(self) -> list[tuple[str, str]]:
        """Each curve by its metric, part and last value, and how it came."""
        return [
            (
                f"{metric} ({part}) {values[max(values)]:g}",
                sparkline([values[place] for place in sorted(values)][-WIDTH:]),
            )
            for (_, metric, part), values in self.told.items()
        ]

    @property
    def line(self) -> str:
        """All curves in one line; empty while nothing was told."""
        return "  ".join(f"{name} {blocks}" for name, blocks in self.lines)
