"""`Workers`: one stream for each worker, from its hello to the end of its lease.

The stream's own thread does everything in order: what the worker sent, and what the room has to
say. A second thread only carries what arrives.
"""

import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from functools import partial

import grpc

from cleanroom.errors import AdmissionRefused, CleanroomError, DeadlineExceeded, TransferBroken
from cleanroom.protocol.join import Hello, Join
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2_grpc as rpc
from enclave.coordinator.admission import admit, challenge
from enclave.coordinator.engine import Engine
from enclave.coordinator.events import WorkerLeft
from enclave.coordinator.outboxes import Closed, Received, Stream
from enclave.coordinator.reports import Reports
from enclave.coordinator.services.calls import Places, streaming

MOST_SESSIONS = 192
HANDSHAKE_S = 20.0
"""A stream whose worker does not answer within this many seconds before it is admitted ends."""
UNREAD = 16
"""Messages of one worker that may wait to be read; more are not taken from the wire."""
FOREVER_S = 3600.0


class Workers(rpc.WorkersServicer):
    """Open to anybody: a worker proves itself inside."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._places = Places(MOST_SESSIONS, MOST_SESSIONS, "sessions")

    @streaming
    def Session(  # noqa: N802 - the service's name
        self, requests: Iterator[pb.Canonical], _: grpc.ServicerContext
    ) -> Iterator[pb.Canonical]:
        """Hello, Challenge, Join, Admit; then reports one way and messages the other."""
        with self._places.one("a worker"):
            unread, stream = threading.Semaphore(UNREAD), Stream()
            carry = threading.Thread(target=_carry, args=(requests, stream, unread), daemon=True)
            carry.start()
            try:
                yield from self._serve(stream, unread)
            finally:
                unread.release(UNREAD)

    def _serve(self, stream: Stream, unread: threading.Semaphore) -> Iterator[pb.Canonical]:
        engine = self._engine
        hello = Hello.from_bytes(_received(stream, unread))
        given = challenge(engine, hello)
        yield pb.Canonical(record=given.to_bytes())
        join = Join.from_bytes(_received(stream, unread))
        admitted = admit(engine, hello, given, join, stream)
        try:
            yield pb.Canonical(record=admitted.to_bytes())
            yield from _converse(stream, unread, Reports(engine, admitted.instance, join))
        finally:
            with suppress(CleanroomError):  # when the coordinator stops, the next boot notes it
                engine.apply(partial(_left, admitted.instance))


def _converse(
    stream: Stream, unread: threading.Semaphore, reports: Reports
) -> Iterator[pb.Canonical]:
    while True:
        match stream.take(FOREVER_S):
            case None:
                continue
            case Closed(reason=reason):
                raise reason
            case Received(record=record):
                unread.release()
                for answer in reports.receive(record):
                    yield pb.Canonical(record=answer.to_bytes())
            case message:
                yield pb.Canonical(record=message.to_bytes())


def _received(stream: Stream, unread: threading.Semaphore) -> bytes:
    match stream.take(HANDSHAKE_S):
        case Received(record=record):
            unread.release()
            return record
        case Closed(reason=reason):
            raise reason
        case None:
            raise DeadlineExceeded(f"the worker said nothing for {HANDSHAKE_S:.0f} s")
        case _:
            raise AdmissionRefused("the worker is not admitted yet")


def _carry(requests: Iterator[pb.Canonical], stream: Stream, unread: threading.Semaphore) -> None:
    try:
        for request in requests:
            unread.acquire()
            stream.put(Received(request.record))
    except Exception:  # noqa: BLE001 - gRPC raises when the stream breaks; it ends either way
        stream.put(Closed(TransferBroken("the worker's stream broke")))
    else:
        stream.put(Closed(TransferBroken("the worker ended its stream")))


def _left(instance: str, at: datetime) -> WorkerLeft:
    return WorkerLeft(at=at, instance=instance)
