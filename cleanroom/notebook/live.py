"""A run as it goes on, in one place of a notebook: a line for each stage, then one that stays.

Where the manifest lets this party see a training's curve while it grows, the curve is drawn below,
and stays: it was told. Interrupting a watch asks whether the run itself is to end.
"""

from collections.abc import Callable
from datetime import datetime
from html import escape
from importlib import import_module
from typing import Any, get_args

from cleanroom.client.display import mark
from cleanroom.client.growing import Growing
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
        self.growing = Growing()
        """Values that were told while it went on."""

    def add(self, event: RunEvent) -> "Board":
        """Take in one event."""
        self._first = self._first or event.at
        if self._last is not None and event.lost > self._last.lost:
            self._percent.clear()
        self._last = event
        self.growing.add(event)
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
        resumed = f"resumed at round {event.resumed}" if event.resumed else "others go on"
        again = f" (worker lost, {resumed})" if event.lost else ""
        where = f"{event.stage} {event.percent} %{again}"
        return f"⏳ {self._computation}: {where}  {self.growing.line}".rstrip()

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


def watch(run: Run, timeout: float | None = None, ask: Callable[[str], str] = input) -> Run:
    """Follow a run live until it is over; what stays in the saved notebook is one line.

    Args:
        run: of a room.
        timeout: give up after so many seconds; never by default.
        ask: puts a question to the person who interrupts, and gives the answer.

    Returns:
        The same run, whatever became of it: `run.result()` raises what went wrong.

    Raises:
        MachineUnfit: IPython is not installed.
        DeadlineExceeded: it is not over in time; the run itself goes on.
        KeyboardInterrupt: it was interrupted, and the answer was not to cancel: the run goes on.
    """
    board, display = Board(run.computation), _display()
    line, curve = display(board, display_id=True), None
    try:
        for event in run.watch(timeout):
            board.add(event)
            _update(line, board)
            if event.live:
                picture = _drawn(board.growing, run.computation)
                curve = curve or display(picture, display_id=True)
                _update(curve, picture)
    except KeyboardInterrupt:
        if not _wants_cancel(ask):
            raise
        run.cancel()
        for event in run.watch(timeout):
            _update(line, board.add(event))
    return run


def _drawn(growing: Growing, title: str) -> Any:  # noqa: ANN401 - matplotlib, or a text
    """A picture where there is matplotlib, which only a curve needs; otherwise the line of text."""
    try:
        return import_module("cleanroom.notebook.course").growing_curves(growing, title)
    except ImportError:
        return growing.line


def _update(place: Any, shown: object) -> None:  # noqa: ANN401 - IPython's own
    if place is not None:  # outside of a notebook there is nothing to update
        place.update(shown)


def _wants_cancel(ask: Callable[[str], str]) -> bool:
    try:
        return ask("end the run itself? it counts as used (y/N) ").strip().lower() == "y"
    except (EOFError, NotImplementedError):  # nobody is there to answer
        return False


def _display() -> Callable[..., Any]:
    try:
        display: Callable[..., Any] = import_module("IPython.display").display
    except ImportError:
        raise MachineUnfit(
            "IPython is not installed", hint="pip install 'attested-cleanroom[notebook]'"
        ) from None
    return display
