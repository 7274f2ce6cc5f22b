"""One stream to the coordinator: canonical records out, canonical records in.

Only bytes and the order of messages are its business; what they say is checked by whoever reads
them. Everything that arrives, and the end of the stream, goes into one inbox.
"""

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import grpc

from cleanroom.encoding import Record
from cleanroom.errors import CleanroomError, DeadlineExceeded, TransferBroken
from cleanroom.wire.errors import from_rpc
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2_grpc as rpc

ANSWER_TIMEOUT_S = 30.0
"""How long the coordinator may take for each answer of a join, in seconds."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A record arrived; its canonical bytes."""

    record: bytes


@dataclass(frozen=True, slots=True)
class Ended:
    """The stream is over."""

    error: CleanroomError


Word = Arrived | Ended


class Session:
    """An open `Workers.Session` stream."""

    def __init__(self, channel: grpc.Channel, address: str) -> None:
        self._address = address
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._inbox: queue.SimpleQueue[Word] = queue.SimpleQueue()
        self._deliver: Callable[[Word], None] = self._inbox.put
        self._turn = threading.Lock()
        self._call = rpc.WorkersStub(channel).Session(self._outgoing())
        threading.Thread(target=self._read, name="session", daemon=True).start()

    def send(self, record: Record) -> None:
        """Send one record."""
        self._outbox.put(record.to_bytes())

    def receive(self, timeout_s: float = ANSWER_TIMEOUT_S) -> bytes:
        """Wait for the next record; only before `deliver_to`.

        Raises:
            DeadlineExceeded: none arrived in time.
            CleanroomError: the coordinator refused or the stream broke.
        """
        try:
            word = self._inbox.get(timeout=timeout_s)
        except queue.Empty:
            raise DeadlineExceeded(f"{self._address} did not answer in time") from None
        if isinstance(word, Ended):
            raise word.error
        return word.record

    def deliver_to(self, deliver: Callable[[Word], None]) -> None:
        """From now on call `deliver` with each word, those that already arrived first."""
        with self._turn:
            while not self._inbox.empty():
                deliver(self._inbox.get())
            self._deliver = deliver

    def close(self) -> None:
        """End the stream."""
        self._outbox.put(None)
        self._call.cancel()

    def _outgoing(self) -> Iterator[pb.Canonical]:
        while (record := self._outbox.get()) is not None:
            yield pb.Canonical(record=record)

    def _read(self) -> None:
        error: CleanroomError = TransferBroken("the coordinator ended the session")
        try:
            for message in self._call:
                self._say(Arrived(message.record))
        except grpc.RpcError as failed:
            error = from_rpc(failed, self._address)
        self._say(Ended(error))

    def _say(self, word: Word) -> None:
        with self._turn:
            self._deliver(word)
