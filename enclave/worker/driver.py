"""The subprocess on the head that walks a run through the gang's cluster.

It holds no data key: tasks ask their own node for one. It submits the steps of an operation, puts
their results together, passes the gate and seals, exactly as `task` does for one worker. A node
that dies, or a cluster that does not answer, ends this process's work with a code; what a training
had heard by then it has sealed to the room (`snapshots`).
"""

import functools
import logging
import os
import queue
import secrets
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import ray
from ray.exceptions import ObjectStoreFullError, OutOfMemoryError, RayError

from cleanroom.crypto.sealing import SealKey
from cleanroom.errors import (
    CleanroomError,
    ComputationFailed,
    MemoryShort,
    WorkerLost,
)
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.run import LiveValue, Stage
from cleanroom.protocol.snapshot import Snapshot
from cleanroom.protocol.work import Failed, Finished, Progress
from enclave.computations.matches import place
from enclave.computations.partition import SECRET_LENGTH, partitions_for
from enclave.computations.plan import InputPlan
from enclave.computations.registry import operations
from enclave.computations.release import Released, release
from enclave.computations.training.operation import Train
from enclave.computations.training.past import Past, Remembering
from enclave.worker import tasks
from enclave.worker.awaiting import Awaiting, living
from enclave.worker.confine import claim_stdout, confine
from enclave.worker.inputs import Source
from enclave.worker.learning import taught
from enclave.worker.orders import AcceptedOrder, adopt
from enclave.worker.outputs import seal_result
from enclave.worker.pipe import Assignment, read_frame, write_frame
from enclave.worker.snapshots import Keeper, past_in
from enclave.worker.tls import NodeFiles, shake_hands

CONNECT_S = 45.0
"""The cluster must answer, and have all its nodes, within so many seconds."""


@dataclass(frozen=True, slots=True)
class Drive:
    """One run over a cluster that this process has joined."""

    accepted: AcceptedOrder
    keeper: Keeper = field(repr=False)
    frames: "queue.SimpleQueue[bytes]" = field(repr=False)
    """What comes through the pipe after the assignment."""
    out: BinaryIO = field(repr=False)

    def results(self) -> tuple[Released, ...]:
        """Walk the operation through the cluster and pass the gate.

        Raises:
            CleanroomError: whatever ended the run, without any value.
        """
        plan, operation = self.accepted.plan, operations[self.accepted.plan.op]
        # drawn after every input is fixed: no party can aim rows at one partition
        secret = secrets.token_bytes(SECRET_LENGTH)
        found = operation.combine(plan, self._matched(secret))
        if isinstance(operation, Train):
            remembering = functools.partial(Remembering, past=self._past(), keep=self.keeper.keep)
            outcomes = taught(
                operation,
                self.accepted,
                found,
                self._awaiting,
                self.advance,
                remembering=remembering,
            )
            self.advance("gate", 0)
        else:
            found, payload = self._with_payload(found)
            self.advance("gate", 0)
            outcomes = operation.outcomes(plan, found, payload)
        return tuple(result for rule, outcome in outcomes for result in release(outcome, rule))

    def _past(self) -> Past:
        """What an earlier gang of this run has heard; waits until it is there.

        Raises:
            SealBroken: it is of another run, or was altered.
        """
        if self.accepted.order.snapshot is None:
            return Past()
        file = Path(self.frames.get().decode())
        return past_in(file, self.frames.get(), self.accepted)

    @property
    def _awaiting(self) -> Awaiting:
        return Awaiting(self.accepted.nodes)

    def _percent(self, stage: Stage) -> Callable[[int], None]:
        return functools.partial(self.advance, stage)

    def advance(self, stage: Stage, percent: int, live: Sequence[LiveValue] = ()) -> None:
        """Say how far the run is, with values that may be told at once."""
        run = self.accepted.order.run
        said = Progress(run=run, stage=stage, percent=percent, live=list(live))
        write_frame(self.out, said.to_bytes())

    def _matched(self, secret: bytes) -> list[pa.Table]:
        """Read and partition every part on its node, then intersect partition by partition."""
        sources = [Source.of(self.accepted, each.name) for each in self.accepted.plan.inputs]
        count = partitions_for(sum(each.version.rows for each in sources), self.accepted.nodes)
        blocks = [self._blocks(source, count, secret) for source in sources]
        firsts = [block[0] for each in blocks for block in each]
        # waited for, but not fetched: key columns stay on the nodes
        self._awaiting.settle(firsts, self._percent("read"))
        lengths = [len(each) for each in blocks]
        match = ray.remote(max_retries=1, scheduling_strategy="SPREAD")(tasks.match_slot)
        matches = [
            match.remote(
                self.accepted.plan,
                secret,
                lengths,
                *[block[slot] for each in blocks for block in each],
            )
            for slot in range(count)
        ]
        return self._awaiting.answers(matches, self._percent("compute"))

    def _blocks(self, source: Source, count: int, secret: bytes) -> list[Any]:
        read = ray.remote(max_retries=0)(tasks.read_block)
        return [
            read.options(num_returns=count, resources=self._awaiting.on(part.index)).remote(
                source.planned.name, part.index, count, secret
            )
            for part in source.version.parts
        ]

    def _with_payload(self, found: pa.Table) -> tuple[pa.Table, dict[str, pa.Table]]:
        """Fetch the rows that the result shows, and point the lines to them."""
        payload = {}
        for number, planned in enumerate(self.accepted.plan.inputs):
            if planned.payload:
                lines = found.column(place(number)).to_numpy()
                wanted, compact = np.unique(lines, return_inverse=True)
                payload[planned.name] = self._taken(planned, wanted)
                column = pa.array(compact.astype(np.int64))
                found = found.set_column(
                    found.schema.get_field_index(place(number)), place(number), column
                )
        return found, payload

    def _taken(self, planned: InputPlan, wanted: np.ndarray) -> pa.Table:
        """The wanted rows of one input, in order; parts without any are not read."""
        source = Source.of(self.accepted, planned.name)
        parts = source.version.parts
        starts = np.cumsum([0, *(part.rows for part in parts)])
        bounds = np.searchsorted(wanted, starts)
        take = ray.remote(max_retries=0)(tasks.take_rows)
        # the first part is read in any case: an empty table has columns, too
        refs = [
            take.options(resources=self._awaiting.on(part.index)).remote(
                planned.name, part.index, wanted[bounds[part.index] : bounds[part.index + 1]]
            )
            for part in parts
            if part.index == 0 or bounds[part.index] < bounds[part.index + 1]
        ]
        return pa.concat_tables(self._awaiting.answers(refs, self._percent("compute")))


