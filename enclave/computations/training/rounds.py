"""What a fit tells while it goes on: after each round, what was measured on which part of the rows.

Whoever listens hears plain numbers and decides what of them may go where; a curve takes them to the
gate like any other result.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

Parts = Mapping[str, Mapping[str, float]]
"""Value by metric, by part: `training`, `validation` or `test`."""
AfterRound = Callable[[int, Parts], None]
"""Told after each round of a fit: its number, from 1, and what was measured."""


class Measured(NamedTuple):
    """One line of a curve."""

    round: int
    """From 1."""
    metric: str
    """As XGBoost calls it."""
    part: str
    """`training`, `validation` or `test`."""
    value: float
    """The mean over the rows of the part, by their weights."""


def unheard(number: int, parts: Parts) -> None:
    """Nobody listens."""
    del number, parts


def best_round(measured: Iterable[Measured], part: str) -> int:
    """The first round, from 1, of the lowest loss of a part."""
    losses = [(each.value, each.round) for each in measured if each.part == part]
    return min(losses)[1]
