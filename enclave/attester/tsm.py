"""The files of configfs-tsm: how a guest asks Linux for a report (>= 6.7).

See Documentation/ABI/testing/configfs-tsm in the kernel. `ConfigFs` is all that touches the disk;
`request_report` is the procedure, with bounded patience for a busy or interrupted platform.
"""

import secrets
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

from cleanroom.errors import MachineUnfit
from enclave.attester.device import PATIENT, TRIES, Pause, pauses, why

TSM_ROOT = Path("/sys/kernel/config/tsm/report")
LARGEST_BLOB = 32 * 1024
"""What the kernel gives at most, in bytes."""
LONGEST_PROVIDER = 64
"""Names of platforms are short; in bytes."""


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
    """What the platform gave."""

    report: bytes
    certificates: bytes
    """The host's certificate table (`auxblob`); empty without one."""


Reports = Callable[[bytes], RawReport]
"""Gives the platform's report over 64 bytes: by configfs-tsm, or by a device of its own."""


def reports_of(files: ReportFiles, provider: str) -> Reports:
    """Reports by configfs-tsm.

    Args:
        files: the kernel's folder, or a fake of it.
        provider: which kind of platform must answer, such as `sev_guest`.
    """
    return partial(request_report, files, provider=provider)


def request_report(
    files: ReportFiles, inblob: bytes, provider: str, pause: Pause = time.sleep
) -> RawReport:
    """Ask for one report.

    Args:
        files: the kernel's folder, or a fake of it.
        inblob: what the report shall carry, 64 bytes.
        provider: which kind of platform must answer, such as `sev_guest`.
        pause: waits between tries.

    Raises:
        MachineUnfit: another provider answers, the platform stays busy or gives nothing, or
            somebody keeps writing into our request.
    """
    name = _begun(files)
    try:
        for wait in (*pauses(), None):
            found = _attempt(files, name, inblob, provider)
            if found is not None:
                return found
            if wait is not None:
                pause(wait)
    finally:
        files.remove(name)
    raise MachineUnfit(f"the platform gave no undisturbed report in {TRIES} tries, expected one")


def provider_of(files: ReportFiles) -> str:
    """Which kind of platform answers here, such as `sev_guest`.

    Raises:
        MachineUnfit: none does.
    """
    name = _begun(files)
    try:
        return _provider(files, name)
    except OSError as refused:
        raise MachineUnfit(f"configfs-tsm {why(refused)}, expected a provider") from None
    finally:
        files.remove(name)


def _begun(files: ReportFiles) -> str:
    name = f"cleanroom-{secrets.token_hex(8)}"
    try:
        files.create(name)
    except OSError as refused:
        raise MachineUnfit(
            f"configfs-tsm {why(refused)}, expected to ask it for a report"
        ) from None
    return name


def _provider(files: ReportFiles, name: str) -> str:
    return files.read(name, "provider")[:LONGEST_PROVIDER].decode("ascii", "replace").strip()


def _attempt(files: ReportFiles, name: str, inblob: bytes, provider: str) -> RawReport | None:
    try:
        before = _generation(files, name)
        files.write(name, "inblob", inblob)
        answered = _provider(files, name)
        report = files.read(name, "outblob")
        certificates = _optional(files, name, "auxblob")
        # Our single write advances the generation by one; more means that somebody else wrote.
        undisturbed = _generation(files, name) == before + 1
    except OSError as refused:
        if refused.errno in PATIENT:
            return None
        raise MachineUnfit(
            f"the platform's report cannot be read: it {why(refused)}, expected configfs-tsm"
        ) from None
    if answered != provider:
        raise MachineUnfit(f"the platform's provider is {answered!r}, expected {provider!r}")
    if len(report) > LARGEST_BLOB or len(certificates) > LARGEST_BLOB:
        raise MachineUnfit(f"the platform's report is larger than {LARGEST_BLOB} bytes")
    if undisturbed and not report:
        # A TDX driver may pass a failed quote on as an empty one.
        raise MachineUnfit(
            "the platform gave an empty report, expected a signed one",
            hint="on TDX, the host's quote generation service does not run or has no key",
        )
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
