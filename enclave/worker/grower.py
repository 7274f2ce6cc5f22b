"""Grows trees for a learner: shared memory for its rows, a subprocess for its rank, its words.

The subprocess is for one rank of one attempt. Memory is anonymous: it has no name, is in no
directory, and goes with its last holder.
"""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from cleanroom.errors import CATALOGUE, CleanroomError, ComputationFailed, WorkerLost
from enclave.computations.threads import THREADS
from enclave.computations.training.rounds import Measured
from enclave.computations.training.spread import Growth
from enclave.computations.training.steps import View, part
from enclave.worker.confine import command, environment
from enclave.worker.growing import Course, Part, Seat, Word
from enclave.worker.pipe import read_frame, write_frame
from enclave.worker.tunnel import Meeting

GROWING = "enclave.worker.growing"
EVERY = 10
"""After so many rounds the trees so far go to the driver, which can go on from there."""


@dataclass(frozen=True, slots=True)
class Grown:
    """What one round came to."""

    done: int
    """Rounds so far."""
    trees: bytes = field(repr=False)
    """The trees so far, where they are handed out."""
    measured: tuple[Measured, ...]
    """Of every part that is watched."""
    last: bool
    """Whether no further round follows."""


class Grower:
    """One rank's subprocess; it is there until `end`, since others may still wait for its bytes."""

    def __init__(self, meeting: Meeting, growth: Growth, seen: View, directory: Path) -> None:
        """Start it.

        Args:
            meeting: where this rank and the others are.
            growth: what to grow.
            seen: the rows to learn from, and those that are watched.
            directory: the node's own, with its credentials.
        """
        self._trees = _shared(np.frombuffer(growth.trees, np.uint8))
        training = _given(seen, "training")
        others = [_given(seen, name) for name in growth.watched if name != "training"]
        passed = [self._trees, *(each for one in (training, *others) for each in one.memory)]
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            command(GROWING, str(os.getpid())),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(directory),
            cwd=directory,
            pass_fds=passed,
        )
        for descriptor in passed:
            if descriptor != self._trees:
                os.close(descriptor)
        course = Course(
            rank=meeting.rank,
            gang=[Seat(host=host, port=port) for host, port in meeting.gang],
            secret=meeting.secret,
            directory=str(directory),
            settings={**growth.settings, "nthread": THREADS},
            names=list(growth.names),
            rounds=growth.rounds,
            done=growth.done,
            every=EVERY,
            trees=self._trees,
            training=training,
            watched=list(growth.watched),
            others=others,
            patience=growth.patience,
            past=[each.value for each in growth.measured if each.part == growth.watched[-1]],
        )
        write_frame(_pipe(self._process.stdin), course.to_bytes())

    def words(self) -> Iterator[Grown]:
        """How far it is after each round, until the last.

        Raises:
            CleanroomError: the rank has failed.
            WorkerLost: its process died, or another's.
        """
        last = False
        while not last:
            word = self._word()
            last = word.last
            trees = os.pread(self._trees, word.size, 0)
            if word.size:
                self._go_on()
            measured = [
                Measured(word.rounds, each.metric, each.part, each.value) for each in word.losses
            ]
            yield Grown(word.rounds, trees, tuple(measured), last)

    def end(self) -> None:
        """End it, and wait until it is gone; twice does no harm."""
        if self._process.returncode is not None:
            return
        self._process.kill()
        self._process.wait()
        os.close(self._trees)
        for pipe in (self._process.stdin, self._process.stdout):
            _close(pipe)

    def _word(self) -> Word:
        try:
            word = Word.from_bytes(read_frame(_pipe(self._process.stdout)))
        except (CleanroomError, OSError):
            raise WorkerLost("a rank of the training ended") from None
        if word.code:
            failed: type[CleanroomError] = CATALOGUE.get(word.code, ComputationFailed)
            raise failed("a rank of the training failed")
        return word

    def _go_on(self) -> None:
        try:
            write_frame(_pipe(self._process.stdin), b"")
        except OSError:
            raise WorkerLost("a rank of the training ended") from None


def _given(seen: View, name: str) -> Part:
    """A part of the rows in memory of its own, everything in it of 32 bits."""
    sample = part(seen, name)
    columns = [sample.rows, sample.labels, *([] if sample.weights is None else [sample.weights])]
    return Part(
        part=name,
        rows=len(sample.labels),
        memory=[_shared(np.ascontiguousarray(each, dtype=np.float32)) for each in columns],
    )


def _shared(content: np.ndarray[Any, Any]) -> int:
    """Anonymous memory with these bytes."""
    descriptor = os.memfd_create("", os.MFD_CLOEXEC)
    view = memoryview(content.data).cast("B") if content.size else memoryview(b"")
    while view:
        view = view[os.write(descriptor, view) :]
    return descriptor


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None  # noqa: S101 - a pipe was asked for
    return pipe


def _close(pipe: IO[bytes] | None) -> None:
    try:
        _pipe(pipe).close()
    except BrokenPipeError:
        return
