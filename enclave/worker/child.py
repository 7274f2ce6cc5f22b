"""A subprocess of ours that computes: frames to it and frames from it, until its last word.

Nothing of its standard error is read. It is started with an environment of our own and in its own
session, and ended by its id.
"""

import contextlib
import subprocess
import threading
from pathlib import Path
from typing import IO

from cleanroom.errors import CleanroomError
from cleanroom.protocol.snapshot import Snapshot
from cleanroom.protocol.work import Failed, Finished, Progress, read_message
from enclave.worker.engine import Say
from enclave.worker.pipe import Reading, read_frame, write_frame


class Child:
    """A Python process of ours with a pipe to it and one from it."""

    def __init__(self, arguments: list[str], environ: dict[str, str], directory: Path) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own module, our own words
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environ,
            cwd=directory,
            start_new_session=True,
        )
        self._turn = threading.Lock()
        self._listening: threading.Thread | None = None

    @property
    def lives(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def write(self, *frames: bytes | memoryview) -> None:
        """Send frames, together; a process that has ended takes none."""
        with self._turn, contextlib.suppress(BrokenPipeError, ValueError):
            for content in frames:
                write_frame(_pipe(self._process.stdin), content)

    def listen(self, run: str, say: Say, ended: type[CleanroomError]) -> None:
        """Pass on what it says about `run`, in a thread, until its last word.

        Args:
            run: what it works on.
            say: where its messages go.
            ended: what it means when it ends, or speaks out of turn, without a last word.
        """
        words = (_pipe(self._process.stdout), run, say, ended)
        self._listening = threading.Thread(target=_listen, args=words, daemon=True)
        self._listening.start()

    def kill(self) -> None:
        """End it at once, and wait until it is gone; twice does no harm."""
        self._process.kill()
        self._process.wait()
        with self._turn, contextlib.suppress(BrokenPipeError):
            _pipe(self._process.stdin).close()
        if self._listening is None:
            _pipe(self._process.stdout).close()


def _listen(out: IO[bytes], run: str, say: Say, ended: type[CleanroomError]) -> None:
    with out:
        while isinstance(message := _next_word(out, run), Progress | Snapshot):
            say(message)
    say(message or Failed(run=run, code=ended.code))


def _next_word(out: Reading, run: str) -> Progress | Snapshot | Finished | Failed | None:
    """The next message; None where there is none, or it is out of turn."""
    try:
        message = read_message(read_frame(out))
    except (CleanroomError, OSError, ValueError):
        return None
    if isinstance(message, Progress | Snapshot | Finished | Failed) and message.run == run:
        return message
    return None


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # noqa: S101 - a pipe was asked for
    return pipe
