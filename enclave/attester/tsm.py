"""The files of configfs-tsm: how a guest asks Linux for a report (>= 6.7).

See Documentation/ABI/testing/configfs-tsm in the kernel. `ConfigFs` is all that touches the disk;
`Reports` is the procedure, with bounded patience for a busy or interrupted device.
"""

import errno
import secrets
from pathlib import Path
from typing import NamedTuple, Protocol

from cleanroom.errors import MachineUnfit

TSM_ROOT = Path("/sys/kernel/config/tsm/report")
TRIES = 8
"""How often a report is asked for before giving up: interference and rate limits pass."""
LARGEST_BLOB = 32 * 1024
"""What the kernel gives at most, in bytes."""
PATIENT = frozenset({errno.EBUSY, errno.EINTR, errno.EWOULDBLOCK})
"""The device is rate limited or was interrupted; asking again is right."""


class ReportFiles(Protocol):
    """The four things that are done with a report's folder."""

    def create(self, name: str) -> None:
        """Make a report's folder; the kernel fills it."""
        ...

    def read(self, name: str, attribute: str) -> bytes:
        """One attribute of a report."""
        ...

    def write(self, name: str, attribute: str, content: bytes) -> None:
        """Set one attribute of a report."""
        ...

    def remove(self, name: str) -> None:
        """Remove a report's folder."""
        ...


class ConfigFs:
    """Report folders of the kernel."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def create(self, name: str) -> None:
        """Make a report's folder."""
        (self._root / name).mkdir()

    def read(self, name: str, attribute: str) -> bytes:
        """One attribute of a report."""
        return (self._root / name / attribute).read_bytes()

    def write(self, name: str, attribute: str, content: bytes) -> None:
        """Set one attribute of a report, with a single write."""
        with (self._root / name / attribute).open("wb", buffering=0) as opened:
            opened.write(content)

    def remove(self, name: str) -> None:
        """Remove a report's folder."""
        (self._root / name).rmdir()


class RawReport(NamedTuple):
    """What the kernel gave."""

    report: bytes
    certificates: bytes
    """`auxblob`: the host's certificate table; empty without one."""


def request_report(files: ReportFiles, inblob: bytes, provider: str) -> RawReport:
    """Ask for one report.

    Args:
        files: the kernel's folder, or a fake of it.
        inblob: what the report shall carry, 64 bytes.
        provider: which kind of platform must answer, such as `sev_guest`.

    Raises:
        MachineUnfit: another provider answers, the device stays busy, or somebody keeps writing
            into our request.
    """
    name = f"cleanroom-{secrets.token_hex(8)}"
    files.create(name)
    try:
        for _ in range(TRIES):
            found = _attempt(files, name, inblob, provider)
            if found is not None:
                return found
    finally:
        files.remove(name)
    raise MachineUnfit(f"the platform gave no undisturbed report in {TRIES} tries, expected one")


def _attempt(files: ReportFiles, name: str, inblob: bytes, provider: str) -> RawReport | None:
    try:
        before = _generation(files, name)
        files.write(name, "inblob", inblob)
        answered = files.read(name, "provider").decode("ascii", "replace").strip()
        report = files.read(name, "outblob")
        certificates = _optional(files, name, "auxblob")
        # Our single write advances the generation by one; more means that somebody else wrote.
        undisturbed = _generation(files, name) == before + 1
    except OSError as refused:
        if refused.errno in PATIENT:
            return None
        raise MachineUnfit("the platform's report cannot be read, expected configfs-tsm") from None
    if answered != provider:
        raise MachineUnfit(f"the platform's provider is {answered!r}, expected {provider!r}")
    if len(report) > LARGEST_BLOB or len(certificates) > LARGEST_BLOB:
        raise MachineUnfit(f"the platform's report is larger than {LARGEST_BLOB} bytes")
    return RawReport(report, certificates) if undisturbed else None


def _generation(files: ReportFiles, name: str) -> int:
    text = files.read(name, "generation").strip()
    if not text.isdigit():
        raise MachineUnfit("the report's generation is not a number, expected one")
    return int(text)


def _optional(files: ReportFiles, name: str, attribute: str) -> bytes:
    try:
        return files.read(name, attribute)
    except FileNotFoundError:
        return b""
