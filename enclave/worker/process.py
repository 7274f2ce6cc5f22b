"""The engine for one worker: a fresh subprocess for each run, started ahead so that it is warm.

A spare has done its imports, also those that only some runs of this room want, and holds nothing.
It is used for one run and ends with it, so what it decrypted is gone with its memory.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Self

from cleanroom.errors import ComputationFailed, MachineUnfit
from enclave.worker.child import Child
from enclave.worker.confine import KEPT_MEMORY, command, environment
from enclave.worker.engine import Job
from enclave.worker.pipe import Fetched

TASK = "enclave.worker.task"


class Spares:
    """Keeps one warm subprocess ahead; used once, replaced when its run has ended."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._spare: Child | None = None
        self._loads: tuple[str, ...] = ()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self._closed = True
        self._discard()

    def expect(self, loads: tuple[str, ...]) -> None:
        """Have a spare for the runs of a room.

        Args:
            loads: what these may want, as names of `loading.LATE`; a spare that has loaded
                something else is replaced.
        """
        if loads != self._loads:
            self._discard()
        self._loads = loads
        self.refill()

    def refill(self) -> None:
        """Start a spare unless there is one that lives."""
        if self._closed:
            return
        if self._spare is not None and not self._spare.lives:
            self._discard()
        self._spare = self._spare or warm_task(self._directory, self._loads)

    def take(self) -> "ProcessExecution":
        """An execution in the spare."""
        self.refill()
        task, self._spare = self._spare, None
        if task is None:
            raise MachineUnfit("the worker is ending and starts no run")
        return ProcessExecution(task, self.refill)

    def _discard(self) -> None:
        if self._spare is not None:
            self._spare.kill()
        self._spare = None


def warm_task(directory: Path, loads: tuple[str, ...]) -> Child:
    """A task that has no order yet; it does not outlive this process."""
    surroundings = environment(directory) | KEPT_MEMORY
    return Child(command(TASK, str(os.getpid()), *loads), surroundings, directory)


class ProcessExecution:
    """One run in one subprocess."""

    def __init__(self, task: Child, gone: Callable[[], None]) -> None:
        self._task = task
        self._gone = gone

    def begin(self, job: Job) -> None:
        """Hand over the order and its keys, and listen."""
        names = sorted(job.accepted.order.inputs)
        self._task.write(job.assignment.to_bytes(), *[job.keys.key(name) for name in names])
        self._task.listen(job.accepted.order.run, job.say, ComputationFailed)

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
