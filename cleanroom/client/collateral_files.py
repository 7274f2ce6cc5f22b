"""What a party knows from vendors by itself: bundles that it was given, and those it keeps.

A room shows what it knows of its own machines; a party that brings its own bundle cannot be shown
an older list. Nothing here is trusted either: vendors sign it, and of two the fresher one counts.
"""

import os
from datetime import datetime
from pathlib import Path

from cleanroom.attestation.bundle import Bundle
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.pooling import pool
from cleanroom.client.files import private_directory, write_over
from cleanroom.errors import CleanroomError, FileMissing

DIRECTORY = "collateral"
"""Below `.cleanroom/`: every `*.json` there is a bundle."""

GivenCollateral = Collateral | Bundle | str | os.PathLike[str]
"""What vendors say, a bundle of it, or a bundle's path."""


def known_collateral(
    given: GivenCollateral | None, memory: Path | None, now: datetime
) -> Collateral:
    """What was given and what is kept, as one.

    Args:
        given: by the caller; None for nothing.
        memory: the `.cleanroom/` directory; None where nothing is kept.
        now: decides which of several documents count, aware.

    Raises:
        FileMissing: a file cannot be read, or is no bundle.
        EvidenceRejected: a list or document cannot be read, or there are too many.
    """
    kept = sorted((memory / DIRECTORY).glob("*.json")) if memory is not None else []
    return pool([_collateral(given), *map(_read, kept)], now)


def keep_bundle(file: Path, memory: Path) -> Path:
    """Keep a bundle under its file's name, in place of an older one.

    Raises:
        FileMissing: it cannot be read, is no bundle, or cannot be kept.
    """
    _read(file)
    kept = private_directory(memory / DIRECTORY) / f"{file.stem}.json"
    return write_over(kept, file.read_bytes())


def _collateral(given: GivenCollateral | None) -> Collateral | None:
    match given:
        case None | Collateral():
            return given
        case Bundle():
            return given.collateral
        case _:
            return _read(Path(given))


def _read(file: Path) -> Collateral:
    try:
        return Bundle.from_bytes(file.read_bytes().strip()).collateral
    except (OSError, CleanroomError):
        raise FileMissing(
            f"{file.name!r} cannot be read as a bundle of collateral",
            hint="make one with `cleanroom attestation collateral bundle`",
        ) from None
