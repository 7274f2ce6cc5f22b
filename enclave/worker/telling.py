"""How often a training tells its progress: at once, then no more than once in a second.

What may be told at all is decided before anything comes here. Values that come faster wait for the
next time, so that none is lost and a run says no more than its seconds and its values allow.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cleanroom.protocol.run import MOST_LIVE, LiveValue, Stage

TICK_S = 1.0
"""Progress of a training is told no more often, in seconds."""
DONE = 100
"""Of a training that is over, in percent: what still waits is told now."""


class Advance(Protocol):
    """Says how far a run is."""

    def __call__(self, stage: Stage, percent: int, live: Sequence[LiveValue] = ()) -> None:
        """Say it now."""
        ...


@dataclass(slots=True)
class Teller:
    """Takes progress as it comes, and tells it as often as it may be.

    Args:
        advance: says it.
        clock: monotonic, in seconds.
    """

    advance: Advance
    clock: Callable[[], float]
    _waiting: list[LiveValue] = field(default_factory=list)
    _percent: int = 0
    _next: float = float("-inf")

    def take(self, percent: int, values: Sequence[LiveValue]) -> None:
        """Progress of a training; see `rounds.Tell`."""
        self._waiting += values
        self._percent = percent
        if percent < DONE and self.clock() < self._next:
            return
        self._next = self.clock() + TICK_S
        self._tell(percent)
        while percent >= DONE and self._waiting:
            self._tell(percent)

    def rest(self) -> None:
        """The training is over, perhaps before its last round: tell what still waits."""
        while self._waiting:
            self._tell(self._percent)

    def _tell(self, percent: int) -> None:
        told, self._waiting = self._waiting[:MOST_LIVE], self._waiting[MOST_LIVE:]
        self.advance("train", percent, told)
