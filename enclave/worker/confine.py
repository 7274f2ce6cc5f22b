"""What surrounds a subprocess that sees plaintext: its environment, its limits, its end.

Nothing is inherited: the environment is written out in full, core dumps are off, and the process
dies with the one that started it. None of it replaces the platform's isolation.
"""

import ctypes
import os
import resource
import shutil
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from cleanroom.errors import MachineUnfit

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_SET_CHILD_SUBREAPER: Final = 36
PR_SET_NO_NEW_PRIVS: Final = 38
"""Linux, include/uapi/linux/prctl.h."""
KEPT_MEMORY: Final = {
    "MIMALLOC_PURGE_DELAY": "-1",
    "MIMALLOC_ALLOW_THP": "0",
    "GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=34359738368"
    ":glibc.malloc.trim_threshold=34359738368"
    ":glibc.malloc.arena_max=1",
    "_RJEM_MALLOC_CONF": "dirty_decay_ms:-1,muzzy_decay_ms:-1",
    "NUMPY_MADVISE_HUGEPAGE": "0",
}
"""For a subprocess that ends with its run and has nothing to give back: Arrow, the C library and
Polars keep memory that was freed. One arena: those of threads are small, and what they cannot hold
is asked for, cleared and given back each time. No large pages: in a virtual machine they come from
memory that the host has yet to provide (`docs/performance.md`)."""


def environment(directory: Path) -> dict[str, str]:
    """The whole environment of a subprocess.

    NOTE: `OPENSSL_ia32cap` must stay out: an empty one makes AES a hundred times slower.
    """
    return {
        "PATH": os.defpath,
        "HOME": str(directory),
        "TMPDIR": str(directory),
        "LANG": "C.UTF-8",
    }


def command(module: str, *arguments: str) -> list[str]:
    """How a module of ours is started: isolated from the environment and the working directory."""
    return [sys.executable, "-I", "-m", module, *arguments]


def confine(parent: int) -> None:
    """Called first by a subprocess: no core dumps, no new rights, and death with its parent.

    NOTE: the signal comes when the *thread* that started this process ends, so a worker starts
    its subprocesses from its own loop only.

    Args:
        parent: the process that started this one.

    Raises:
        MachineUnfit: the kernel refuses, or the parent is gone already.
    """
    no_core_dumps()
    _prctl(PR_SET_DUMPABLE, 0)
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise MachineUnfit("the process that started this one is gone")


def no_core_dumps() -> None:
    """For this process and its descendants, for good."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def adopt_orphans() -> None:
    """Make this process the parent of every descendant that loses its own."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def claim_stdout() -> int:
    """Keep standard output for frames and send what libraries print to nowhere; the new fd."""
    claimed = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return claimed


def private_directory(parent: Path, name: str) -> Path:
    """A new directory of mode 0700."""
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = parent / name
    made.mkdir(mode=0o700)
    return made


def remove(directories: Iterable[Path]) -> None:
    """Remove directories with all that is in them; what is gone already is fine."""
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise MachineUnfit(f"prctl {option} is refused with errno {ctypes.get_errno()}")
