"""Starts a coordinator: opens the state, boots the room, serves until it is told to stop.

The only place of this package that reads the clock and the environment.
"""

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cleanroom.errors import (
    CleanroomError,
    FileMissing,
    StateUnreadable,
    Unreachable,
)
from cleanroom.manifest.genesis import Genesis
from enclave.attester import Attester
from enclave.attester.options import add_arguments, chosen
from enclave.attester.supply import Supply
from enclave.coordinator.blobs import Blobs
from enclave.coordinator.callers import Callers
from enclave.coordinator.engine import Engine
from enclave.coordinator.journal import Journal
from enclave.coordinator.leases import Leases
from enclave.coordinator.logs import logger, to_stream
from enclave.coordinator.performing import Performer
from enclave.coordinator.seed import BLOBS
from enclave.coordinator.server import start

TICK_S = 0.25
"""How often leases and deadlines are looked at, in seconds."""
GRACE_S = 2.0
"""How long calls may go on after the coordinator was told to stop, in seconds."""
KEPT = frozenset({"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"})
"""All of the environment that a coordinator keeps: variables can redirect libraries (LD_PRELOAD),
switch off processor features (OPENSSL_ia32cap), or make gRPC print what it sends (GRPC_TRACE)."""


def serve(
    directory: Path,
    genesis: Genesis,
    listen: str,
    attester: Attester,
    *,
    supply: Supply,
    ready: Callable[[str], None] | None,
    stop: threading.Event,
) -> None:
    """Serve a room until `stop` is set.

    Args:
        directory: the room's state and blobs; made if it is missing.
        genesis: what the room was launched for.
        listen: `host:port`; port 0 takes a free one.
        attester: the platform below.
        supply: what vendors say about the room's machines.
        ready: told the address once calls are answered.
        stop: set by whoever wants an end.

    Raises:
        PortTaken: the address is taken.
        StateUnreadable: the state does not open, or could not be written any more.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    journal = Journal.open(directory, genesis, attester.derive_key, _clock())
    dead = threading.Event()

    def die() -> None:
        dead.set()
        stop.set()

    blobs, callers = Blobs(directory / BLOBS), Callers(time.monotonic)
    performer = Performer(
        journal.keys, blobs, callers, Leases(time.monotonic), Leases(time.monotonic)
    )
    engine = Engine(journal, attester, performer, supply=supply, clock=_clock, on_death=die)
    try:
        engine.boot()
        _serve(engine, listen, ready, stop)
    finally:
        engine.close()
    if dead.is_set():
        raise StateUnreadable("the coordinator has ended: its state could not be written")


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    to_stream()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        genesis = _genesis(options.genesis)
        platform = chosen(options, "coordinator", genesis.digest)
        logger().info("platform", extra={"platform": platform.name})
        serve(
            options.directory,
            genesis,
            options.listen,
            platform.attester,
            supply=platform.supply,
            ready=_say,
            stop=stop,
        )
    except CleanroomError as refused:
        sys.stderr.write(f"error {refused.code}: {refused.message}\n")
        if refused.hint:
            sys.stderr.write(f"  {refused.hint}\n")
        return refused.exit_status
    return 0


def _serve(
    engine: Engine, listen: str, ready: Callable[[str], None] | None, stop: threading.Event
) -> None:
    server, address = start(engine, listen, _clock)
    logger().info("serving", extra={"address": address, "epoch": engine.room.epoch})
    if ready is not None:
        ready(address)
    try:
        while not stop.wait(TICK_S):
            engine.tick()
    finally:
        engine.performer.outboxes.close_all(Unreachable("the coordinator stops"))
        server.stop(GRACE_S).wait()
        logger().info("stopped")


def _clock() -> datetime:
    return datetime.now(UTC)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="coordinator", description="Serve one clean room.")
    parser.add_argument("--directory", type=Path, required=True, help="the room's own directory")
    parser.add_argument("--genesis", type=Path, required=True, help="what the room is born from")
    parser.add_argument("--listen", required=True, help="host:port")
    add_arguments(parser)
    return parser


def _genesis(file: Path) -> Genesis:
    if not file.is_file():
        raise FileMissing("the genesis file is missing")
    return Genesis.from_bytes(file.read_bytes())


def _say(address: str) -> None:
    sys.stdout.write(json.dumps({"address": address}) + "\n")
    sys.stdout.flush()


def _scrub() -> None:
    """Start again without the environment, if there is any that is not kept."""
    kept = {name: value for name, value in os.environ.items() if name in KEPT}
    if kept.keys() == os.environ.keys():
        return
    module = "enclave.coordinator.main"
    again = [sys.executable, "-I", "-m", module, *sys.argv[1:]]
    os.execve(sys.executable, again, kept)  # noqa: S606 - the same program, without a shell


if __name__ == "__main__":
    _scrub()
    sys.exit(main())
