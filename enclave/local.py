"""A whole room on this machine, for the demo, notebooks and tests: its files, and a program.

`launching` runs its processes; they are the ones that run in confidential VMs. Only their platform
is simulated, and everything they prove says so.

    python -m enclave.local --manifest FILE --directory DIR [--workers N]

starts a room for a copy of the manifest with fresh identities and a simulated platform, prints one
JSON line that names them, and runs until its standard input is closed.
"""

import argparse
import json
import shutil
import signal
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Literal

from cleanroom.client.clock import system_clock
from cleanroom.client.drafting import AttestationFile
from cleanroom.client.identity import Identity
from cleanroom.client.manifest_file import ManifestFile
from cleanroom.client.signed_values import REFERENCE_VALUES
from cleanroom.errors import CleanroomError
from cleanroom.manifest.author import block_text, manifest_text
from cleanroom.manifest.genesis import Genesis
from cleanroom.manifest.model import Manifest
from enclave.coordinator.initialise import (
    WorkerPlatform,
    init,
)
from enclave.launching import LocalRoom

VALIDITY = timedelta(days=7)
"""A simulated room is for now."""


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


if __name__ == "__main__":
    sys.exit(main())
