"""Messages on their way to workers: one bounded line for each open stream.

Putting a message never waits: a worker that does not read is sent away. Nothing is kept for a
worker that is not connected.
"""

import queue
import threading
from dataclasses import dataclass, field

from cleanroom.errors import AdmissionRefused, CleanroomError
from cleanroom.protocol.work import ToWorker

MOST_MESSAGES = 256
"""A worker with more unread messages is gone."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The stream ends."""

    reason: CleanroomError


@dataclass(frozen=True, slots=True)
class Received:
    """The worker sent something."""

    record: bytes


Item = ToWorker | Received | Closed


@dataclass(frozen=True, slots=True)
class Stream:
    """What one stream has to do next, from both sides; its thread takes items one by one."""

    items: "queue.SimpleQueue[Item]" = field(default_factory=queue.SimpleQueue)

    def put(self, item: Item) -> None:
        """Add something to do."""
        self.items.put(item)

    def take(self, timeout_s: float) -> Item | None:
        """The next thing to do, or None when there was nothing in time."""
        try:
            return self.items.get(timeout=timeout_s)
        except queue.Empty:
            return None


class Outboxes:
    """The open streams by worker; safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: dict[str, Stream] = {}

    def open(self, instance: str, stream: Stream) -> None:
        """Connect an admitted worker."""
        with self._lock:
            self._streams[instance] = stream

    def tell(self, instance: str, message: ToWorker) -> None:
        """Send a message, if the worker is still connected."""
        with self._lock:
            stream = self._streams.get(instance)
        if stream is None:
            return
        if stream.items.qsize() < MOST_MESSAGES:
            stream.put(message)
        else:
            self.close(instance)

    def close(self, instance: str) -> None:
        """End a worker's stream."""
        with self._lock:
            stream = self._streams.pop(instance, None)
        if stream is not None:
            stream.put(Closed(AdmissionRefused(f"the lease of {instance} has ended")))

    def close_all(self, reason: CleanroomError) -> None:
        """End every stream: the coordinator stops."""
        with self._lock:
            streams, self._streams = self._streams, {}
        for stream in streams.values():
            stream.put(Closed(reason))
