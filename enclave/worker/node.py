"""Stands over one Ray node: starts it, adopts whatever it leaves behind, and ends all of it.

A small process without Ray. It ends when its input does (the worker is gone, however that came
about) or on SIGTERM, and takes every descendant along, by process id. `ray stop` is never used:
it ends what looks like Ray anywhere on the machine.

`python -I -m enclave.worker.node DIRECTORY COMMAND...`
"""

import functools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from enclave.worker.confine import adopt_orphans, no_core_dumps, remove
from enclave.worker.processes import end_family


def main(arguments: list[str]) -> None:
    """Run the node until its end or ours, then remove its directory."""
    directory, *command = arguments
    end_all = functools.partial(_end_all, Path(directory))
    no_core_dumps()
    adopt_orphans()
    signal.signal(signal.SIGTERM, end_all)
    threading.Thread(target=_watch_input, args=(end_all,), daemon=True).start()
    # its own environment is the node's: the worker wrote it out in full
    with subprocess.Popen(  # noqa: S603 - written by `cluster`
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as node:
        node.wait()
    end_all()


def _watch_input(end_all: Callable[[], None]) -> None:
    while sys.stdin.buffer.read(1):
        continue
    end_all()


def _end_all(directory: Path, *_signal: object) -> None:
    end_family(os.getpid())
    remove([directory])
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
