"""A run as it goes on, in one place of a notebook: a line for each stage, then one that stays."""

from collections.abc import Callable
from datetime import datetime
from html import escape
from importlib import import_module
from typing import Any, get_args

from cleanroom.client.display import mark
from cleanroom.client.run import Run
from cleanroom.errors import MachineUnfit
from cleanroom.protocol.run import FINAL, RunEvent, Stage

STAGES: tuple[Stage, ...] = get_args(Stage)
"""In the order in which a run goes through them."""


class Board:
    """What is shown of a run so far; its representation shrinks to one line once it is over.

    Args:
        computation: what runs.
    """

    def __init__(self, computation: str) -> None:
        self._computation = computation
        self._percent: dict[str, int] = {}
        self._first: datetime | None = None
        self._last: RunEvent | None = None

    def add(self, event: RunEvent) -> "Board":
        """Take in one event."""
        self._first = self._first or event.at
        self._last = event
        for stage in STAGES[: STAGES.index(event.stage)]:
            self._percent[stage] = 100
        self._percent[event.stage] = event.percent
        return self

    @property
    def line(self) -> str:
        """One line that says where it is."""
        if self._last is None or self._first is None:
            return f"⏳ {self._computation}: waiting"
        event, code = self._last, f" ({self._last.code})" if self._last.code else ""
        seconds = int((event.at - self._first).total_seconds())
        if event.phase in FINAL:
            passed = mark(passed=event.phase == "released")
            return f"{passed} {self._computation} {event.phase}{code} after {seconds} s"
        return f"⏳ {self._computation}: {event.stage} {event.percent} %"

    def _repr_mimebundle_(self, **_formats: object) -> dict[str, str]:
        over = self._last is not None and self._last.phase in FINAL
        return {
            "text/plain": self.line,
            "text/html": escape(self.line) + ("" if over else self._table()),
        }

    def _table(self) -> str:
        rows = "".join(
            f"<tr><td>{stage}</td>"
            f'<td><progress value="{self._percent.get(stage, 0)}" max="100"></progress></td></tr>'
            for stage in STAGES
        )
        return f"<table>{rows}</table>"


def watch(run: Run, timeout: float | None = None) -> Run:
    """Follow a run live until it is over; what stays in the saved notebook is one line.

    Args:
        run: of a room.
        timeout: give up after so many seconds; never by default.

    Returns:
        The same run, whatever became of it: `run.result()` raises what went wrong.

    Raises:
        MachineUnfit: IPython is not installed.
        DeadlineExceeded: it is not over in time; the run itself goes on.
    """
    board = Board(run.computation)
    place = _display()(board, display_id=True)
    for event in run.watch(timeout):
        board.add(event)
        if place is not None:  # outside of a notebook there is nothing to update
            place.update(board)
    return run


def _display() -> Callable[..., Any]:
    try:
        display: Callable[..., Any] = import_module("IPython.display").display
    except ImportError:
        raise MachineUnfit(
            "IPython is not installed", hint="pip install 'attested-cleanroom[notebook]'"
        ) from None
    return display
