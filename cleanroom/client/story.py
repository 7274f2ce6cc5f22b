"""What was told of a run so far, over breaks and restarts of the coordinator."""

from collections.abc import Iterator

from cleanroom.client.transport import Transport
from cleanroom.protocol.run import RunEvent
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb


class Story:
    """The events of one run that its watcher has seen.

    Events are numbered while a coordinator lives; after a restart the story begins again with the
    phase that the run is in. So behind every new session it is read from its start, and what was
    told before is passed over.

    Args:
        run: its name.
    """

    def __init__(self, run: str) -> None:
        self._run = run
        self._told: set[bytes] = set()
        self._next = 0
        self._from: Transport | None = None

    def goes_on_with(self, transport: Transport) -> None:
        """The next events come from here."""
        if self._from is not transport:
            self._from, self._next = transport, 0

    def begin_again(self) -> None:
        """The next events are asked for from the first on."""
        self._next = 0

    def wanted(self) -> pb.WatchRequest:
        """What to ask for."""
        return pb.WatchRequest(run=self._run, after=self._next)

    def new(self, record: bytes) -> Iterator[RunEvent]:
        """The event, unless it was told before."""
        event = RunEvent.from_bytes(record)
        self._next = event.sequence + 1
        if record not in self._told:
            self._told.add(record)
            yield event
