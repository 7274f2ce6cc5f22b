"""The engine for one worker: a fresh subprocess for each run, started ahead so that it is warm.

A spare has done its imports and holds nothing. It is used for one run and ends with it, so what
it decrypted is gone with its memory.
"""

import contextlib
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Self

from cleanroom.errors import CleanroomError, ComputationFailed, MachineUnfit
from cleanroom.protocol.work import Failed, Finished, Progress, read_message
from enclave.worker.confine import command, environment
from enclave.worker.engine import Job, Say
from enclave.worker.pipe import Fetched, read_frame, write_frame

TASK = "enclave.worker.task"


class Subprocess:
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

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def out(self) -> BinaryIO:
        """Where its frames come from."""
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        return self._process.stdout  # type: ignore[return-value]

    @property
    def lives(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def write(self, *frames: bytes | memoryview) -> None:
        """Send frames, together; a process that has ended takes none."""
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        with self._turn:
            for content in frames:
                try:
                    write_frame(self._process.stdin, content)  # type: ignore[arg-type]
                except (BrokenPipeError, ValueError):
                    return

    def kill(self) -> None:
        """End it at once, and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        with self._turn, contextlib.suppress(BrokenPipeError):
            if self._process.stdin is not None:
                self._process.stdin.close()


class Spares:
    """Keeps one warm subprocess ahead; used once, replaced when its run has ended."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._spare: Subprocess | None = None
        self._closed = False

    def __enter__(self) -> Self:
        self.refill()
        return self

    def __exit__(self, *failure: object) -> None:
        self._closed = True
        if self._spare is not None:
            self._spare.kill()

    def refill(self) -> None:
        """Start a spare unless there is one that lives."""
        if self._closed or (self._spare is not None and self._spare.lives):
            return
        self._spare = warm_task(self._directory)

    def take(self) -> "ProcessExecution":
        """An execution in the spare."""
        self.refill()
        task, self._spare = self._spare, None
        if task is None:
            raise MachineUnfit("the worker is ending and starts no run")
        return ProcessExecution(task, self.refill)


def warm_task(directory: Path) -> Subprocess:
    """A task that has no order yet; it does not outlive this process."""
    return Subprocess(command(TASK, str(os.getpid())), environment(directory), directory)


class ProcessExecution:
    """One run in one subprocess."""

    def __init__(self, task: Subprocess, gone: Callable[[], None]) -> None:
        self._task = task
        self._gone = gone

    def begin(self, job: Job) -> None:
        """Hand over the order and its keys, and listen."""
        names = sorted(job.accepted.order.inputs)
        keys = [job.keys.key(name) for name in names]
        self._task.write(job.assignment.to_bytes(), *keys)
        run = job.accepted.order.run
        threading.Thread(target=listen, args=(self._task.out, run, job.say), daemon=True).start()

    def keeps(self, index: int) -> bool:
        """Every part."""
        del index
        return True

    def supply(self, fetched: Fetched) -> None:
        """Tell the task where the part is."""
        self._task.write(fetched.to_bytes())

    def kill(self) -> None:
        """End the subprocess."""
        self._task.kill()
        self._gone()


def listen(out: BinaryIO, run: str, say: Say) -> None:
    """Pass on what a computing subprocess says about `run`, until its last word."""
    last: Failed | Finished | None = None
    while last is None:
        message = _next_word(out, run)
        if isinstance(message, Progress):
            say(message)
        else:
            last = message
    out.close()
    say(last)


def _next_word(out: BinaryIO, run: str) -> Progress | Finished | Failed:
    """The next message; a process that ends or speaks out of turn has failed."""
    try:
        message = read_message(read_frame(out))
    except (CleanroomError, OSError, ValueError):
        message = None
    if isinstance(message, Progress | Finished | Failed) and message.run == run:
        return message
    return Failed(run=run, code=ComputationFailed.code)
