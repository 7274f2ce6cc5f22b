"""Results on their way out: from `Released` to sealed bytes, and never anything else.

Takes only what passed the gate. The bytes are encrypted under a fresh key that is sealed to the
coordinator; whether a recipient ever gets that key is the coordinator's gate.
"""

import os
import secrets
from pathlib import Path
from typing import BinaryIO

from cleanroom.crypto.sealing import (
    CONTENT_KEY_LENGTH,
    ContentWriter,
    SealKey,
    encrypt_content,
    seal,
)
from cleanroom.dataset.context import DatasetContext
from cleanroom.dataset.kept_file import kept_file
from cleanroom.dataset.model_file import ModelDescription
from cleanroom.dataset.models.sealing import model_context
from cleanroom.encoding import content_digest
from cleanroom.errors import ComputationFailed
from cleanroom.ledger.entry import OutputRecord
from cleanroom.manifest.keeping import ROOM, kept_by
from cleanroom.protocol.dataset import kept_version, key_context
from cleanroom.protocol.run import delivery_context, output_context
from cleanroom.protocol.work import SealedOutput
from enclave.computations.encode import encode_into
from enclave.computations.release import Released
from enclave.worker.orders import AcceptedOrder


def seal_result(
    released: Released, accepted: AcceptedOrder, seal_key: SealKey, directory: Path
) -> SealedOutput:
    """Encode, encrypt and seal one result for one recipient; its bytes go into `directory`.

    Raises:
        OutputTooLarge: the encoded result is longer than the output's `max_bytes`.
    """
    if released.recipient == ROOM:
        return _kept(released, accepted, seal_key, directory)
    manifest = accepted.manifest
    context = output_context(
        str(manifest.metadata.lineage),
        manifest.digest,
        accepted.order.run,
        released.output,
        released.recipient,
    )
    key = secrets.token_bytes(CONTENT_KEY_LENGTH)
    digest, size = encrypt_result(released, key, context, directory)
    output = OutputRecord(
        output=released.output,
        recipient=released.recipient,
        digest=digest,
        size=size,
        suppressed=released.suppressed,
    )
    return SealedOutput(
        output=output, sealed_key=seal(key, seal_key, context=delivery_context(context, digest))
    )


def _kept(
    released: Released, accepted: AcceptedOrder, seal_key: SealKey, directory: Path
) -> SealedOutput:
    """Seal a model to the room as a version of the dataset that it stays as."""
    manifest, order = accepted.manifest, accepted.order
    kept = kept_by(order.computation, manifest.computations[order.computation])
    if released.output not in kept:
        raise ComputationFailed(f"output {released.output!r} is not kept")
    dataset = kept[released.output]
    lineage, owner = str(manifest.metadata.lineage), manifest.datasets[dataset].owner
    version, key = kept_version(order.run, released.output), secrets.token_bytes(CONTENT_KEY_LENGTH)
    place = model_context(DatasetContext(lineage, dataset, owner, version))
    ciphertext = encrypt_content(kept_content(released), key, context=place)
    digest = content_digest(ciphertext)
    with _created(sealed_file(directory, digest)) as file:
        file.write(ciphertext)
    output = OutputRecord(
        output=released.output,
        recipient=ROOM,
        digest=digest,
        size=len(ciphertext),
        suppressed=released.suppressed,
    )
    context = key_context(lineage, manifest.digest, dataset, owner, version)
    return SealedOutput(output=output, sealed_key=seal(key, seal_key, context=context))


def kept_content(released: Released) -> bytes:
    """The file of a model that stays: trees as they are, others as `kept_file` frames them."""
    if released.suppressed:
        return b""
    (line,) = released.table.to_pylist()
    described = ModelDescription.from_bytes(line["description"].encode())
    if described.kind == "gbdt":
        return bytes(line["booster"])
    return kept_file(line["description"].encode(), line["booster"])


def encrypt_result(
    released: Released, key: bytes, context: bytes, directory: Path
) -> tuple[str, int]:
    """Encode and encrypt a result into `directory`, piece by piece; its digest and size.

    Raises:
        OutputTooLarge: the encoded result is longer than the output's `max_bytes`.
    """
    growing = directory / f"{secrets.token_hex(16)}.growing"
    try:
        with _created(growing) as file:
            writer = ContentWriter(file, key, context=context)
            encode_into(released, writer)
            digest = writer.finish()
        growing.rename(sealed_file(directory, digest))
    finally:
        growing.unlink(missing_ok=True)
    return digest, writer.size


def sealed_file(directory: Path, digest: str) -> Path:
    """Where the sealed bytes of a result are."""
    return directory / f"{digest.removeprefix('sha256:')}.result"


def _created(file: Path) -> BinaryIO:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    return os.fdopen(descriptor, "wb", buffering=1 << 20)
