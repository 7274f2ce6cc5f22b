"""The processes of one room on this machine: a coordinator and its workers, started and ended.

They end with this process. What they are given to read was written by `local`; what they say is one
JSON line each, and a log.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from cleanroom.errors import MachineUnfit
from enclave.coordinator.initialise import PLATFORM_DIRECTORY, WORKER_PLATFORM_DIRECTORY
from enclave.worker.tied import tied

START_TIMEOUT_S = 60
"""A process that is not ready by then has failed, in seconds."""
STOP_TIMEOUT_S = 15
"""A process that has not ended by then is killed, in seconds."""
FIRST_NODE = 2
"""Workers get the addresses 127.0.0.2 and up: Ray rewrites 127.0.0.1."""


@dataclass(frozen=True, slots=True)
class Launched:
    """A process that said it is ready."""

    name: str
    process: subprocess.Popen[bytes]
    said: dict[str, str]
    """The JSON line it printed."""


class LocalRoom:
    """Starts and ends the processes of one room; use it as a context manager.

    Args:
        directory: where the processes keep their files and logs.
        room: the directory of `coordinator init`, with the simulated platforms.
        genesis: the genesis file they are launched for.
        outlive: let the processes go on when this one ends without `stop`.
        collateral: a bundle of what vendors say, for every process; None for nothing.
    """

    def __init__(
        self,
        directory: Path,
        room: Path,
        genesis: Path,
        *,
        outlive: bool = False,
        collateral: Path | None = None,
    ) -> None:
        self.directory = directory
        self._collateral = collateral
        self._outlive = outlive
        self._room = room
        self._genesis = genesis
        self._launched: list[Launched] = []
        self.address = ""
        """`host:port` of the coordinator once it is started."""

    def start_coordinator(self, listen: str = "127.0.0.1:0") -> str:
        """Start the coordinator and return its address.

        Raises:
            MachineUnfit: it did not become ready; its log says why.
        """
        arguments = ["--listen", listen, "--platform", str(self._room / PLATFORM_DIRECTORY)]
        said = self._launch("coordinator", "enclave.coordinator.main", arguments).said
        self.address = said["address"]
        return self.address

    def start_workers(self, count: int, role: str) -> list[str]:
        """Start workers of one role and return their instance names.

        Raises:
            MachineUnfit: one was not admitted in time; its log says why.
        """
        started = [self._start_worker(index, role) for index in range(count)]
        return [self._ready(launched).said["instance"] for launched in started]

    def stop(self) -> None:
        """End every process, workers first, and wait for them."""
        while self._launched:
            _end(self._launched.pop().process)

    def process_ids(self) -> list[int]:
        """The processes that run now."""
        return [launched.process.pid for launched in self._launched]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _start_worker(self, index: int, role: str) -> Launched:
        name = f"worker-{index + 1}"
        node_ip = f"127.0.0.{FIRST_NODE + index}"
        arguments = ["--coordinator", self.address, "--role", role, "--node-ip", node_ip]
        arguments += ["--platform", str(worker_platform(self._room))]
        return self._spawn(name, "enclave.worker.main", arguments)

    def _launch(self, name: str, module: str, arguments: Sequence[str]) -> Launched:
        return self._ready(self._spawn(name, module, arguments))

    def _spawn(self, name: str, module: str, arguments: Sequence[str]) -> Launched:
        own = self.directory / name
        own.mkdir(mode=0o700, parents=True, exist_ok=True)
        command = [sys.executable, "-I", "-m", module, "--directory", str(own)]
        command += ["--genesis", str(self._genesis), *arguments]
        command += ["--collateral", str(self._collateral)] if self._collateral else []
        with (self.directory / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command if self._outlive else tied(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        launched = Launched(name, process, {})
        self._launched.append(launched)
        return launched

    def _ready(self, launched: Launched) -> Launched:
        line = _first_line(launched.process)
        if not line:
            log = self.directory / f"{launched.name}.log"
            last = (log.read_text(errors="replace").strip().splitlines() or ["no word"])[-1]
            raise MachineUnfit(f"{launched.name} did not start: {last[:300]}")
        launched.said.update(json.loads(line))
        return launched


def worker_platform(room: Path) -> Path:
    """Where the simulated machine of a room's workers is kept: their own, or the coordinator's."""
    own = room / WORKER_PLATFORM_DIRECTORY
    return own if own.is_dir() else room / PLATFORM_DIRECTORY


def _first_line(process: subprocess.Popen[bytes]) -> bytes:
    """The first line a process prints; empty when it ends or takes too long."""
    overdue = threading.Timer(START_TIMEOUT_S, process.kill)
    overdue.start()
    try:
        return process.stdout.readline() if process.stdout else b""
    finally:
        overdue.cancel()


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()
    if process.stdout:
        process.stdout.close()
