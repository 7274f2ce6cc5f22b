"""The fresh subprocess of one run: order and keys come in by pipe, sealed results go out.

Started ahead of a run, it imports what the room's runs may want and waits without any key. It runs
once, has no socket, writes nothing but sealed results, and says nothing but stages and codes.
"""

import os
import queue
import secrets
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from cleanroom.crypto.sealing import CONTENT_KEY_LENGTH, SealKey
from cleanroom.errors import CleanroomError, ComputationFailed, TransferBroken
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.run import LiveValue, Stage
from cleanroom.protocol.work import Failed, Finished, Progress
from enclave.computations.keys import key_table
from enclave.computations.loading import load
from enclave.computations.partition import (
    SECRET_LENGTH,
    gather_blocks,
    partition,
    partitions_for,
)
from enclave.computations.registry import operations
from enclave.computations.release import Released, release
from enclave.computations.training.operation import Train
from enclave.worker.confine import claim_stdout, confine
from enclave.worker.inputs import Source, read_model
from enclave.worker.orders import AcceptedOrder, adopt
from enclave.worker.outputs import seal_result
from enclave.worker.pipe import Assignment, Fetched, read_frame, write_frame
from enclave.worker.telling import Teller

READERS = 2
"""Parts that are decrypted at the same time."""


