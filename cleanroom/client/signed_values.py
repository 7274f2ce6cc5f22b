"""Envelopes of builders as files: `reference-values/*.json` beside the manifest.

They travel like approvals: a shared repository or an e-mail will do. Which of them count is the
manifest's to say; files that it does not name are left aside.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from cleanroom.attestation.policy import AppraisalPolicy
from cleanroom.attestation.resolving import needed
from cleanroom.client.files import write_over
from cleanroom.crypto.envelope import Envelope
from cleanroom.errors import CleanroomError, FileMissing
from cleanroom.manifest.model import Manifest

REFERENCE_VALUES = "reference-values"
"""The directory of what builders signed, beside the manifest."""
PUBLIC_FILE = 0o644
"""Envelopes hold no secret and are passed on."""


def values_beside(directory: Path, manifest: Manifest) -> list[Envelope]:
    """The envelopes in `reference-values/` whose statement the manifest names.

    Args:
        directory: where the manifest stands.
        manifest: says which statements count.

    Raises:
        FileMissing: a file there is not an envelope.
    """
    files = sorted((directory / REFERENCE_VALUES).glob("*.json"))
    return needed(manifest.attestation, [_envelope(file, REFERENCE_VALUES) for file in files])


def values_in(files: Iterable[Path]) -> list[Envelope]:
    """The envelopes in some files, wherever they lie.

    Raises:
        FileMissing: a file is not an envelope.
    """
    return [_envelope(file) for file in files]


def carry_values(policies: Mapping[str, AppraisalPolicy], source: Path, target: Path) -> list[Path]:
    """Copy what builders signed about the images that these entries name.

    Args:
        policies: entries of `attestation`, by name.
        source: a directory with `reference-values/`, such as an operator's room.
        target: where the manifest stands.

    Returns:
        The copies, in `reference-values/` below `target`.

    Raises:
        FileMissing: a file is not an envelope, or cannot be written.
    """
    copies: list[Path] = []
    for file in sorted((source / REFERENCE_VALUES).glob("*.json")):
        for envelope in needed(policies, [_envelope(file, REFERENCE_VALUES)]):
            (target / REFERENCE_VALUES).mkdir(exist_ok=True)
            copy = target / REFERENCE_VALUES / file.name
            copies.append(write_over(copy, envelope.to_bytes(), PUBLIC_FILE))
    return copies


def _envelope(file: Path, directory: str = "") -> Envelope:
    try:
        return Envelope.from_bytes(file.read_bytes().rstrip(b"\n"))
    except (CleanroomError, OSError):
        raise FileMissing(
            f"{Path(directory, file.name)} is not what a builder signed",
            hint="ask the builder for its file again, and keep it unchanged",
        ) from None
