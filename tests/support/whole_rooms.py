"""A whole room of real processes, both parties inside of it, and a host that may kill any of them.

    with whole_room(directory, manifest, workers=2) as room:
        room.enter("bank").add("customers", table)

The processes are those of `enclave.launching`; only the machine below is simulated. `directory` is the
host's: everything that coordinator and workers write is below it. Each party has its own beside it.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cleanroom.client.identity import Identity
from cleanroom.client.manifest_file import ManifestFile
from cleanroom.client.room import Room, connect
from cleanroom.manifest.model import Manifest
from enclave.launching import LocalRoom
from enclave.local import prepare

PATIENCE_S = 90.0
"""How long a party's call waits for a coordinator that comes back, in seconds."""


@dataclass
class WholeRoom:
    """A room that runs, its host's directory, and how its parties get in."""

    directory: Path
    local: LocalRoom
    manifest: ManifestFile
    identities: dict[str, Identity]
    coordinator: int = 0
    """Process id."""
    workers: list[int] = field(default_factory=list)
    """Process ids, by their order."""
    _entered: ExitStack = field(default_factory=ExitStack)

    @property
    def address(self) -> str:
        """Where the coordinator is reached, also after a restart."""
        return self.local.address

    def party_directory(self, party: str) -> Path:
        """Where a party remembers; not the host's."""
        return self.directory.parent / f"{self.directory.name}-{party}"

    def enter(self, party: str) -> Room:
        """A party's way in, which waits out restarts; closed with the room."""
        own = self.party_directory(party)
        own.mkdir(exist_ok=True)
        room = connect(
            self.manifest.manifest,
            identity=self.identities[party],
            coordinator=self.address,
            directory=own,
            allow_simulated=True,
            patience_s=PATIENCE_S,
        )
        return self._entered.enter_context(room)

    def start_coordinator(self) -> None:
        """Start it, or start it again where it was."""
        self.local.start_coordinator(self.address or "127.0.0.1:0")
        self.coordinator = self.local.process_ids()[-1]

    def start_workers(self, count: int) -> None:
        """Start workers and wait until they are admitted."""
        self.local.start_workers(count, "cpu")
        self.workers = self.local.process_ids()[-count:]

    def close(self) -> None:
        """Close every way in."""
        self._entered.close()


@contextmanager
def whole_room(directory: Path, manifest: Manifest, workers: int) -> Iterator[WholeRoom]:
    """A room of processes for a copy of `manifest` with fresh keys, in force; ended with the block.

    Args:
        directory: the host's; made.
        manifest: what the parties agree to.
        workers: how many join.
    """
    directory.mkdir()
    path, files = prepare(manifest, directory)
    loaded = ManifestFile.load(path)
    identities = {party: Identity.load(file) for party, file in files.items()}
    for file in files.values():
        file.unlink()  # a party's keys are never the host's
    with LocalRoom(directory, directory / "operator", directory / "genesis.json") as local:
        room = WholeRoom(directory, local, loaded, identities)
        room.start_coordinator()
        try:
            room.enter("bank").propose(loaded.approvals())
            room.start_workers(workers)
            yield room
        finally:
            room.close()


def kill(process_id: int) -> None:
    """End a process as a host does that asks nobody; returns when nothing of it answers."""
    os.kill(process_id, signal.SIGKILL)
    _until_dead(process_id)


def freeze(process_id: int) -> None:
    """Take the processor away from a process."""
    os.kill(process_id, signal.SIGSTOP)


def thaw(process_id: int) -> None:
    """Give it back."""
    os.kill(process_id, signal.SIGCONT)


def _until_dead(process_id: int) -> None:
    state = Path(f"/proc/{process_id}/stat")
    while state.exists() and state.read_text().rpartition(")")[2].split()[0] not in "ZX":
        continue
