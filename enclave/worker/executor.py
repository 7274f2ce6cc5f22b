"""Carries out what the agent decides, for one membership: fetch, start, kill, erase.

At most one run at a time. Each run has a private directory, its keys, and an execution; `end`
takes all three away. Everything that a run has to say goes through `say` into the loop's inbox.
"""

import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cleanroom.errors import (
    AdmissionRefused,
    CleanroomError,
    InternalError,
    RunTimedOut,
    TransferBroken,
)
from cleanroom.protocol.dataset import Part
from cleanroom.protocol.snapshot import Snapshot
from cleanroom.protocol.work import (
    Credentials,
    Failed,
    Finished,
    FromWorker,
    Order,
    Provision,
)
from enclave.worker.blobs import Blobs
from enclave.worker.confine import private_directory, remove
from enclave.worker.diary import note
from enclave.worker.engine import Execution, GangExecution, Job
from enclave.worker.joining import Launch, Membership
from enclave.worker.memory import available_memory, require_memory
from enclave.worker.orders import AcceptedOrder, accept
from enclave.worker.outputs import sealed_file
from enclave.worker.pipe import Fetched
from enclave.worker.snapshots import key_of
from enclave.worker.vault import RunKeys

FETCHERS = 3
"""Parts that are fetched at the same time."""


@dataclass(frozen=True, slots=True)
class Engines:
    """How executions are made."""

    expect: Callable[[tuple[str, ...]], None]
    """Told what runs in a process may want to have loaded, as names of `loading.LATE`."""
    process: Callable[[], Execution]
    """For a run on this worker alone."""
    gang: Callable[[Provision, Membership], GangExecution]
    """For a node of a gang."""


@dataclass(slots=True)
class Work:
    """What belongs to the run under way."""

    run: str
    execution: Execution | None = None
    keys: RunKeys | None = field(default=None, repr=False)
    directory: Path | None = field(default=None, repr=False)
    blobs: Blobs | None = field(default=None, repr=False)
    fetching: ThreadPoolExecutor | None = None
    deadline: threading.Timer | None = None

    def end(self) -> None:
        """Kill, erase, remove; each of it even where another fails."""
        with ExitStack() as last:
            # called in reverse order
            if self.directory is not None:
                last.callback(remove, [self.directory])
            if self.fetching is not None:
                last.callback(self.fetching.shutdown, wait=True, cancel_futures=True)
            if self.blobs is not None:
                last.callback(self.blobs.close)
            if self.execution is not None:
                last.callback(self.execution.kill)
            if self.keys is not None:
                last.callback(self.keys.erase)
            if self.deadline is not None:
                last.callback(self.deadline.cancel)