@dataclass(frozen=True, slots=True)
class Computation:
    """One run in this process."""

    accepted: AcceptedOrder
    keys: dict[str, bytearray] = field(repr=False)
    parts: "queue.SimpleQueue[Fetched | None]" = field(repr=False)
    out: BinaryIO = field(repr=False)

    def results(self) -> tuple[Released, ...]:
        """Read, intersect, and pass the gate.

        Raises:
            CleanroomError: whatever ended the run, without any value.
        """
        # drawn after every input is fixed: no party can aim rows at one partition
        secret = secrets.token_bytes(SECRET_LENGTH)
        plan, operation = self.accepted.plan, operations[self.accepted.plan.op]
        rows = sum(ordered.version.rows for ordered in self.accepted.order.inputs.values())
        count = partitions_for(rows)
        blocks, payloads = self._read(count, secret)
        self.advance("partition", 0)
        spread = [gather_blocks(blocks.pop(planned.name), count) for planned in plan.inputs]
        self.advance("compute", 0)
        parts = []
        for slot in range(count):
            parts.append(operation.match(plan, [tables[slot] for tables in spread], secret))
            self.advance("compute", 100 * (slot + 1) // count)
        found = operation.combine(plan, parts)
        if isinstance(operation, Train):
            self.advance("train", 0)
            teller = Teller(self.advance, time.monotonic)
            outcomes = operation.outcomes(plan, found, payloads, teller.take)
            teller.rest()
        else:
            outcomes = operation.outcomes(plan, found, payloads)
        self.advance("gate", 0)
        return tuple(result for rule, outcome in outcomes for result in release(outcome, rule))

    def advance(self, stage: Stage, percent: int, live: Sequence[LiveValue] = ()) -> None:
        """Say how far the run is, with values that may be told at once."""
        run = self.accepted.order.run
        said = Progress(run=run, stage=stage, percent=percent, live=list(live))
        write_frame(self.out, said.to_bytes())

    def _read(
        self, count: int, secret: bytes
    ) -> tuple[dict[str, list[list[pa.Table]]], dict[str, pa.Table]]:
        """Decrypt parts as they arrive: partitioned keys, and payload columns, by input."""
        self.advance("fetch", 0)
        with ThreadPoolExecutor(READERS) as pool:
            started = {
                (fetched.input, fetched.index): pool.submit(self._block, fetched, count, secret)
                for fetched in self._arriving()
            }
            read = dict(self._awaited(started))
        names = [planned.name for planned in self.accepted.plan.reads]
        ordered = {name: [read[key] for key in sorted(read) if key[0] == name] for name in names}
        blocks = {name: [keys for keys, _ in ordered[name]] for name in names}
        payloads = {
            planned.name: pa.concat_tables([rows for _, rows in ordered[planned.name]])
            for planned in self.accepted.plan.reads
            if planned.payload
        }
        return blocks, payloads

    def _awaited(
        self, started: dict[tuple[str, int], "Future[tuple[list[pa.Table], pa.Table]]"]
    ) -> Iterator[tuple[tuple[str, int], tuple[list[pa.Table], pa.Table]]]:
        for done, (place, future) in enumerate(started.items(), 1):
            yield place, future.result()
            self.advance("read", 100 * done // len(started))

    def _arriving(self) -> Iterator[Fetched]:
        expected = sum(len(each.version.parts) for each in self.accepted.order.inputs.values())
        for _ in range(expected):
            fetched = self.parts.get()
            if fetched is None:
                raise TransferBroken("the worker ended before its parts arrived")
            yield fetched

    def _block(
        self, fetched: Fetched, count: int, secret: bytes
    ) -> tuple[list[pa.Table], pa.Table]:
        if fetched.input not in {planned.name for planned in self.accepted.plan.inputs}:
            key = memoryview(self.keys[fetched.input])
            return [], read_model(self.accepted, Path(fetched.file), key)
        source = Source.of(self.accepted, fetched.input)
        columns = self.accepted.columns(source.planned)
        key = memoryview(self.keys[fetched.input])
        rows = source.read(fetched.index, Path(fetched.file), key, columns)
        keys = key_table(rows, source.planned.keys, source.first_row(fetched.index))
        return partition(keys, count, secret), rows.select(list(source.planned.payload))


def run(pipe: BinaryIO, out: BinaryIO) -> None:
    """Carry out the one assignment that comes through `pipe`."""
    assignment = Assignment.from_bytes(read_frame(pipe))
    order = assignment.order
    keys = {name: bytearray(_key(read_frame(pipe))) for name in sorted(order.inputs)}
    parts: queue.SimpleQueue[Fetched | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, parts), daemon=True).start()
    accepted = adopt(order, Manifest.from_bytes(assignment.manifest))
    computation = Computation(accepted, keys, parts, out)
    try:
        released = computation.results()
        computation.advance("seal", 0)
        to, directory = SealKey(assignment.seal_key), Path(assignment.directory)
        sealed = [seal_result(result, accepted, to, directory) for result in released]
        write_frame(out, Finished(run=order.run, outputs=sealed).to_bytes())
    except CleanroomError as failed:
        write_frame(out, Failed(run=order.run, code=failed.code).to_bytes())
    except Exception:  # noqa: BLE001 - whatever it says may quote a value
        write_frame(out, Failed(run=order.run, code=ComputationFailed.code).to_bytes())


def _key(frame: bytes) -> bytes:
    if len(frame) != CONTENT_KEY_LENGTH:
        raise TransferBroken(f"a data key has {len(frame)} bytes, expected {CONTENT_KEY_LENGTH}")
    return frame


def _listen(pipe: BinaryIO, parts: "queue.SimpleQueue[Fetched | None]") -> None:
    """Take note of parts; when the pipe ends, the worker is gone and so is this process."""
    try:
        while True:
            parts.put(Fetched.from_bytes(read_frame(pipe)))
    except CleanroomError:
        os._exit(1)


def main() -> None:
    """Wait for an assignment, carry it out, end."""
    out = os.fdopen(claim_stdout(), "wb")
    confine(int(sys.argv[1]))
    pa.array(np.zeros(1))  # Arrow looks for pandas once in a process: not while a run waits
    # beside the wait: a run that wants none of it does not wait for it
    threading.Thread(target=load, args=(sys.argv[2:],), daemon=True).start()
    run(sys.stdin.buffer, out)
    out.close()
    # the listening thread waits on the pipe for ever; nothing is left to clean up
    os._exit(0)


if __name__ == "__main__":
    main()
