"""Orders with key grants, and the keys of results on their way back: where sealed keys are opened.

A data key exists in the clear for the moment between opening the owner's envelope and sealing it
to an attested worker; a result's key for the moment between the worker's and the recipient's.
"""

from collections.abc import Iterator

from cleanroom.crypto.sealing import CONTENT_KEY_LENGTH, SealKey, Unsealer, seal
from cleanroom.errors import SealBroken
from cleanroom.manifest.keeping import ROOM
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.dataset import DatasetOffer, DatasetVersion, key_context
from cleanroom.protocol.grant import GrantTerms, grant
from cleanroom.protocol.run import Delivery, delivery_context, output_context
from cleanroom.protocol.work import Order, OrderedInput, SealedOutput
from enclave.coordinator.clusters import gang_of
from enclave.coordinator.keeping import kept_delivery
from enclave.coordinator.snapshots import for_head
from enclave.coordinator.state import HeldVersion, Room, Run, Worker


def opened_key(version: DatasetVersion, sealed_key: bytes, unsealer: Unsealer) -> bytes:
    """The data key of a version, 32 bytes.

    Raises:
        SealBroken: it was sealed for another room, version or owner, or is no data key.
    """
    context = key_context(
        str(version.lineage), version.manifest, version.dataset, version.owner, version.version
    )
    return _content_key(unsealer.open(sealed_key, context=context))


def openable(offer: DatasetOffer, unsealer: Unsealer) -> DatasetOffer:
    """Return the offer once its key opens: better refused at upload than failed in a run.

    Raises:
        SealBroken: it does not open.
    """
    opened_key(DatasetVersion.from_bytes(offer.version.payload), offer.sealed_key, unsealer)
    return offer


def orders(room: Room, run: Run, unsealer: Unsealer) -> Iterator[tuple[str, Order]]:
    """What each worker of a run's gang is told, with grants that only it can open.

    Raises:
        SealBroken: a data key does not open, or that of the run's snapshot.
    """
    gang, inputs = gang_of(run), room.inputs_of(run)
    keys = {
        name: opened_key(inputs[name], room.versions[digest].sealed_key, unsealer)
        for name, digest in run.versions.items()
    }
    for worker in run.gang:
        ordered = {
            name: _input(run, name, room.versions[digest], worker, keys[name])
            for name, digest in run.versions.items()
        }
        yield (
            worker.instance,
            Order(
                run=run.name,
                manifest=run.request.manifest,
                computation=run.request.computation,
                parameters=dict(run.parameters),
                inputs=ordered,
                gang=gang,
                deadline=run.deadline,
                snapshot=for_head(run, worker, unsealer) if worker is run.gang[0] else None,
            ),
        )


def deliveries(manifest: Manifest, run: Run, unsealer: Unsealer) -> list[Delivery]:
    """The results' keys, re-sealed to their recipients; one that does not open is left out."""
    made = []
    for sealed in run.outputs:
        try:
            deliver = kept_delivery if sealed.output.recipient == ROOM else _delivery
            made.append(deliver(manifest, run, sealed, unsealer))
        except SealBroken:
            continue
    return made


def _input(run: Run, name: str, held: HeldVersion, worker: Worker, key: bytes) -> OrderedInput:
    terms = GrantTerms(
        lineage=run.request.lineage,
        manifest=run.request.manifest,
        run=run.name,
        input=name,
        dataset=held.version.dataset,
        version=held.digest,
        columns=run.computation.reads[name].columns,
        worker=worker.instance,
        expires_at=run.deadline,
    )
    granted = grant(terms, key, SealKey(worker.join.seal_key))
    return OrderedInput(signed=held.signed, grant=granted)


def _delivery(manifest: Manifest, run: Run, sealed: SealedOutput, unsealer: Unsealer) -> Delivery:
    output = sealed.output
    place = output_context(
        str(run.request.lineage), manifest.digest, run.name, output.output, output.recipient
    )
    context = delivery_context(place, output.digest)
    key = _content_key(unsealer.open(sealed.sealed_key, context=context))
    recipient = SealKey(manifest.key_of(output.recipient, "receive").public)
    return Delivery(run=run.name, output=output, sealed_key=seal(key, recipient, context=context))


def _content_key(key: bytes) -> bytes:
    if len(key) != CONTENT_KEY_LENGTH:
        raise SealBroken(f"a sealed key has {len(key)} bytes, expected {CONTENT_KEY_LENGTH}")
    return key
