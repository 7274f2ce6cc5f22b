"""Stands over one Ray node: starts it, adopts whatever it leaves behind, and ends all of it.

A small process without Ray. It ends when its input does (the worker is gone, however that came
about) or on SIGTERM, and takes every descendant along, by process id. `ray stop` is never used:
it ends what looks like Ray anywhere on the machine.

`python -I -m enclave.worker.node COMMAND...`
"""

import os
import signal
import subprocess
import sys
import threading

from enclave.worker.confine import adopt_orphans, no_core_dumps
from enclave.worker.processes import end_family


def main(arguments: list[str]) -> int:
    """Run the node until its end or ours; its exit status."""
    no_core_dumps()
    adopt_orphans()
    signal.signal(signal.SIGTERM, _end_all)
    threading.Thread(target=_watch_input, daemon=True).start()
    # its own environment is the node's: the worker wrote it out in full
    with subprocess.Popen(  # noqa: S603 - written by `cluster`
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as node:
        status = node.wait()
    end_family(os.getpid())
    return status


def _watch_input() -> None:
    while sys.stdin.buffer.read(1):
        continue
    _end_all()


def _end_all(*_signal: object) -> None:
    end_family(os.getpid())
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
