"""The only way between the ranks of a training: IP packets inside mutual TLS, gang members only.

Each rank listens on the pinned port of its node and dials the ranks before it. Both ends show a
leaf of the run's authority; the name in it must be the address of that very rank; and the dialling
end says a secret that the driver drew for this attempt. Only then does the process leave every
other network (`seclusion`), and the connections carry its packets. One that breaks ends it all.
"""

import asyncio
import contextlib
import hmac
import os
import ssl
import struct
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from cleanroom.errors import CallerRefused, WorkerLost
from enclave.worker.tls import NodeFiles

SECRET_LENGTH = 32
"""Bytes of an attempt's secret."""
GREETING = struct.Struct(f"!{SECRET_LENGTH}sH")
"""Secret and rank: what the dialling end says first, and the other end answers."""
LENGTH = struct.Struct("!H")
"""Before each packet: its length in bytes."""
SOURCE, DESTINATION = slice(12, 16), slice(16, 20)
"""RFC 791, section 3.1."""
PATIENCE_S = 30.0
"""All ranks meet within so many seconds, or none does."""
AGAIN_S = 0.05
PROTOCOL = "cleanroom-tunnel"
BUFFER = 1 << 21
"""Bytes of a stream that may wait to be read."""
AT_ONCE = 16
"""So many packets are taken before somebody else has a turn."""

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True, slots=True)
class Meeting:
    """Who meets where; the same for all ranks but `rank`."""

    rank: int
    """This process's."""
    gang: tuple[tuple[str, int], ...]
    """Address and port of every rank, in order."""
    secret: bytes = field(repr=False)
    """Of this attempt."""


async def meet(meeting: Meeting, files: NodeFiles) -> dict[int, Stream]:
    """Connect with every other rank; the streams by rank.

    Raises:
        WorkerLost: not all came in time.
    """
    streams: dict[int, Stream] = {}
    complete = asyncio.Event()

    def met(rank: int, stream: Stream) -> None:
        streams[rank] = stream
        if len(streams) == len(meeting.gang) - 1:
            complete.set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            rank = await _answered(meeting, reader, writer, set(streams))
        except (CallerRefused, OSError, asyncio.IncompleteReadError):
            writer.close()
        else:
            met(rank, (reader, writer))

    host, port = meeting.gang[meeting.rank]
    server = await asyncio.start_server(
        answer, host, port, ssl=_context(files, ssl.Purpose.CLIENT_AUTH), limit=BUFFER
    )
    dials = [asyncio.create_task(_dialled(meeting, rank, files)) for rank in range(meeting.rank)]
    try:
        async with asyncio.timeout(PATIENCE_S):
            for rank, dial in enumerate(dials):
                met(rank, await dial)
            await complete.wait()
    except (TimeoutError, OSError):
        raise WorkerLost("the gang's ranks did not meet") from None
    finally:
        server.close()
        for dial in dials:
            dial.cancel()
    return streams


async def _dialled(meeting: Meeting, rank: int, files: NodeFiles) -> Stream:
    """Reach an earlier rank, which may not listen yet."""
    host, port = meeting.gang[rank]
    context = _context(files, ssl.Purpose.SERVER_AUTH)
    while True:
        try:
            reader, writer = await asyncio.open_connection(
                host, port, ssl=context, server_hostname=host, limit=BUFFER
            )
            writer.write(GREETING.pack(meeting.secret, meeting.rank))
            said, shown = GREETING.unpack(await reader.readexactly(GREETING.size))
            if hmac.compare_digest(said, meeting.secret) and shown == rank:
                return reader, writer
            writer.close()
        except (OSError, asyncio.IncompleteReadError):
            pass
        await asyncio.sleep(AGAIN_S)


async def _answered(
    meeting: Meeting,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    known: set[int],
) -> int:
    """The rank that has dialled, once it is one that is awaited.

    Raises:
        CallerRefused: it does not know the secret, is awaited no more, or has another's name.
    """
    said, rank = GREETING.unpack(await reader.readexactly(GREETING.size))
    require_secret(said, meeting.secret)
    require_awaited(
        rank, [each for each in range(meeting.rank + 1, len(meeting.gang)) if each not in known]
    )
    require_name(writer, meeting.gang[rank][0])
    writer.write(GREETING.pack(meeting.secret, meeting.rank))
    return int(rank)


def require_awaited(rank: int, awaited: Collection[int]) -> int:
    """Return the rank once it is one that has yet to come.

    Raises:
        CallerRefused: it came already, is dialled itself, or does not exist.
    """
    if rank not in awaited:
        raise CallerRefused("a rank dialled that is not awaited")
    return rank


def require_secret(said: bytes, secret: bytes) -> bytes:
    """Return the secret once the caller has said it.

    Raises:
        CallerRefused: it said another.
    """
    if not hmac.compare_digest(said, secret):
        raise CallerRefused("the caller does not know this attempt's secret")
    return secret


def require_name(writer: asyncio.StreamWriter, host: str) -> str:
    """Return the peer's address once its certificate names it.

    Raises:
        CallerRefused: the certificate is for another address.
    """
    shown = writer.get_extra_info("peercert") or {}
    if ("IP Address", host) not in shown.get("subjectAltName", ()):
        raise CallerRefused("the peer's certificate is for another address")
    return host


def _context(files: NodeFiles, purpose: ssl.Purpose) -> ssl.SSLContext:
    """TLS 1.3, both ends with a leaf of the run's authority and of no other."""
    context = ssl.create_default_context(purpose, cafile=str(files.authority))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(files.certificate, files.key)
    context.set_alpn_protocols([PROTOCOL])
    return context


async def carry(
    device: int, streams: Mapping[int, Stream], address: Callable[[int], bytes]
) -> None:
    """Carry packets between a device and the streams until one of them ends.

    Args:
        device: descriptor of the device.
        streams: by rank.
        address: the four bytes of a rank's address.
    """
    writers = {address(rank): writer for rank, (_, writer) in streams.items()}

    def sent() -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(AT_ONCE):
                packet = os.read(device, 1 << 16)
                writer = writers.get(packet[DESTINATION])
                if writer is not None:
                    writer.write(LENGTH.pack(len(packet)) + packet)

    async def received(rank: int, reader: asyncio.StreamReader) -> None:
        own = address(rank)
        while True:
            (length,) = LENGTH.unpack(await reader.readexactly(LENGTH.size))
            packet = await reader.readexactly(length)
            if packet[SOURCE] == own:  # nobody speaks for another rank
                os.write(device, packet)

    asyncio.get_running_loop().add_reader(device, sent)
    tasks = [asyncio.create_task(received(rank, reader)) for rank, (reader, _) in streams.items()]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
