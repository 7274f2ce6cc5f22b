"""Gives a node's own tasks their keys, over a socket in the run's private directory.

So keys pass neither through Ray's objects nor through files. Whoever asks must be of our user and
descend from the Ray node that this worker started; it gets one input's key, and the place of one
part, once that part has arrived.
"""

import os
import socket
import struct
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from io import BufferedRWPair
from pathlib import Path
from typing import Literal

from pydantic import Field

from cleanroom.encoding import Name, Record
from cleanroom.errors import CallerRefused, CleanroomError, RunCancelled, TransferBroken
from enclave.worker.engine import Job
from enclave.worker.pipe import Assignment, Fetched, read_frame, write_frame
from enclave.worker.processes import descendants

CREDENTIALS = struct.Struct("3i")
"""struct ucred: process, user, group (unix(7), SO_PEERCRED)."""
BACKLOG = 64


class Need(Record):
    """A task asks for one part of one input."""

    kind: Literal["need"] = "need"
    input: Name
    index: int = Field(ge=0)


@dataclass(frozen=True, slots=True)
class Given:
    """What a task gets."""

    assignment: Assignment
    fetched: Fetched
    key: bytearray = field(repr=False)


class KeyService:
    """Serves one run on one node until it is closed."""

    def __init__(self, path: Path, root: int, job: Job) -> None:
        """Listen on `path` for descendants of the process `root`."""
        self._root = root
        self._job = job
        self._arrived: dict[tuple[str, int], Fetched] = {}
        self._change = threading.Condition()
        self._closed = False
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        path.chmod(0o600)
        self._listener.listen(BACKLOG)
        threading.Thread(target=self._accept, name="keys", daemon=True).start()

    def supply(self, fetched: Fetched) -> None:
        """A part has arrived."""
        with self._change:
            self._arrived[fetched.input, fetched.index] = fetched
            self._change.notify_all()

    def close(self) -> None:
        """Serve nobody any more; who waits is turned away."""
        with self._change:
            self._closed = True
            self._change.notify_all()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(caller,), daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        with caller, caller.makefile("rwb") as pipe, suppress(CleanroomError, OSError):
            require_descendant(caller, self._root)
            need = Need.from_bytes(read_frame(pipe))
            fetched = self._wait_for(need)
            write_frame(pipe, self._job.assignment.to_bytes())
            write_frame(pipe, fetched.to_bytes())
            write_frame(pipe, self._job.keys.key(need.input))

    def _wait_for(self, need: Need) -> Fetched:
        place = (need.input, need.index)
        with self._change:
            self._change.wait_for(lambda: self._closed or place in self._arrived)
            if self._closed:
                raise RunCancelled("the run has ended")
            return self._arrived[place]


def require_descendant(caller: socket.socket, root: int) -> int:
    """Return the caller's process id once it is our user's and descends from `root`.

    Raises:
        CallerRefused: it is somebody else.
    """
    raw = caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size)
    pid, user, _ = CREDENTIALS.unpack(raw)
    if user != os.getuid() or pid not in descendants(root):
        raise CallerRefused("the caller is no process of this run's node")
    return int(pid)


def ask(path: str, name: str, index: int) -> Given:
    """Called in a task: one part of one input, when it has arrived.

    Args:
        path: the node's socket.
        name: the input.
        index: the part.

    Raises:
        TransferBroken: the node's worker refused or ended.
    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
            caller.connect(path)
            with caller.makefile("rwb") as pipe:
                return _asked(pipe, Need(input=name, index=index))
    except OSError:
        raise TransferBroken("the node's worker gives no key") from None


def _asked(pipe: BufferedRWPair, need: Need) -> Given:
    write_frame(pipe, need.to_bytes())
    assignment = Assignment.from_bytes(read_frame(pipe))
    fetched = Fetched.from_bytes(read_frame(pipe))
    return Given(assignment, fetched, bytearray(read_frame(pipe)))
