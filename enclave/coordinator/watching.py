"""Progress of runs for those who watch: kept in memory, one short list for each run.

Events carry a phase, a stage and a percentage, never a count of rows; and values of outputs that
the manifest lets be told while they grow, which `live` keeps for their recipients. They are not
part of the log: after a restart, or long after its end, a run's story begins again with the phase
it is in.
"""

import threading
from collections import deque
from datetime import datetime

from cleanroom.protocol.run import FINAL, LiveValue, Phase, RunEvent, Stage
from cleanroom.protocol.work import Progress
from enclave.coordinator.state import Run

MOST_EVENTS = 2000
"""Progress of one run beyond this is not kept; changes of its phase always are."""
MOST_STORIES = 256
"""Runs that are over and whose events are kept; older ones begin again with their end."""
_STAGES: dict[Phase, Stage] = {
    "submitted": "queued",
    "authorized": "provision",
    "provisioned": "provision",
    "running": "fetch",
    "output-check": "seal",
    "release-pending": "seal",
}
"""The stage a run is in when nobody has said more."""


class Board:
    """The events of each run; safe to use from many threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._events: dict[str, list[RunEvent]] = {}
        self._over: deque[str] = deque()

    def announce(self, run: Run, at: datetime) -> None:
        """The run's phase is what it is now."""
        with self._changed:
            told = self._events.setdefault(run.name, [])
            if told and (told[-1].phase, told[-1].lost) == (run.phase, len(run.earlier)):
                return
            stage = _STAGES.get(run.phase) or (told[-1].stage if told else "queued")
            percent = 100 if run.phase in FINAL else 0
            self._add(told, run, at, Progress(run=run.name, stage=stage, percent=percent))
            if run.over:
                self._forget_older(run.name)

    def progress(self, run: Run, at: datetime, said: Progress) -> None:
        """A worker says how far it is; what an earlier gang told is not told again."""
        with self._changed:
            told = self._events.setdefault(run.name, [])
            if run.earlier:
                known = {_place(value) for event in told for value in event.live}
                fresh = [value for value in said.live if _place(value) not in known]
                said = said.model_copy(update={"live": fresh})
            if len(told) < MOST_EVENTS and (not told or told[-1].phase not in FINAL):
                self._add(told, run, at, said)

    def after(self, run: Run, at: datetime, sequence: int, timeout_s: float) -> list[RunEvent]:
        """Events from `sequence` on; waits for one at most `timeout_s` seconds.

        Who has heard more than is told here, before a restart, hears the story from its start.
        """
        with self._changed:
            if run.name not in self._events:
                self.announce(run, at)
            told = self._events[run.name]
            first = sequence if sequence <= len(told) else 0
            self._changed.wait_for(lambda: len(told) > first, timeout_s)
            return told[first:]

    def _forget_older(self, name: str) -> None:
        self._over.append(name)
        if len(self._over) > MOST_STORIES:
            self._events.pop(self._over.popleft(), None)

    def _add(self, told: list[RunEvent], run: Run, at: datetime, said: Progress) -> None:
        event = RunEvent(
            run=run.name,
            sequence=len(told),
            at=at,
            phase=run.phase,
            stage=said.stage,
            percent=said.percent,
            code=run.code,
            live=said.live,
            lost=len(run.earlier),
            resumed=run.earlier[-1].rounds if run.earlier else 0,
        )
        told.append(event)
        self._changed.notify_all()


def _place(value: LiveValue) -> tuple[str, int, str, str]:
    """Which line of which curve."""
    return value.output, value.round, value.metric, value.part
