"""A whole room on this machine: a coordinator and its workers as processes of their own.

For the demo, notebooks and tests. The processes are the ones that run in confidential VMs; only
their platform is simulated, and everything they prove says so. They end with this process.

    python -m enclave.local --manifest FILE --directory DIR [--workers N]

starts a room for a copy of the manifest with fresh identities and a simulated platform, prints one
JSON line that names them, and runs until its standard input is closed.
"""

import argparse
import json
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal, Self

from cleanroom.client.clock import system_clock
from cleanroom.client.drafting import AttestationFile
from cleanroom.client.identity import Identity
from cleanroom.client.manifest_file import ManifestFile
from cleanroom.client.signed_values import REFERENCE_VALUES
from cleanroom.errors import CleanroomError, MachineUnfit
from cleanroom.manifest.author import block_text, manifest_text
from cleanroom.manifest.genesis import Genesis
from cleanroom.manifest.model import Manifest
from enclave.coordinator.initialise import (
    PLATFORM_DIRECTORY,
    WORKER_PLATFORM_DIRECTORY,
    WorkerPlatform,
    init,
)
from enclave.worker.tied import tied

START_TIMEOUT_S = 60
"""A process that is not ready by then has failed, in seconds."""
STOP_TIMEOUT_S = 15
"""A process that has not ended by then is killed, in seconds."""
VALIDITY = timedelta(days=7)
"""A simulated room is for now."""
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


def begin(
    directory: Path,
    mode: Literal["production", "development"],
    roles: tuple[str, ...],
    workers_on: WorkerPlatform = "sev-snp",
    *,
    named: bool = False,
) -> AttestationFile:
    """Begin a room, and write what the manifest's authors need into `attestation.yaml`.

    Args:
        directory: the room's own.
        mode: `development` makes a simulated platform below it.
        roles: the worker roles that the manifest will have.
        workers_on: the platform that workers are simulated on.
        named: name the images by what development builders sign; their envelopes go to
            `reference-values/`, for the directory of the manifest.
    """
    begun = init(directory, mode, system_clock(), roles, workers_on, named=named)
    for name, envelope in begun.envelopes.items():
        (directory / REFERENCE_VALUES).mkdir(exist_ok=True)
        (directory / REFERENCE_VALUES / name).write_bytes(envelope.to_bytes())
    plain = {"lineage": str(begun.lineage), "attestation": begun.attestation}
    (directory / "attestation.yaml").write_text(block_text(plain), encoding="utf-8")
    return AttestationFile.from_plain(plain)


def worker_platform(room: Path) -> Path:
    """Where the simulated machine of a room's workers is kept: their own, or the coordinator's."""
    own = room / WORKER_PLATFORM_DIRECTORY
    return own if own.is_dir() else room / PLATFORM_DIRECTORY


def simulated_copy(
    manifest: Manifest, given: AttestationFile, parties: Sequence[Identity]
) -> Manifest:
    """The same agreement under fresh keys and a simulated platform.

    Everything that says who, what and how much stays; lineage, keys, policies and validity are
    the simulation's.
    """
    now = system_clock()
    plain = json.loads(manifest.to_bytes())
    plain["metadata"] |= {
        "lineage": str(given.lineage),
        "version": 1,
        "previous": None,
        "mode": "development",
        "not_before": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "not_after": f"{now + VALIDITY:%Y-%m-%dT%H:%M:%SZ}",
    }
    plain["parties"] = {identity.party: identity.public() for identity in parties}
    plain["attestation"] = given.to_plain()["attestation"]
    plain["coordinator"] = {"policies": ["coordinator"]}
    for role in plain["workers"].values():
        role["policies"] = ["worker"]
    return Manifest.from_plain(plain)


def prepare(
    manifest: Manifest,
    directory: Path,
    workers_on: WorkerPlatform = "sev-snp",
    *,
    named: bool = False,
) -> tuple[Path, dict[str, Path]]:
    """Make a simulated room's files: platform, identities, manifest, genesis, approvals.

    Args:
        manifest: what the parties agreed to; keys, policies and dates are replaced.
        directory: everything is written below it.
        workers_on: the platform that workers are simulated on.
        named: name the images by what development builders sign.

    Returns:
        The manifest's path, and each party's identity file.
    """
    operator = directory / "operator"
    given = begin(operator, "development", tuple(manifest.workers), workers_on, named=named)
    if named:
        shutil.copytree(operator / REFERENCE_VALUES, directory / REFERENCE_VALUES)
    identities = {
        party: Identity.create(party, entry.name) for party, entry in manifest.parties.items()
    }
    copy = simulated_copy(manifest, given, list(identities.values()))
    path = directory / "cleanroom.yaml"
    path.write_text(manifest_text(copy), encoding="utf-8")
    (directory / "genesis.json").write_bytes(Genesis.of(copy).to_bytes())
    loaded = ManifestFile.load(path)
    files: dict[str, Path] = {}
    for party, identity in identities.items():
        files[party] = identity.save(directory / f"{party}.key")
        loaded.approve(identity)
    return path, files


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a simulated room until standard input is closed; see the module's words."""
    chosen = _parser().parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    try:
        with ExitStack() as stack:
            line = _start(chosen, stack)
            print(json.dumps(line), flush=True)  # noqa: T201 - the launcher reads it
            sys.stdin.read()
    except CleanroomError as refused:
        print(json.dumps({"code": refused.code, "error": refused.message}), flush=True)  # noqa: T201
        return refused.exit_status
    return 0


def _start(chosen: argparse.Namespace, stack: ExitStack) -> dict[str, object]:
    manifest = ManifestFile.load(chosen.manifest).manifest
    path, identities = prepare(manifest, chosen.directory)
    directory: Path = chosen.directory
    room = LocalRoom(directory, directory / "operator", directory / "genesis.json")
    stack.enter_context(room)
    address = room.start_coordinator()
    loaded = ManifestFile.load(path)
    _activate(loaded, address, identities)
    for role in loaded.manifest.workers:
        room.start_workers(chosen.workers, role)
    return {
        "address": address,
        "directory": str(directory),
        "manifest": str(path),
        "identities": {party: str(file) for party, file in identities.items()},
    }


def _activate(loaded: ManifestFile, address: str, identities: dict[str, Path]) -> None:
    """Bring manifest and approvals to the room, as the first party would."""
    from cleanroom.client.room import connect  # noqa: PLC0415 - gRPC, only when it runs

    first = Identity.load(next(iter(identities.values())))
    with connect(loaded, identity=first, coordinator=address, allow_simulated=True) as room:
        room.propose(loaded.approvals())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="enclave.local", description="A simulated room.")
    parser.add_argument("--manifest", required=True, type=Path)
    parser.add_argument("--directory", required=True, type=Path)
    parser.add_argument("--workers", type=int, default=2)
    return parser


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


if __name__ == "__main__":
    sys.exit(main())
