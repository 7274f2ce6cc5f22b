"""The ports of a gang's node: a fresh block for each run, every one of them pinned.

A block is 100 ports from `port_base`; a node listens on those named here and on no other. That a
block is free is probed by binding it, which is no promise: a node that loses the race fails.
"""

import secrets
import socket
from contextlib import ExitStack

from cleanroom.errors import MachineUnfit

BLOCK = 100
LOWEST, HIGHEST = 10_000, 32_000
"""Below the range from which Linux gives out ports by itself."""
GCS, NODE, OBJECTS, RUNTIME_ENV, METRICS, AGENT, AGENT_GRPC = range(7)
FIRST_WORKER, LAST_WORKER = 10, 60
TUNNEL = 61
"""Offsets in a block; on the last one a rank of a training listens while its gang meets."""
TRIES = 50


def free_block() -> int:
    """The first port of a block of which every port was free a moment ago.

    Raises:
        MachineUnfit: none was found.
    """
    for _ in range(TRIES):
        base = LOWEST + BLOCK * secrets.randbelow((HIGHEST - LOWEST) // BLOCK)
        if _is_free(base):
            return base
    raise MachineUnfit("no block of 100 free ports was found")


def allowed(base: int) -> frozenset[int]:
    """Every port a node of this block may listen on."""
    workers = range(base + FIRST_WORKER, base + LAST_WORKER + 1)
    single = (*range(AGENT_GRPC + 1), TUNNEL)
    return frozenset(workers) | {base + offset for offset in single}


def _is_free(base: int) -> bool:
    with ExitStack() as opened:
        for port in sorted(allowed(base)):
            probe = opened.enter_context(socket.socket())
            try:
                probe.bind(("0.0.0.0", port))  # noqa: S104 - as Ray does; nothing listens
            except OSError:
                return False
    return True
