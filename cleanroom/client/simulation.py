"""A whole room on this machine, for trying things out: every party's `Room`, one subprocess.

The subprocess is `python -m enclave.local`: coordinator and workers with simulated platforms. The
code that verifies them is the code that verifies real ones; what they prove is nothing, and every
statement, result and receipt says so.
"""

import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from threading import Timer

from cleanroom.client.manifest_file import GivenManifest, ManifestFile, located
from cleanroom.client.room import Room, connect
from cleanroom.client.verdict import SIMULATED
from cleanroom.encoding import Record, parse_json
from cleanroom.errors import CATALOGUE, CleanroomError, MachineUnfit, Usage

NEEDED = ("enclave", "ray", "polars")
"""Packages that a room on this machine takes, besides the SDK's own."""
START_TIMEOUT_S = 180.0
"""A room that is not ready by then has failed, in seconds."""
STOP_TIMEOUT_S = 60.0
"""A room that has not ended by then is ended hard, in seconds."""


class SimulationWarning(UserWarning):
    """The room is simulated: nothing it proves is about hardware."""


class Started(Record):
    """The line that the subprocess prints once its room is active."""

    address: str
    """`host:port` of the coordinator."""
    directory: str
    """Where the room keeps its files."""
    manifest: str
    """The manifest with fresh keys and a simulated platform."""
    identities: dict[str, str]
    """Identity file by party."""


@contextmanager
def simulate(
    manifest: GivenManifest, *, workers: int = 2, parties: Sequence[str] | None = None
) -> Iterator[dict[str, Room]]:
    """Run a copy of the manifest's room on this machine, and connect its parties.

    The copy has fresh keys, a simulated platform and `mode: development`; who may do what is as in
    the manifest. Everything ends, and every file is removed, when the context is left.

    Args:
        manifest: an object, a path, or a room's name to look for here and above.
        workers: how many workers of each role to start.
        parties: whose rooms to open; all by default.

    Yields:
        A verified `Room` by party.

    Raises:
        MachineUnfit: this machine lacks what a room takes, or the room did not start.
        Usage: a party is not in the manifest.
    """
    own, _ = located(manifest)
    chosen = list(own.parties) if parties is None else list(parties)
    unknown = sorted(set(chosen) - set(own.parties))
    if unknown:
        raise Usage(f"the parties {unknown} are not in the manifest: {sorted(own.parties)}")
    _require_enclave()
    warnings.warn(SIMULATED, SimulationWarning, stacklevel=3)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cleanroom-")))
        draft = directory / "draft.json"
        draft.write_bytes(own.to_bytes())
        started = stack.enter_context(_launched(draft, directory / "room", workers))
        copy = ManifestFile.load(started.manifest)
        yield {
            party: stack.enter_context(
                connect(
                    copy,
                    identity=started.identities[party],
                    coordinator=started.address,
                    allow_simulated=True,
                    directory=_private(directory / party),
                )
            )
            for party in chosen
        }


def _require_enclave() -> tuple[str, ...]:
    missing = [package for package in NEEDED if find_spec(package) is None]
    if missing:
        raise MachineUnfit(
            f"a room on this machine needs {missing}, which are not installed",
            hint="pip install 'attested-cleanroom[enclave]'",
        )
    return NEEDED


@contextmanager
def _launched(manifest: Path, directory: Path, workers: int) -> Iterator[Started]:
    directory.mkdir(mode=0o700)
    command = [sys.executable, "-m", "enclave.local", "--manifest", str(manifest)]
    command += ["--directory", str(directory), "--workers", str(workers)]
    with subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield _first_line(process)
        finally:
            _end(process)


def _first_line(process: subprocess.Popen[bytes]) -> Started:
    overdue = Timer(START_TIMEOUT_S, process.kill)
    overdue.start()
    line = process.stdout.readline() if process.stdout else b""
    overdue.cancel()
    if not line:
        raise MachineUnfit("the simulated room did not start")
    said = parse_json(line, "the room's first line")
    if isinstance(said, dict) and "code" in said:
        raise _refused(said)
    return Started.from_plain(said)


def _refused(said: dict[str, object]) -> CleanroomError:
    kind = CATALOGUE.get(str(said["code"]), MachineUnfit)
    return kind(f"the simulated room did not start: {said.get('error', 'no reason is given')}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Its standard input ends, so it ends; hard if it does not."""
    if process.stdin:
        process.stdin.close()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()


def _private(directory: Path) -> Path:
    directory.mkdir(mode=0o700)
    return directory
