"""The phases of a run, the one table that leads from each to the next, and the only `move`.

`docs/room.md` is drawn from `TRANSITIONS`. Which happening follows from an event is decided in
`room`; nothing but `Draft.move` gives a run its phase.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from cleanroom.errors import RunRefused
from cleanroom.ledger.entry import Content
from cleanroom.protocol.run import Phase
from enclave.coordinator.effects import Announce, Effect
from enclave.coordinator.governing import Change
from enclave.coordinator.state import Room, Run, Worker

FIRST: Phase = "submitted"
"""Where every run begins."""
Happening = Literal[
    "chosen", "equipped", "granted", "reported", "checked", "released",
    "withheld", "lost", "failed", "cancelled", "expired",
]  # fmt: skip
"""What can happen to a run; events and the room's own rules cause it."""

_END: Mapping[Happening, Phase] = {
    "failed": "failed",
    "cancelled": "aborted",
    "expired": "timed-out",
}
TRANSITIONS: Mapping[Phase, Mapping[Happening, Phase]] = {
    "submitted": {"chosen": "authorized", **_END},
    "authorized": {"equipped": "provisioned", "granted": "running", "lost": FIRST, **_END},
    "provisioned": {"granted": "running", "lost": FIRST, **_END},
    "running": {"reported": "output-check", "withheld": "refused", "lost": FIRST, **_END},
    "output-check": {"checked": "release-pending", "withheld": "refused", **_END},
    "release-pending": {"released": "released", **_END},
    "released": {},
    "refused": {},
    "failed": {},
    "aborted": {},
    "timed-out": {},
}
"""Every way from one phase to another. `authorized` has its gang, `provisioned` its credentials,
`running` its keys, `output-check` its results stored, `release-pending` waits for its receipt.
A training that loses a worker waits for another gang (`ending`)."""
LOSABLE: frozenset[Phase] = frozenset({"authorized", "provisioned", "running"})
"""Phases in which a run needs its workers."""


@dataclass(slots=True)
class Draft:
    """The next room while one event is applied."""

    room: Room
    at: datetime
    contents: list[Content] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)

    def take(self, change: Change) -> None:
        """Go on with a changed room and what the log says about it."""
        self.room = change.room
        self.contents += change.contents

    def put(self, run: Run) -> Run:
        """Keep a run as it is now."""
        self.room = replace(self.room, runs={**self.room.runs, run.name: run})
        return run

    def bind(self, workers: Sequence[Worker], run: str | None) -> None:
        """Give the workers that are still here to a run, or to none."""
        bound = {
            w.instance: replace(w, run=run) for w in workers if w.instance in self.room.workers
        }
        self.room = replace(self.room, workers={**self.room.workers, **bound})

    def move(self, run: Run, happening: Happening) -> Run:
        """Take a run along the table.

        Raises:
            RunRefused: this cannot happen in its phase.
        """
        phase = TRANSITIONS[run.phase].get(happening)
        if phase is None:
            raise RunRefused(f"run {run.name} is {run.phase} and cannot be {happening}")
        self.effects.append(Announce(run.name))
        return self.put(replace(run, phase=phase))
