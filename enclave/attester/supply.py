"""What vendors say, as the operator hands it to a guest: one bundle, read again when it changes.

Fetching needs a network that a guest does not have, so somebody outside fetches and replaces the
file (by a rename, so that it is never half written). Nothing in it is trusted: it is signed by
vendors. A file that cannot be read any more leaves what was read before, which ends by itself.
"""

from pathlib import Path

from cleanroom.attestation.bundle import Bundle
from cleanroom.attestation.collateral import Collateral
from cleanroom.errors import CleanroomError, FileMissing


class Supply:
    """The collateral in a file, as it is when it is asked for; empty without a file.

    Args:
        file: a bundle of `cleanroom attestation collateral bundle`; None for nothing.

    Raises:
        FileMissing: it is not there, or is no bundle.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._seen: tuple[int, int, int] | None = None
        self._held = Collateral()
        if file is not None and self._take(file) is None:
            raise FileMissing("the bundle of collateral is missing, or is no bundle")

    def read(self) -> Collateral:
        """What the file holds now, or held when it could be read last."""
        if self._file is not None:
            self._take(self._file)
        return self._held

    def _take(self, file: Path) -> Collateral | None:
        try:
            state = file.stat()
            seen = (state.st_ino, state.st_mtime_ns, state.st_size)
            if seen != self._seen:
                self._held, self._seen = Bundle.from_bytes(file.read_bytes()).collateral, seen
        except (OSError, CleanroomError):
            return None
        return self._held


NOTHING_SUPPLIED = Supply(None)
"""Whoever was given no file."""
