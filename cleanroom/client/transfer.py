"""Ciphertext on its way: files to the room and sealed results back, in chunks, resumable.

Blobs are named by their digest. The room says how much of a blob it has, so an upload goes on
where it broke; what is downloaded is compared with its name before anybody sees it. Nothing here
knows what the bytes mean.
"""

import hmac
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cleanroom.client.calls import Calls
from cleanroom.client.transport import Transport
from cleanroom.encoding import raw_digest
from cleanroom.errors import Overloaded, TransferBroken
from cleanroom.protocol.dataset import Part
from cleanroom.wire.channels import CHUNK
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb

SLOWEST = 256 * 1024
"""A transfer that is slower over its whole length ends and resumes, in bytes per second."""
LEAST_S = 60.0
"""No transfer has less time, in seconds."""
AT_ONCE = 2
"""Parts that travel at the same time: more gain nothing on one channel."""
PAUSES_S = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Pauses before a part is offered again to a room that is busy with it, in seconds."""

Progress = Callable[[int, int | None], None]
"""Called with bytes done, and bytes in all once that is known."""


def silent(_done: int, _total: int | None) -> None:
    """The progress nobody looks at."""


class Upload:
    """Parts that travel while later ones are still being sealed.

    Use as a context manager: leaving it waits for what travels, or gives up what waits if the
    body failed.
    """

    def __init__(self, calls: Calls, progress: Progress = silent) -> None:
        self._calls = calls
        self._progress = progress
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="upload")
        self._parts: list[Future[pb.BlobStatus]] = []
        self._done = 0
        self._sizes = 0
        self._total: int | None = None

    def add(self, part: Part, path: Path) -> None:
        """Send one more part, in the background."""
        self._sizes += part.size
        self._parts.append(self._pool.submit(self._send, part, path))

    def finish(self) -> None:
        """Wait until every part is stored.

        Raises:
            TransportError: a part could not be sent, after all patience.
        """
        self._total = self._sizes
        self._report(0)
        for part in self._parts:
            part.result()

    def _send(self, part: Part, path: Path) -> pb.BlobStatus:
        for pause in PAUSES_S:
            try:
                return self._calls.attempt(lambda to: self._send_once(to, part, path), self._stop)
            except Overloaded:
                # NOTE: after a break the room may still hold the end of the same upload open
                if self._stop.wait(pause):
                    raise
        return self._calls.attempt(lambda to: self._send_once(to, part, path), self._stop)

    def _send_once(self, to: Transport, part: Part, path: Path) -> pb.BlobStatus:
        status: pb.BlobStatus = to.call(to.blobs.Stat, pb.BlobRequest(digest=part.digest))
        if not status.complete:
            offset = min(status.stored, part.size)
            sent = self._chunks(part, path, offset)
            status = to.call(to.blobs.Put, sent, _seconds(part.size - offset))
        if not status.complete:
            raise TransferBroken(
                f"the room stored {status.stored} bytes of a part, expected {part.size}"
            )
        self._report(part.size)
        return status

    def _chunks(self, part: Part, path: Path, offset: int) -> Iterator[pb.Chunk]:
        header = pb.BlobHeader(digest=part.digest, size=part.size, offset=offset)
        yield pb.Chunk(header=header)
        with path.open("rb", buffering=0) as file:
            file.seek(offset)
            while content := file.read(CHUNK):
                if self._stop.is_set():
                    return  # the room keeps what it has; whoever asks again goes on there
                yield pb.Chunk(content=content)

    def _report(self, more: int) -> None:
        with self._lock:
            self._done += more
            self._progress(self._done, self._total)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._stop.set()
        self._pool.shutdown(wait=True, cancel_futures=kind is not None)


def download(calls: Calls, digest: str, size: int, progress: Progress = silent) -> bytearray:
    """Fetch a blob of a known size; it is compared with its name before it is returned.

    Args:
        calls: to the room.
        digest: its name.
        size: what the room said about it, in bytes; more is refused.
        progress: called after each chunk.

    Raises:
        TransferBroken: it ended early, or its bytes are of another digest.
        Overloaded: it is longer than announced.
    """
    content = bytearray()

    def begin(to: Transport) -> Iterator[pb.Chunk]:
        wanted = pb.BlobRequest(digest=digest, offset=len(content))
        yield from to.stream(to.blobs.Get, wanted, _seconds(size - len(content)))
        if len(content) < size:
            raise TransferBroken(f"a blob ended after {len(content)} bytes, expected {size}")

    for chunk in calls.resumed(begin):
        if len(content) + len(chunk.content) > size:
            raise Overloaded(f"a blob is longer than the {size} bytes that were announced")
        content += chunk.content
        progress(len(content), size)
    if not hmac.compare_digest(sha256(content).digest(), raw_digest(digest)):
        raise TransferBroken("the bytes of a blob are not those that its digest names")
    return content


def collect(
    calls: Calls, choose: Callable[[Transport], Callable[..., Any]], request: object, most: int
) -> bytes:
    """Fetch a record that may be longer than a message; after a break it is fetched anew.

    Args:
        calls: to the room.
        choose: the method, which answers in chunks.
        request: what is asked for.
        most: it is no longer, in bytes.

    Raises:
        Overloaded: it is.
        CleanroomError: what the room answered instead.
    """

    def whole(to: Transport) -> bytes:
        content = bytearray()
        for chunk in to.stream(choose(to), request, _seconds(most)):
            content += chunk.content
            if len(content) > most:
                raise Overloaded(f"the record is longer than {most} bytes")
        return bytes(content)

    calls.require_active()
    return calls.attempt(whole)


def _seconds(size: int) -> float:
    return max(LEAST_S, size / SLOWEST)
