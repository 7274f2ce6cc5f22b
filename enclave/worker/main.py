"""Starts one worker: `python -I -m enclave.worker.main --coordinator HOST:PORT --genesis FILE …`.

The address is untrusted, the genesis decides: the platform has measured it. Prints one JSON line
with the worker's instance each time it was admitted; everything else goes to stderr as codes.
"""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cleanroom.errors import CleanroomError, FileMissing
from cleanroom.manifest.genesis import Genesis
from enclave.attester import Attester
from enclave.attester.beside import Beside, nothing_beside
from enclave.attester.options import add_arguments, chosen
from enclave.attester.supply import NOTHING_SUPPLIED, Supply
from enclave.worker.cluster import gang_node
from enclave.worker.confine import remove
from enclave.worker.diary import note, open_diary
from enclave.worker.executor import Engines
from enclave.worker.joining import Launch
from enclave.worker.lease import Place, keep
from enclave.worker.process import Spares


def serve(  # noqa: PLR0913, PLR0917 - what a launcher has to say
    coordinator: str,
    genesis: Genesis,
    role: str,
    attester: Attester,
    directory: Path,
    node_ip: str,
    stop: threading.Event,
    ready: Callable[[str], None],
    beside: Beside = nothing_beside,
    supply: Supply = NOTHING_SUPPLIED,
) -> None:
    """Run one worker in this thread until `stop` is set.

    Args:
        coordinator: `host:port`; untrusted.
        genesis: the only room to work for.
        role: an entry under the manifest's `workers`.
        attester: the platform.
        directory: the worker's own; what runs leave there is removed.
        node_ip: where other workers of a gang reach this one.
        stop: set it to end.
        ready: called with the instance each time the worker was admitted.
        beside: the devices that prove themselves along with the platform.
        supply: what vendors say about the room's machines.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    remove(directory.glob("r-*"))
    launch = Launch(coordinator, genesis, role, node_ip, attester, _clock, beside, supply)
    with Spares(directory) as spares:
        engines = Engines(expect=spares.expect, process=spares.take, gang=gang_node)
        keep(launch, Place(directory, engines), stop, ready)


def main(arguments: list[str] | None = None) -> int:
    """Run a worker until SIGTERM or SIGINT; the exit status."""
    options = _parser().parse_args(arguments)
    open_diary()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        genesis = _genesis(options.genesis)
        platform = chosen(options, options.role, genesis.digest)
    except CleanroomError as refused:
        # Nothing of a room is known yet, so the whole message may be said.
        sys.stderr.write(f"error {refused.code}: {refused.message}\n")
        if refused.hint:
            sys.stderr.write(f"  {refused.hint}\n")
        return refused.exit_status
    note("platform", platform=platform.name)
    try:
        serve(
            options.coordinator,
            genesis,
            options.role,
            platform.attester,
            options.directory,
            options.node_ip,
            stop,
            _admitted,
            platform.beside,
            platform.supply,
        )
    except CleanroomError as refused:
        note("not started", code=refused.code)
        return refused.exit_status
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="enclave.worker", description=__doc__)
    parser.add_argument("--coordinator", required=True, help="host:port; untrusted")
    parser.add_argument("--genesis", required=True, type=Path, help="the room's genesis, JSON")
    parser.add_argument("--role", required=True, help="an entry under the manifest's workers")
    parser.add_argument("--directory", required=True, type=Path, help="the worker's own")
    parser.add_argument("--node-ip", default="127.0.0.2", help="where other workers reach it")
    add_arguments(parser)
    return parser


def _genesis(file: Path) -> Genesis:
    if not file.is_file():
        raise FileMissing("the genesis file is missing")
    return Genesis.from_bytes(file.read_bytes())


def _admitted(instance: str) -> None:
    print(json.dumps({"instance": instance}), flush=True)  # noqa: T201 - the launcher reads it


def _clock() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    sys.exit(main())