class Executor:
    """The hands of one membership."""

    def __init__(
        self,
        launch: Launch,
        membership: Membership,
        engines: Engines,
        directory: Path,
        say: Callable[[FromWorker], None],
    ) -> None:
        self._launch = launch
        self._membership = membership
        self._engines = engines
        self._directory = directory
        self._say = say
        self._work: Work | None = None

    def equip(self, provision: Provision) -> None:
        """Make a gang node's key and find its ports."""
        self._work = Work(provision.run)
        with self._failing(provision.run):
            execution = self._engines.gang(provision, self._membership)
            self._work.execution = execution
            self._say(execution.equip())

    def form(self, credentials: Credentials) -> None:
        """Start the gang's node."""
        with self._failing(credentials.run):
            self._gang().form(credentials, self._say)

    def start(self, order: Order) -> None:
        """Check the order, open its keys, start computing and fetching."""
        work = self._work = self._work or Work(order.run)
        with self._failing(order.run):
            accepted = self._accepted(order)
            work.directory = private_directory(
                self._directory, f"{order.run}-{secrets.token_hex(4)}"
            )
            if work.execution is None:
                work.execution = self._engines.process()
            grants = {name: ordered.grant for name, ordered in order.inputs.items()}
            work.keys = RunKeys(order.run, grants, self._membership.unsealer)
            work.blobs = Blobs(
                self._membership.channel, self._launch.coordinator, self._membership.admit.token
            )
            work.deadline = self._deadline(order)
            seal_key = self._membership.room.seal_key
            job = Job(accepted, work.keys, seal_key, work.directory, self._hear)
            work.execution.begin(job)
            work.fetching = self._fetch(accepted, work)

    def end(self, run: str) -> None:
        """Kill the run's processes, erase its keys, remove its files; twice does no harm."""
        if self._work is not None and self._work.run == run:
            work, self._work = self._work, None
            work.end()

    def close(self) -> None:
        """End whatever is under way."""
        if self._work is not None:
            self.end(self._work.run)

    def _accepted(self, order: Order) -> AcceptedOrder:
        accepted = accept(
            order,
            self._membership.room.in_force.manifest,
            role=self._launch.role,
            instance=self._membership.admit.instance,
            now=self._launch.clock(),
            room_key=self._membership.room.sign_key,
        )
        formed = self._work is not None and self._work.execution is not None
        if formed != (accepted.nodes > 1):
            raise AdmissionRefused("the order does not fit the gang that was formed")
        require_memory(accepted, available_memory())
        return accepted

    def _gang(self) -> GangExecution:
        execution = self._work.execution if self._work is not None else None
        if not isinstance(execution, GangExecution):
            raise AdmissionRefused("there is no gang node to form")
        return execution

    def _deadline(self, order: Order) -> threading.Timer:
        left = _seconds(self._launch.clock(), order.deadline)
        timed_out = Failed(run=order.run, code=RunTimedOut.code)
        timer = threading.Timer(left, self._say, [timed_out])
        timer.daemon = True
        timer.start()
        return timer

    def _fetch(self, accepted: AcceptedOrder, work: Work) -> ThreadPoolExecutor:
        """Fetch this worker's share of all inputs, small inputs first."""
        pool = ThreadPoolExecutor(FETCHERS, thread_name_prefix="fetch")
        inputs = sorted(accepted.order.inputs.items(), key=lambda each: each[1].version.rows)
        for name, ordered in inputs:
            for part in ordered.version.parts:
                if work.execution is not None and work.execution.keeps(part.index):
                    pool.submit(self._fetch_part, work, name, part)
        if accepted.order.snapshot is not None:
            pool.submit(self._fetch_snapshot, work, accepted, accepted.order.snapshot)
        return pool

    def _fetch_part(self, work: Work, name: str, part: Part) -> None:
        execution, blobs, directory = work.execution, work.blobs, work.directory
        if execution is None or blobs is None or directory is None:
            return
        with self._failing(work.run):
            file = blobs.fetch(part.digest, part.size, directory / f"{name}-{part.index}.part")
            execution.supply(Fetched(run=work.run, input=name, index=part.index, file=str(file)))

    def _fetch_snapshot(self, work: Work, accepted: AcceptedOrder, snapshot: Snapshot) -> None:
        blobs, directory = work.blobs, work.directory
        if blobs is None or directory is None:
            return
        with self._failing(work.run):
            key = key_of(snapshot, accepted, self._membership.unsealer)
            file = blobs.fetch(snapshot.digest, snapshot.size, directory / "snapshot.part")
            self._gang().resume(file, key)

    def _hear(self, message: FromWorker) -> None:
        """A word of the execution: what it has sealed is stored before it is reported."""
        if isinstance(message, Snapshot):
            self._keep(message)
            return
        if isinstance(message, Finished):
            with self._failing(message.run):
                self._store(message)
                self._say(message)
            return
        self._say(message)

    def _store(self, finished: Finished) -> None:
        work = self._work
        if work is None or work.run != finished.run or not work.blobs or not work.directory:
            raise TransferBroken("the run ended before its results were stored")
        for sealed in finished.outputs:
            digest = sealed.output.digest
            work.blobs.store(digest, sealed_file(work.directory, digest).read_bytes())

    def _keep(self, snapshot: Snapshot) -> None:
        """Store a snapshot; one that cannot be stored is none, and the run goes on."""
        work = self._work
        if work is None or work.run != snapshot.run or not work.blobs or not work.directory:
            return
        file = sealed_file(work.directory, snapshot.digest)
        try:
            work.blobs.store(snapshot.digest, file.read_bytes())
        except CleanroomError as broken:
            note("snapshot not stored", run=work.run, code=broken.code)
        else:
            self._say(snapshot)
        file.unlink(missing_ok=True)

    def _failing(self, run: str) -> "Failing":
        return Failing(run, self._say)


@dataclass(frozen=True, slots=True)
class Failing:
    """Inside of it, an error ends the run with its code; its words go nowhere."""

    run: str
    say: Callable[[FromWorker], None] = field(repr=False)

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, Exception):
            return False
        known = error if isinstance(error, CleanroomError) else InternalError("")
        self.say(Failed(run=self.run, code=known.code))
        return True


def _seconds(now: datetime, deadline: datetime) -> float:
    return max((deadline - now).total_seconds(), 0.0)
