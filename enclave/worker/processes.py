"""Which processes descend from one of ours, and on which ports they listen, as `/proc` says.

For ending exactly what was started, and for measuring a node's listeners instead of believing its
settings. Linux only.
"""

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")
LISTENING = "0A"
"""TCP_LISTEN in `/proc/net/tcp` (Linux, include/net/tcp_states.h)."""
GRACE_S = 0.5
"""Between SIGTERM and SIGKILL, in seconds."""
CALM_LOOKS = 5
LOOK_S = 0.01
"""So many looks in a row find nobody, so many seconds apart."""


def parents() -> dict[int, int]:
    """The parent of every living process, by process id; zombies are left out."""
    found = {}
    for entry in PROC.iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError, IndexError, ValueError):
            # the name is in brackets and may hold anything, so read behind the last one
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                found[int(entry.name)] = int(parent)
    return found


def descendants(root: int) -> frozenset[int]:
    """Every living process below `root`, itself not included."""
    family = {root}
    links = parents()
    grown = True
    while grown:
        more = {pid for pid, parent in links.items() if parent in family} - family
        family |= more
        grown = bool(more)
    return frozenset(family - {root})


def end(pids: Iterable[int], number: int) -> None:
    """Send a signal to processes; those that are gone are fine."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def end_family(root: int, grace_s: float = GRACE_S) -> None:
    """End every descendant of `root`: SIGTERM, a grace, then SIGKILL until none is left.

    NOTE: a process whose parent ends during a look at `/proc` may be missed by it, so that none
    is left is believed only after several looks.
    """
    end(descendants(root), signal.SIGTERM)
    until, calm = time.monotonic() + grace_s, 0
    while calm < CALM_LOOKS:
        family = descendants(root)
        calm = 0 if family else calm + 1
        if time.monotonic() > until:
            end(family, signal.SIGKILL)
        _reap()
        time.sleep(LOOK_S)


def listening_ports(pids: Iterable[int]) -> frozenset[int]:
    """TCP ports on which these processes listen, on any address."""
    inodes = {inode for pid in pids for inode in _sockets(pid)}
    ports = set()
    for table in ("tcp", "tcp6"):
        for line in (PROC / "net" / table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and fields[9] in inodes:
                ports.add(int(fields[1].rpartition(":")[2], 16))
    return frozenset(ports)


def listeners(root: int, ports: Iterable[int]) -> frozenset[int]:
    """Those descendants of `root` that listen on some of `ports`."""
    wanted = frozenset(ports)
    return frozenset(pid for pid in descendants(root) if listening_ports([pid]) & wanted)


def _sockets(pid: int) -> list[str]:
    """The inodes of a process's sockets."""
    found = []
    with contextlib.suppress(OSError):
        for descriptor in (PROC / str(pid) / "fd").iterdir():
            with contextlib.suppress(OSError):
                target = str(descriptor.readlink())
                if target.startswith("socket:["):
                    found.append(target[8:-1])
    return found


def _reap() -> None:
    """Collect ended children, so that they are no zombies."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue
