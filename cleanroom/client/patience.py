"""How long breaks of a connection are waited out, with growing pauses; `calls` decides of which."""

import threading
import time

from cleanroom.errors import CallerRefused, CleanroomError

FIRST_PAUSE_S = 0.2
"""The pause after the first failure, in seconds; each next one is twice as long."""
LONGEST_PAUSE_S = 5.0
"""No pause is longer, in seconds."""


class Patience:
    """How long breaks are waited out from the first one on.

    Args:
        seconds: all pauses together, from the first break on.
        stop: ends all patience when it is set.
    """

    def __init__(self, seconds: float, stop: threading.Event | None = None) -> None:
        self._stop = stop or threading.Event()
        self._seconds = seconds
        self._end: float | None = None
        self._pause = FIRST_PAUSE_S
        self._refused = False

    def spend(self, broken: CleanroomError) -> None:
        """Wait a little; raise what broke once there is no time left."""
        if self._end is None:
            self._end = time.monotonic() + self._seconds
        left = self._end - time.monotonic()
        if left <= 0 or self._stop.wait(min(self._pause, left)):
            raise broken
        self._pause = min(self._pause * 2, LONGEST_PAUSE_S)

    def once(self, refused: CallerRefused) -> None:
        """A token may be forgotten by a restart; refused twice, it is really refused."""
        if self._refused:
            raise refused
        self._refused = True
