"""What a gang's node measures about itself before any key comes; reported as it is.

Each item is looked at, not derived from what was asked for. Which item may fail is not decided
here: the coordinator refuses in production and records in development.
"""

import base64
import json
import os
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from cleanroom.protocol.work import Check
from enclave.worker import ports
from enclave.worker.processes import PROC, descendants, listening_ports
from enclave.worker.raycommand import Seat
from enclave.worker.tls import PROBE_S, refuses_strangers, shake_hands

METADATA = ("169.254.169.254", 80)
"""The cloud's metadata service: Ray calls it at every start."""
DASHBOARDS = ("/dashboard/dashboard.py", "/dashboard/agent.py")
"""Programs of Ray that would serve one."""
METADATA_S = 0.5
"""A service that is there answers sooner, in seconds."""


def measure(seat: Seat, root: int) -> list[Check]:
    """Every item, in a fixed order.

    Args:
        seat: the node, which is running.
        root: the process above everything the node has started.
    """
    family = descendants(root)
    return [Check(item=item, passed=_holds(look, seat, family)) for item, look in ITEMS.items()] + (
        [Check(item="spilling-off", passed=_spilling_off(family))] if seat.node == 0 else []
    )


def _holds(look: "Look", seat: Seat, family: frozenset[int]) -> bool:
    """An item that cannot be looked at does not hold."""
    try:
        return look(seat, family)
    except (OSError, ValueError, KeyError):
        return False


def _tls(seat: Seat, family: frozenset[int]) -> bool:
    del family
    peer = seat.peer
    open_ports = [peer.port_base + ports.NODE, peer.port_base + ports.OBJECTS]
    if seat.node == 0:
        open_ports.append(peer.port_base + ports.GCS)
    for port in open_ports:
        shake_hands(seat.files, peer.node_ip, port)
    return all(refuses_strangers(seat.files, peer.node_ip, port) for port in open_ports)


def _token(seat: Seat, family: frozenset[int]) -> bool:
    """The one port without TLS refuses whoever does not know the token."""
    del family
    address = f"http://{seat.peer.node_ip}:{seat.peer.port_base + ports.RUNTIME_ENV}/"
    request = urllib.request.Request(address, data=b"", method="POST")
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=PROBE_S):
            return False
    except urllib.error.HTTPError as refused:
        refused.close()
        return refused.code in (401, 403)


def _tmpfs(seat: Seat, family: frozenset[int]) -> bool:
    del family
    return on_tmpfs(seat.directory)


def _swap_off(seat: Seat, family: frozenset[int]) -> bool:
    del seat, family
    return len((PROC / "swaps").read_text().splitlines()) <= 1


def _core_dumps_off(seat: Seat, family: frozenset[int]) -> bool:
    del seat
    limits = [(PROC / str(pid) / "limits").read_text().splitlines() for pid in family]
    core = [line.split()[4:6] for lines in limits for line in lines if "core file" in line]
    return bool(core) and all(limit == ["0", "0"] for limit in core)


def _no_dashboard(seat: Seat, family: frozenset[int]) -> bool:
    """Ray starts its dashboard's processes in any case; here they serve nobody."""
    del seat
    pages = [pid for pid in family if any(map(_is_dashboard, _command(pid)[:3]))]
    return not listening_ports(pages)


def _is_dashboard(word: str) -> bool:
    return word.startswith("ray::Dashboard") or word.endswith(DASHBOARDS)


def _listeners(seat: Seat, family: frozenset[int]) -> bool:
    found = listening_ports(family)
    needed = {seat.peer.port_base + ports.NODE, seat.peer.port_base + ports.OBJECTS}
    return needed <= found <= ports.allowed(seat.peer.port_base)


def _metadata_blocked(seat: Seat, family: frozenset[int]) -> bool:
    del seat, family
    try:
        socket.create_connection(METADATA, timeout=METADATA_S).close()
    except OSError:
        return True
    return False


def _private(seat: Seat, family: frozenset[int]) -> bool:
    del family
    state = seat.directory.stat()
    return state.st_mode & 0o777 == 0o700 and state.st_uid == os.getuid()


def _spilling_off(family: frozenset[int]) -> bool:
    """What the control service was really started with."""
    prefix = "--config_list="
    configs = [
        json.loads(base64.b64decode(word.removeprefix(prefix)))
        for pid in family
        for word in _command(pid)
        if word.startswith(prefix)
    ]
    return bool(configs) and all(
        config.get("automatic_object_spilling_enabled") is False for config in configs
    )


def on_tmpfs(directory: Path) -> bool:
    """Whether the file system of `directory` is in memory."""
    mounts = [line.split() for line in (PROC / "mounts").read_text().splitlines()]
    above = [
        (len(fields[1]), fields[2])
        for fields in mounts
        if directory == Path(fields[1]) or Path(fields[1]) in directory.parents
    ]
    return max(above)[1] == "tmpfs"


def _command(pid: int) -> list[str]:
    try:
        return (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


Look = Callable[[Seat, frozenset[int]], bool]
ITEMS: Mapping[str, Look] = MappingProxyType(
    {
        "tls": _tls,
        "token": _token,
        "private-directory": _private,
        "tmpfs": _tmpfs,
        "swap-off": _swap_off,
        "core-dumps-off": _core_dumps_off,
        "no-dashboard": _no_dashboard,
        "listeners": _listeners,
        "metadata-blocked": _metadata_blocked,
    }
)
"""What every node looks at."""
