"""Envelopes of builders as files: `reference-values/*.json` beside the manifest.

They travel like approvals: a shared repository or an e-mail will do. Which of them count is the
manifest's to say; files that it does not name are left aside.
"""

from pathlib import Path

from cleanroom.attestation.resolving import needed
from cleanroom.crypto.envelope import Envelope
from cleanroom.errors import CleanroomError, FileMissing
from cleanroom.manifest.model import Manifest

REFERENCE_VALUES = "reference-values"
"""The directory of what builders signed, beside the manifest."""


def values_beside(directory: Path, manifest: Manifest) -> list[Envelope]:
    """The envelopes in `reference-values/` whose statement the manifest names.

    Args:
        directory: where the manifest stands.
        manifest: says which statements count.

    Raises:
        FileMissing: a file there is not an envelope.
    """
    files = sorted((directory / REFERENCE_VALUES).glob("*.json"))
    return needed(manifest.attestation, [_envelope(file) for file in files])


def _envelope(file: Path) -> Envelope:
    try:
        return Envelope.from_bytes(file.read_bytes().rstrip(b"\n"))
    except (CleanroomError, OSError):
        raise FileMissing(
            f"{REFERENCE_VALUES}/{file.name} is not what a builder signed",
            hint="ask the builder for its file again, and keep it unchanged",
        ) from None
