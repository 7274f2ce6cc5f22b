"""Results on their way out: from `Released` to sealed bytes, and never anything else.

Takes only what passed the gate. The bytes are encrypted under a fresh key that is sealed to the
coordinator; whether a recipient ever gets that key is the coordinator's gate.
"""

import os
import secrets
from pathlib import Path

from cleanroom.crypto.sealing import CONTENT_KEY_LENGTH, SealKey, encrypt_content, seal
from cleanroom.encoding import content_digest
from cleanroom.ledger.entry import OutputRecord
from cleanroom.protocol.run import delivery_context, output_context
from cleanroom.protocol.work import SealedOutput
from enclave.computations.encode import encode
from enclave.computations.release import Released
from enclave.worker.orders import AcceptedOrder


def seal_result(
    released: Released, accepted: AcceptedOrder, seal_key: SealKey, directory: Path
) -> SealedOutput:
    """Encode, encrypt and seal one result for one recipient; its bytes go into `directory`.

    Raises:
        OutputTooLarge: the encoded result is longer than the output's `max_bytes`.
    """
    manifest = accepted.manifest
    context = output_context(
        str(manifest.metadata.lineage),
        manifest.digest,
        accepted.order.run,
        released.output,
        released.recipient,
    )
    key = secrets.token_bytes(CONTENT_KEY_LENGTH)
    encoded = encode(released)
    sealed = encrypt_content(encoded, key, context=context)  # type: ignore[arg-type]
    digest = content_digest(sealed)
    _write(sealed_file(directory, digest), sealed)
    output = OutputRecord(
        output=released.output,
        recipient=released.recipient,
        digest=digest,
        size=len(sealed),
        suppressed=released.suppressed,
    )
    return SealedOutput(
        output=output, sealed_key=seal(key, seal_key, context=delivery_context(context, digest))
    )


def sealed_file(directory: Path, digest: str) -> Path:
    """Where the sealed bytes of a result are."""
    return directory / f"{digest.removeprefix('sha256:')}.result"


def _write(file: Path, content: bytes) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
