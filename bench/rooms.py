"""How a benchmark's parties get into its room of real processes."""

from pathlib import Path

from cleanroom.client.identity import Identity
from cleanroom.client.manifest_file import ManifestFile
from cleanroom.client.room import Room, connect


def enter(loaded: ManifestFile, identities: dict[str, Path], address: str) -> dict[str, Room]:
    """Connect every party and propose the manifest with all approvals; each room is to be closed.

    Args:
        loaded: the manifest beside its approvals.
        identities: each party's identity file.
        address: `host:port` of the coordinator.
    """
    rooms = {
        party: connect(
            loaded,
            identity=Identity.load(file),
            coordinator=address,
            allow_simulated=True,
            directory=file.parent / party,
        )
        for party, file in identities.items()
    }
    for room in rooms.values():
        room.propose(loaded.approvals())
    return rooms
