"""Values that must not be seen, what they look like wherever bytes go, and who looks for them.

All e-mails of a flock carry one random marker and all numbers one random beginning, so a handful of
needles finds any of thousands of values in any common spelling.
"""

import base64
import hashlib
import os
import secrets
import socket
import struct
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pyarrow as pa

STEP = 2**16 * 5**5
"""A multiple of it ends in sixteen zero bits and in five zeros, so both beginnings stay the same."""
NUMBERS = 2**16
HASHED = 10
"""So many e-mails are looked for by their bare hash as well."""
LARGEST_PACKET = 1 << 17
RECEIVE_BUFFER = 256 << 20
SOL_PACKET, PACKET_STATISTICS, EVERY_PROTOCOL = 263, 6, 3
"""From `linux/if_packet.h` and `linux/if_ether.h`."""


class Flock:
    """E-mails and numbers with a marker of their own, and the needles that find them."""

    def __init__(self) -> None:
        self.marker = f"canary{secrets.token_hex(8)}"
        self.base = (1 << 59) // STEP * STEP - secrets.randbelow(1 << 28) * STEP

    def emails(self, first: int, count: int) -> list[str]:
        """E-mails number `first` and on."""
        return [self.email(number) for number in range(first, first + count)]

    def email(self, number: int) -> str:
        """One of them."""
        return f"{self.marker}.{number}@leak.example"

    def numbers(self, first: int, count: int) -> pa.Array:
        """As many numbers, below 2**59."""
        return pa.array(
            [self.base + at % NUMBERS for at in range(first, first + count)], pa.int64()
        )

    def needles(self) -> dict[str, bytes]:
        """What to look for, by what it is."""
        number = self.base.to_bytes(8, "big")[:6]
        hashes = [hashlib.sha256(self.email(at).encode()) for at in range(1000, 1000 + HASHED)]
        return {
            **spelt("e-mail", self.marker),
            **spelt("number in words", str(self.base)[:-5]),
            "number": number[::-1],
            "number, high byte first": number,
            **{f"hash {at}": one.digest() for at, one in enumerate(hashes)},
            **{f"hash {at} in words": one.hexdigest().encode() for at, one in enumerate(hashes)},
        }


def spelt(what: str, text: str) -> dict[str, bytes]:
    """A text in every encoding it may turn up in."""
    raw = text.encode()
    return {
        what: raw,
        f"{what}, UTF-16 low": text.encode("utf-16-le"),
        f"{what}, UTF-16 high": text.encode("utf-16-be"),
        f"{what}, hexadecimal": raw.hex().encode(),
        **{f"{what}, base64 from {at}": inner_base64(raw, at) for at in range(3)},
    }


def secret_needles(what: str, key: bytes) -> dict[str, bytes]:
    """A key as bytes, hexadecimal and base64."""
    return {
        what: key,
        f"{what}, hexadecimal": key.hex().encode(),
        **{f"{what}, base64 from {at}": inner_base64(key, at) for at in range(3)},
    }


def inner_base64(raw: bytes, at: int) -> bytes:
    """What stays the same of `raw` in base64 when it begins `at` bytes into a group of three."""
    whole = base64.b64encode(bytes(at) + raw)
    return whole[4 if at else 0 : len(whole) // 4 * 4 - 4]


@dataclass
class Looking:
    """Looks for needles; knows how much it looked at."""

    needles: Mapping[str, bytes]
    found: set[str] = field(default_factory=set)
    """`place: what`."""
    places: set[str] = field(default_factory=set)
    """Everything that was looked at."""

    def at(self, place: str, content: bytes) -> None:
        """Look at some bytes."""
        self.places.add(place)
        self.found |= {
            f"{place}: {what}" for what, needle in self.needles.items() if needle in content
        }

    def below(self, *directories: Path) -> Self:
        """Look at every file's name and content below directories; what goes meanwhile is gone."""
        for directory in directories:
            for path in _files(directory):
                self.at(f"{path} (name)", str(path).encode())
                try:
                    self.at(str(path), path.read_bytes())
                except OSError:
                    continue
        return self

    def processes(self, process_ids: Iterable[int]) -> Self:
        """Look at what everybody on the machine may see of processes, and at their environment."""
        for process_id in process_ids:
            for name in ("cmdline", "environ", "comm"):
                try:
                    content = Path(f"/proc/{process_id}/{name}").read_bytes()
                except OSError:
                    continue
                self.at(f"{name} of a process", content)
        return self


def _files(directory: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(directory, onerror=lambda _: None):
        for name in names:
            path = Path(parent, name)
            if path.is_file():
                yield path


@contextmanager
def again_and_again(look: Looking, *places: Path, named: str) -> Iterator[Looking]:
    """Look at directories `named` below `places` while the block runs, as often as it goes."""
    over = threading.Event()

    def keep_looking() -> None:
        while not over.wait(0.1):
            look.below(*(found for place in places for found in place.glob(named)))

    thread = threading.Thread(target=keep_looking)
    thread.start()
    try:
        yield look
    finally:
        over.set()
        thread.join()


@dataclass
class Wire:
    """What went over this machine's loopback."""

    look: Looking
    packets: int = 0
    size: int = 0
    """In bytes; loopback shows each packet twice."""
    missed: int = 0
    """Packets that came faster than they were looked at."""


@contextmanager
def captured(needles: Mapping[str, bytes]) -> Iterator[Wire | None]:
    """What `loopback` gives, where this user may capture it; None elsewhere."""
    with ExitStack() as stack:
        try:
            wire = stack.enter_context(loopback(needles))
        except PermissionError:
            wire = None
        yield wire


@contextmanager
def loopback(needles: Mapping[str, bytes]) -> Iterator[Wire]:
    """Capture every packet on `lo` while the block runs.

    Raises:
        PermissionError: only root may.
    """
    wire = Wire(Looking(needles))
    family, protocol = socket.AF_PACKET, socket.htons(EVERY_PROTOCOL)
    with socket.socket(family, socket.SOCK_RAW, protocol) as capture:
        force = getattr(socket, "SO_RCVBUFFORCE", 33)
        capture.setsockopt(socket.SOL_SOCKET, force, RECEIVE_BUFFER)
        capture.bind(("lo", 0))
        capture.settimeout(0.2)
        over = threading.Event()
        thread = threading.Thread(target=_listen, args=(capture, wire, over))
        thread.start()
        try:
            yield wire
        finally:
            over.set()
            thread.join()
            statistics = capture.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8)
            wire.missed = struct.unpack("II", statistics)[1]


def _listen(capture: socket.socket, wire: Wire, over: threading.Event) -> None:
    """Until it is over and nothing more waits."""
    while True:
        try:
            packet = capture.recv(LARGEST_PACKET)
        except TimeoutError:
            if over.is_set():
                return
            continue
        wire.packets += 1
        wire.size += len(packet)
        wire.look.at("loopback", packet)