def _await_gang(nodes: int) -> None:
    """Wait until the cluster has all its nodes; one that never does ends this process."""
    until = time.monotonic() + CONNECT_S
    while living() < nodes:
        if time.monotonic() > until:
            os._exit(1)
        time.sleep(0.05)


def run(assignment: Assignment, frames: "queue.SimpleQueue[bytes]", out: BinaryIO) -> None:
    """Carry out an assignment on the cluster that this process has joined."""
    order = assignment.order
    accepted = adopt(order, Manifest.from_bytes(assignment.manifest))
    to, directory = SealKey(assignment.seal_key), Path(assignment.directory)

    def say(snapshot: Snapshot) -> None:
        write_frame(out, snapshot.to_bytes())

    drive = Drive(accepted, Keeper(accepted, to, directory, say, time.monotonic), frames, out)
    try:
        released = drive.results()
        drive.advance("seal", 0)
        with ThreadPoolExecutor(2) as pool:
            sealed = list(pool.map(lambda one: seal_result(one, accepted, to, directory), released))
        write_frame(out, Finished(run=order.run, outputs=sealed).to_bytes())
    except CleanroomError as failed:
        _fail(out, order.run, failed.code)
    except (OutOfMemoryError, ObjectStoreFullError):
        _fail(out, order.run, MemoryShort.code)
    except (RayError, ConnectionError):
        _fail(out, order.run, WorkerLost.code)
    except Exception:  # noqa: BLE001 - whatever it says may quote a value
        _fail(out, order.run, ComputationFailed.code)


def _join_cluster(directory: Path, head: str, node_ip: str, node_port: int) -> None:
    """Join as the driver once the head answers with this run's authority.

    A cluster that does not answer in time ends this process: a stale one would never.
    """
    overdue = threading.Timer(CONNECT_S, os._exit, [1])
    overdue.daemon = True
    overdue.start()
    _await_port(NodeFiles(directory), node_ip, node_port)
    ray.init(
        address=head,
        _node_ip_address=node_ip,
        log_to_driver=False,
        configure_logging=False,
        logging_level=logging.CRITICAL,
    )
    overdue.cancel()


def _await_port(files: NodeFiles, host: str, port: int) -> None:
    while True:
        try:
            shake_hands(files, host, port)
        except OSError:
            time.sleep(0.05)
        else:
            return


def _warm() -> None:
    """Let every node's workers import what tasks need, while no order is there yet."""
    warm = ray.remote(max_retries=0)(tasks.warm)
    processors = ray.cluster_resources()["CPU"]  # type: ignore[no-untyped-call]
    for _ in range(int(processors)):
        warm.options(scheduling_strategy="SPREAD").remote()


def _fail(out: BinaryIO, run_id: str, code: str) -> None:
    write_frame(out, Failed(run=run_id, code=code).to_bytes())


def _listen(pipe: BinaryIO, frames: "queue.SimpleQueue[bytes]") -> None:
    """Read on; when the pipe ends, the worker is gone and so is this process."""
    try:
        while True:
            frames.put(read_frame(pipe))
    finally:
        os._exit(1)


def main() -> None:
    """`driver PARENT DIRECTORY HEAD NODE_IP NODE_PORT NODES`: join, warm up, drive one run."""
    parent, directory, head, node_ip, node_port, nodes = sys.argv[1:]
    out = os.fdopen(claim_stdout(), "wb")
    confine(int(parent))
    frames: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, frames), daemon=True).start()
    _join_cluster(Path(directory), head, node_ip, int(node_port))
    _await_gang(int(nodes))
    _warm()
    run(Assignment.from_bytes(frames.get()), frames, out)
    out.close()
    # the cluster ends with its run: there is nothing to leave in good order
    os._exit(0)


if __name__ == "__main__":
    main()
