"""A coordinator as a process of its own, which a test may kill at any moment.

python -m tests.support.coordinator_process DIRECTORY GENESIS PLATFORM
"""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cleanroom.manifest.genesis import Genesis
from cleanroom.manifest.model import Manifest
from enclave.attester.simulated import SimulatedPlatform
from enclave.attester.supply import Supply
from enclave.coordinator.main import serve
from tests.support.platform import MEASUREMENT
from tests.support.rooms import RunningRoom
from tests.support.source_tree import ROOT


@contextmanager
def killable(
    directory: Path, manifest: Manifest, platform: Path
) -> Iterator[tuple[RunningRoom, "subprocess.Popen[str]"]]:
    """A coordinator in its own process; killed without warning at the end of the block."""
    directory.mkdir(exist_ok=True)
    genesis = Genesis.of(manifest)
    (directory / "genesis.json").write_bytes(genesis.to_bytes())
    command = [sys.executable, "-m", "tests.support.coordinator_process"]
    arguments = [str(directory), str(directory / "genesis.json"), str(platform)]
    with subprocess.Popen(
        command + arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["address"]
        machine = SimulatedPlatform.load(platform)
        room = RunningRoom(address, manifest, genesis, machine, directory)
        try:
            yield room, process
        finally:
            process.kill()
            room.close()


def say(address: str) -> None:
    """Tell the test where to find it."""
    sys.stdout.write(json.dumps({"address": address}) + "\n")
    sys.stdout.flush()


def main(directory: str, genesis: str, platform: str) -> None:
    """Serve until somebody kills this process."""
    born = Genesis.from_bytes(Path(genesis).read_bytes())
    serve(
        Path(directory),
        born,
        "127.0.0.1:0",
        SimulatedPlatform.load(Path(platform)).attester(MEASUREMENT, born.digest),
        supply=Supply(None),
        ready=say,
        stop=threading.Event(),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
