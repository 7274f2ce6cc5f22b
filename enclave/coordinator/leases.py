"""Leases of admitted workers, on the monotonic clock: nobody extends one by moving the time.

A lease says only for how long; that a worker left is an event.
"""

import threading
from collections.abc import Callable


class Leases:
    """When each worker's lease ends; safe to use from many threads."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._ends: dict[str, float] = {}

    def renew(self, instance: str, seconds: int) -> None:
        """Let a lease end this many seconds from now."""
        with self._lock:
            self._ends[instance] = self._monotonic() + seconds

    def end(self, instance: str) -> None:
        """Forget a lease."""
        with self._lock:
            self._ends.pop(instance, None)

    def expired(self) -> list[str]:
        """Workers whose lease is over."""
        with self._lock:
            now = self._monotonic()
            return [instance for instance, end in self._ends.items() if end <= now]
