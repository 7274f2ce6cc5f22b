"""What a training tells while it goes on: lines of live curves, each through the gate, and how far.

A line that is told live is a line of the table that leaves at the end: for the same recipients,
rounded alike, withheld alike. Which rounds are told depends on how many there will be at most,
never on a value. Only the joint model is heard, not those that it is compared with.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from cleanroom.protocol.run import LiveValue
from enclave.computations.release import Outcome, Rule, release
from enclave.computations.training.rounds import Measured, Parts

MOST_ROUNDS = 50
"""Values of at most so many rounds are told live, at even distances."""
Tell = Callable[[int, Sequence[LiveValue]], None]
"""Takes how much of the training is done, in percent, and values that may be told at once."""
Show = Callable[[Rule, Sequence[Measured]], Outcome]
"""What a curve with these lines would be, for the gate."""


def untold(percent: int, values: Sequence[LiveValue]) -> None:
    """For who has nobody to tell."""
    del percent, values


@dataclass(frozen=True, slots=True)
class Live:
    """Hears every round of a fit, and tells of it what may be told."""

    rounds: int
    """How many there will be at most."""
    curves: Sequence[Rule]
    """Of outputs that are live and about enough units."""
    show: Show
    """Makes an outcome of lines."""
    tell: Tell
    """Who listens."""

    def after_round(self, number: int, parts: Parts) -> None:
        """See `rounds.AfterRound`."""
        told: list[LiveValue] = []
        if number in told_rounds(self.rounds):
            lines = list(_lines(number, parts))
            told = [each for rule in self.curves for each in self._released(rule, lines)]
        self.tell(100 * number // self.rounds, told)

    def _released(self, rule: Rule, lines: Sequence[Measured]) -> Iterator[LiveValue]:
        released, *_ = release(self.show(rule, lines), rule)
        for line in released.table.to_pylist():
            yield LiveValue(output=rule.output, **line)


def told_rounds(rounds: int) -> frozenset[int]:
    """The numbers of the rounds that are told live."""
    return frozenset(-(-rounds * place // MOST_ROUNDS) for place in range(1, MOST_ROUNDS + 1))


def _lines(number: int, parts: Parts) -> Iterator[Measured]:
    for part, metrics in parts.items():
        for metric, value in metrics.items():
            if math.isfinite(value):  # a message has no infinite numbers
                yield Measured(number, metric, part, value)
