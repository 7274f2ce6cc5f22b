"""How the worker talks to its own subprocesses: frames on a pipe, and what they say.

A frame is a length (u32, big-endian) and bytes. Records travel as their canonical bytes; a data
key travels as a frame of its own, so that it is never part of a record, a text or a `repr`.
"""

from typing import Literal, Protocol

from pydantic import Field

from cleanroom.encoding import LARGEST_RECORD, Bytes, Name, Record
from cleanroom.errors import TransferBroken
from cleanroom.ledger.entry import RunId
from cleanroom.protocol.work import Order

LENGTH = 4
"""Bytes of a frame's length."""


class Reading(Protocol):
    """Something to read exact numbers of bytes from."""

    def read(self, size: int, /) -> bytes:
        """As `io.BufferedReader.read`."""
        ...


class Writing(Protocol):
    """Something to write bytes to."""

    def write(self, content: bytes | bytearray | memoryview, /) -> object:
        """As `io.BufferedWriter.write`."""
        ...

    def flush(self) -> object:
        """As `io.BufferedWriter.flush`."""
        ...


class Assignment(Record):
    """What a fresh subprocess is to compute; its keys follow, a frame for each input by name."""

    kind: Literal["assignment"] = "assignment"
    order: Order
    manifest: Bytes
    """Canonical bytes of the manifest in force."""
    seal_key: Bytes = Field(min_length=1216, max_length=1216)
    """The coordinator's, where the keys of results are sealed to."""
    directory: str
    """The run's private directory."""


class Fetched(Record):
    """A part is in the run's directory, whole and of its digest."""

    kind: Literal["fetched"] = "fetched"
    run: RunId
    input: Name
    index: int = Field(ge=0)
    file: str
    """Its place."""


def write_frame(pipe: Writing, content: bytes | bytearray | memoryview) -> None:
    """Write one frame and flush it."""
    pipe.write(len(content).to_bytes(LENGTH, "big"))
    pipe.write(content)
    pipe.flush()


def read_frame(pipe: Reading) -> bytes:
    """Read one frame.

    Raises:
        TransferBroken: the pipe ended, or the frame is larger than any record.
    """
    length = int.from_bytes(_exactly(pipe, LENGTH), "big")
    if length > LARGEST_RECORD:
        raise TransferBroken(f"a frame is {length} bytes, expected at most {LARGEST_RECORD}")
    return _exactly(pipe, length)


def _exactly(pipe: Reading, length: int) -> bytes:
    content = pipe.read(length)
    if len(content) != length:
        raise TransferBroken("the pipe ended inside of a frame")
    return content
