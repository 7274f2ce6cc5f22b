"""How a gang's driver waits: for tasks and actors, while every node lives, and for codes only.

A node that is gone ends the run; so does a task that failed, with its code. What a process that
died was about to say is asked for again by whoever started it, if at all.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ray

from cleanroom.errors import CATALOGUE, CleanroomError, ComputationFailed, WorkerLost
from enclave.worker.raycommand import resource_of
from enclave.worker.tasks import TaskFailed

LOOK_S = 0.25
"""How often the driver looks at tasks and nodes, in seconds."""


@dataclass(frozen=True, slots=True)
class Awaiting:
    """Waits for what runs on a gang of `nodes`."""

    nodes: int

    def on(self, index: int) -> dict[str, float]:
        """The resource of the node that has fetched a part, or holds a share, of this number."""
        return {resource_of(index % self.nodes): 1}

    def settle(self, refs: Sequence[Any], told: Callable[[int], None] | None = None) -> None:
        """Wait until all are done, well or not; `told` hears of every look how many percent are.

        Raises:
            WorkerLost: a node died.
        """
        pending, done = list(refs), 0
        while pending:
            ready, pending = ray.wait(
                pending, num_returns=len(pending), timeout=LOOK_S, fetch_local=False
            )
            done += len(ready)
            if ready and told is not None:
                told(100 * done // len(refs))
            self._require_gang()

    def answers(self, refs: Sequence[Any], told: Callable[[int], None] | None = None) -> list[Any]:
        """Wait for all; their results, in order.

        Raises:
            CleanroomError: a task failed, with its code.
            WorkerLost: a node died.
        """
        self.settle(refs, told)
        return [coded_answer(ref) for ref in refs]

    def some(self, streams: Sequence[Any]) -> list[Any]:
        """One or more of several streams that have something to say, or have ended.

        Raises:
            WorkerLost: a node died.
        """
        while True:
            ready, _ = ray.wait(list(streams), num_returns=1, timeout=LOOK_S, fetch_local=False)
            if ready:
                return list(ready)
            self._require_gang()

    def _require_gang(self) -> None:
        if living() < self.nodes:
            raise WorkerLost("a node of the gang's cluster is gone")


def coded_answer(ref: Any) -> Any:  # noqa: ANN401 - whatever the task returned
    """The result of one task or call that has ended.

    Raises:
        CleanroomError: it failed, with its code.
    """
    try:
        return ray.get(ref)
    except TaskFailed as failed:
        code = failed.code
    known: type[CleanroomError] = CATALOGUE.get(code, ComputationFailed)
    raise known("a task of the gang failed")


def living() -> int:
    """How many nodes of the cluster live."""
    return sum(bool(node["Alive"]) for node in ray.nodes())  # type: ignore[no-untyped-call]
