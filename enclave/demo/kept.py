"""What a demo leaves behind: one directory, and with `--keep` its running processes.

A marker file names the processes. Before one is ended, its command line must name the directory:
a process id may have been given to somebody else's process since.
"""

import contextlib
import json
import os
import shutil
import signal
import time
from pathlib import Path

from cleanroom.errors import Usage

MARKER = "demo.json"
PATIENCE_S = 15.0
"""How long a process may take to end before it is killed, in seconds."""


def mark(directory: Path, process_ids: list[int]) -> None:
    """Note that `directory` is a demo's, and which processes belong to it."""
    (directory / MARKER).write_text(json.dumps({"processes": process_ids}), encoding="utf-8")


def remove_kept(directory: Path) -> None:
    """End what an earlier demo left running in `directory`, and remove it.

    Raises:
        Usage: the directory is not empty and no demo made it.
    """
    if not directory.exists():
        return
    marker = directory / MARKER
    if not marker.is_file():
        if any(directory.iterdir()):
            raise Usage(
                f"the directory {directory.name!r} holds files that no demo made",
                hint="name another one with --directory",
            )
        return
    processes = json.loads(marker.read_text(encoding="utf-8"))["processes"]
    for process_id in reversed(processes):
        _end(int(process_id), directory)
    shutil.rmtree(directory)


def _end(process_id: int, directory: Path) -> None:
    if not _belongs(process_id, directory):
        return
    os.kill(process_id, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE_S
    while _belongs(process_id, directory):
        if time.monotonic() > deadline:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGKILL)
            return
        time.sleep(0.05)


def _belongs(process_id: int, directory: Path) -> bool:
    try:
        words = Path(f"/proc/{process_id}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    inside = str(directory.resolve()).encode() + b"/"
    return any(word.startswith(inside) for word in words)
