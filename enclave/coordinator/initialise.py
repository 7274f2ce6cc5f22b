"""Begins a room: its lineage, and in development a simulated machine with what to trust about it.

It gives plain values to write into a manifest; it writes no manifest and starts nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal
from uuid import UUID, uuid4

from cleanroom.attestation.policy import SevSnpPolicy
from enclave.attester.measure import installed_code_digest, measurement_of

COORDINATOR_POLICY = "coordinator"
WORKER_POLICY = "worker"
PLATFORM_DIRECTORY = "platform"
"""Where the simulated machine is kept, below the room's directory."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """What the parties put into their first manifest."""

    lineage: UUID
    """The room's identity."""
    attestation: dict[str, object]
    """Entries for `attestation:` as plain values; empty in production, where the operator names
    the measurements of the image."""


def init(
    directory: Path,
    mode: Literal["production", "development"],
    now: datetime,
    roles: tuple[str, ...] = ("cpu",),
) -> Beginning:
    """Begin a room in `directory`.

    Args:
        directory: the coordinator's own; made if it is missing.
        mode: `development` makes a simulated machine, which takes about a second.
        now: from when on its certificates are valid, aware.
        roles: worker roles of the manifest; each has a measurement of its own.

    Raises:
        Usage: there is a simulated machine already.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    lineage = uuid4()
    if mode == "production":
        return Beginning(lineage, {})
    # NOTE: an enclave image has no simulator installed
    from enclave.attester.simulated import SimulatedPlatform  # noqa: PLC0415

    platform = SimulatedPlatform.create(directory / PLATFORM_DIRECTORY, now)
    code, root = installed_code_digest(), platform.root_fingerprint
    entries: dict[str, object] = {
        COORDINATOR_POLICY: _entry(root, [measurement_of("coordinator", code)]),
        WORKER_POLICY: _entry(root, [measurement_of(role, code) for role in roles]),
    }
    return Beginning(lineage, entries)


def _entry(root: str, measurements: list[bytes]) -> dict[str, object]:
    from enclave.attester.scenarios import GOOD_TCB  # noqa: PLC0415 - belongs to the simulator

    plain: dict[str, object] = {
        "platform": "sev-snp",
        "products": ["Genoa"],
        "measurements": [measurement.hex() for measurement in measurements],
        "host_data": "genesis",
        "min_tcb": {"Genoa": dict(GOOD_TCB["Genoa"])},
        "development_roots": [root],
    }
    SevSnpPolicy.from_plain(plain)
    return plain
