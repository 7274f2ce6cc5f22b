"""Models that stay: on release a training's model becomes a version that the room itself signs.

Its key was sealed to the room by the worker and is in no delivery; it is granted like that of any
dataset, to the runs that the manifest allows, and is gone with the room.
"""

from dataclasses import replace
from datetime import datetime

from cleanroom.crypto.envelope import Envelope
from cleanroom.crypto.sealing import Unsealer
from cleanroom.crypto.signing import Signer
from cleanroom.encoding import content_digest
from cleanroom.errors import SealBroken
from cleanroom.ledger.entry import DatasetAdded
from cleanroom.manifest.keeping import ROOM, kept_by
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.dataset import (
    DatasetVersion,
    Part,
    kept_version,
    key_context,
    sign_version,
)
from cleanroom.protocol.run import Delivery
from cleanroom.protocol.work import SealedOutput
from enclave.coordinator.governing import Change
from enclave.coordinator.state import HeldVersion, Room, Run


def kept_delivery(
    manifest: Manifest, run: Run, sealed: SealedOutput, unsealer: Unsealer
) -> Delivery:
    """A delivery to the room itself, once the key opens for the version that the model becomes.

    Raises:
        SealBroken: it does not, or the output is not kept.
    """
    dataset = _dataset(run, sealed)
    owner, version = manifest.datasets[dataset].owner, kept_version(run.name, sealed.output.output)
    lineage = str(run.request.lineage)
    context = key_context(lineage, manifest.digest, dataset, owner, version)
    unsealer.open(sealed.sealed_key, context=context)
    return Delivery(run=run.name, output=sealed.output, sealed_key=sealed.sealed_key)


def kept_versions(manifest: Manifest, run: Run, at: datetime, signer: Signer) -> list[Envelope]:
    """The versions that a run's models become, signed by the room; none of what is withheld."""
    return [
        sign_version(_version(manifest, run, sealed, at), signer)
        for sealed in run.outputs
        if sealed.output.recipient == ROOM and not sealed.output.suppressed
    ]


def keep(room: Room, run: Run, at: datetime) -> Change:
    """The room with the versions of a run that is released.

    Raises:
        SealBroken: a version is of other bytes than the run's outputs.
    """
    held, contents = dict(room.versions), []
    keys = {sealed.output.digest: sealed.sealed_key for sealed in run.outputs}
    for signed in run.kept:
        version = DatasetVersion.from_bytes(signed.payload)
        part = version.parts[0].digest
        if part not in keys:
            raise SealBroken("a model that is kept is none of the run's outputs")
        name = version.digest
        held[name] = HeldVersion(version, signed, name, keys[part], at)
        contents.append(DatasetAdded(dataset=version.dataset, owner=version.owner, version=name))
    if not contents:
        return Change(room)
    return Change(replace(room, versions=held), tuple(contents))


def _version(manifest: Manifest, run: Run, sealed: SealedOutput, at: datetime) -> DatasetVersion:
    dataset, output = _dataset(run, sealed), sealed.output
    return DatasetVersion(
        lineage=run.request.lineage,
        manifest=manifest.digest,
        dataset=dataset,
        owner=manifest.datasets[dataset].owner,
        version=kept_version(run.name, output.output),
        rows=1,
        parts=[Part(index=0, digest=output.digest, size=output.size, rows=1)],
        sealed_key=content_digest(sealed.sealed_key),
        sealed_at=at,
    )


def _dataset(run: Run, sealed: SealedOutput) -> str:
    kept = kept_by(run.request.computation, run.computation)
    if sealed.output.output not in kept:
        raise SealBroken(f"output {sealed.output.output!r} is not kept")
    return kept[sealed.output.output]
