"""One way to carry out a run, for both engines: in one subprocess, or on a gang's Ray cluster.

An execution gets a job, then the parts of its inputs as they arrive, and says how far it is. It
never decides what may run, and it never talks to the coordinator itself.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from cleanroom.protocol.work import Credentials, Equipped, FromWorker
from enclave.worker.orders import AcceptedOrder
from enclave.worker.pipe import Assignment, Fetched
from enclave.worker.vault import RunKeys

Say = Callable[[FromWorker], None]
"""Where an execution's messages go; may be called from any thread."""


@dataclass(frozen=True, slots=True)
class Job:
    """All that an execution needs."""

    accepted: AcceptedOrder
    keys: RunKeys = field(repr=False)
    seal_key: bytes = field(repr=False)
    """The coordinator's, where the keys of results are sealed to."""
    directory: Path = field(repr=False)
    """Private to the run: ciphertext parts come in here, sealed results go out."""
    say: Say = field(repr=False)

    @property
    def assignment(self) -> Assignment:
        """What the computing subprocess is told, without keys."""
        return Assignment(
            order=self.accepted.order,
            manifest=self.accepted.manifest.to_bytes(),
            seal_key=self.seal_key,
            directory=str(self.directory),
        )


class Execution(Protocol):
    """One run under way on this worker."""

    def begin(self, job: Job) -> None:
        """Start computing; returns at once."""
        ...

    def keeps(self, index: int) -> bool:
        """Whether this worker fetches the part with this index."""
        ...

    def supply(self, fetched: Fetched) -> None:
        """A part is in the job's directory; may be called from any thread."""
        ...

    def kill(self) -> None:
        """End every process of the run at once; may be called at any time, and again."""
        ...


@runtime_checkable
class GangExecution(Execution, Protocol):
    """One node of a gang: equipped and formed before the order comes."""

    def equip(self) -> Equipped:
        """Make a fresh key and find free ports."""
        ...

    def form(self, credentials: Credentials, say: Say) -> None:
        """Start this node's part of the cluster; says `Ready` or `Failed` later."""
        ...

    def resume(self, file: Path, key: bytes) -> None:
        """The snapshot that the head goes on from is in the job's directory, under this key."""
        ...
