"""Stands over one Ray node: starts it, adopts whatever it leaves behind, and ends all of it.

A small process without Ray. It ends when its input does (the worker is gone, however that came
about) or on SIGTERM, and takes every descendant along, by process id. `ray stop` is never used:
it ends what looks like Ray anywhere on the machine.

`python -I -m enclave.worker.node DIRECTORY HOST PORT COMMAND...`
"""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from enclave.worker.confine import adopt_orphans, no_core_dumps
from enclave.worker.processes import end_family
from enclave.worker.tls import NodeFiles, shake_hands

PATIENCE_S = 30.0
"""How long the head's port may take to answer with our authority, in seconds."""
HERE = "-"
"""As HOST: this node is the head and waits for nobody."""


def main(arguments: list[str]) -> int:
    """Run the node until its end or ours; its exit status."""
    directory, host, port, *command = arguments
    no_core_dumps()
    adopt_orphans()
    signal.signal(signal.SIGTERM, _end_all)
    threading.Thread(target=_watch_input, daemon=True).start()
    if host != HERE and not _head_answers(Path(directory), host, int(port)):
        return 1
    # its own environment is the node's: the worker wrote it out in full
    with subprocess.Popen(  # noqa: S603 - written by `cluster`
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=directory,
    ) as node:
        status = node.wait()
    end_family(os.getpid())
    return status


def _head_answers(directory: Path, host: str, port: int) -> bool:
    """Whether the head shows a certificate of our run in time; a stale cluster never does."""
    files = NodeFiles(directory)
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        try:
            shake_hands(files, host, port)
        except OSError:
            time.sleep(0.1)
        else:
            return True
    return False


def _watch_input() -> None:
    while sys.stdin.buffer.read(1):
        continue
    _end_all()


def _end_all(*_signal: object) -> None:
    end_family(os.getpid())
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
