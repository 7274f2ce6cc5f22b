"""Begins a room: its lineage, and in development a simulated machine with what to trust about it.

It gives plain values to write into a manifest; it writes no manifest and starts nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal
from uuid import UUID, uuid4

from cleanroom.attestation.policy import SevSnpPolicy
from cleanroom.crypto.envelope import Envelope
from cleanroom.errors import Usage
from enclave.attester.measure import installed_code_digest, measurement_of
from enclave.coordinator.building import named_entry

COORDINATOR_POLICY = "coordinator"
WORKER_POLICY = "worker"
PLATFORM_DIRECTORY = "platform"
"""Where the simulated machine is kept, below the room's directory."""
WORKER_PLATFORM_DIRECTORY = "worker-platform"
"""Where the workers' machine is kept, if it is of another kind."""
WorkerPlatform = Literal["sev-snp", "tdx"]
"""What workers can be simulated on."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """What the parties put into their first manifest."""

    lineage: UUID
    """The room's identity."""
    attestation: Mapping[str, object]
    """Entries for `attestation:` as plain values; empty in production, where the operator names
    the measurements of the image."""
    envelopes: Mapping[str, Envelope] = field(default_factory=dict)
    """What development builders signed about the images that the entries name, by file name."""


def init(
    directory: Path,
    mode: Literal["production", "development"],
    now: datetime,
    roles: tuple[str, ...] = ("cpu",),
    workers_on: WorkerPlatform = "sev-snp",
    *,
    named: bool = False,
) -> Beginning:
    """Begin a room in `directory`.

    Args:
        directory: the coordinator's own; made if it is missing.
        mode: `development` makes a simulated machine, which takes about a second.
        now: from when on its certificates are valid, aware.
        roles: worker roles of the manifest; each has a measurement of its own.
        workers_on: the platform that workers are simulated on; the coordinator's is SEV-SNP.
        named: let two builders of the moment sign what the images measure, and name that.

    Raises:
        Usage: there is a simulated machine already, or `named` is asked for in production.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    lineage = uuid4()
    if mode == "production":
        if named:
            raise Usage(
                "development builders sign for development rooms only",
                hint="sign real images with `cleanroom measure sign`",
            )
        return Beginning(lineage, {})
    # NOTE: an enclave image has no simulator installed
    from enclave.attester.simulated import SimulatedPlatform  # noqa: PLC0415

    platform = SimulatedPlatform.create(directory / PLATFORM_DIRECTORY, now)
    code, root = installed_code_digest(), platform.root_fingerprint
    images = [measurement_of(role, code) for role in roles]
    on_tdx = workers_on == "tdx"
    entries: dict[str, dict[str, object]] = {
        COORDINATOR_POLICY: _entry(root, [measurement_of("coordinator", code)]),
        WORKER_POLICY: _tdx_entry(directory, images, now) if on_tdx else _entry(root, images),
    }
    if not named:
        return Beginning(lineage, entries)
    made = {image: named_entry(entry, image, code, now) for image, entry in entries.items()}
    envelopes = {
        f"{image}-{builder}.json": signed
        for image, one in made.items()
        for builder, signed in one.envelopes.items()
    }
    return Beginning(lineage, {image: one.entry for image, one in made.items()}, envelopes)


def _tdx_entry(directory: Path, images: list[bytes], now: datetime) -> dict[str, object]:
    from enclave.attester.simulated_tdx import SimulatedTdxPlatform  # noqa: PLC0415 - as above

    machine = SimulatedTdxPlatform.create(directory / WORKER_PLATFORM_DIRECTORY, now)
    entries = [
        machine.policy(image).model_dump(mode="json", exclude_unset=True) for image in images
    ]
    listed = [image for entry in entries for image in entry["measurements"]]
    return {**entries[0], "measurements": listed}


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
