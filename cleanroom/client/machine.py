"""What this machine lacks, before anything fails late.

Which confidential platform it is, whoever collects its evidence knows.

Each finding names what was found and what is expected. Nothing is changed and nothing outside
this machine is asked.
"""

import os
import shutil
import socket
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from cleanroom.errors import MachineUnfit, Problem

NEWEST_KNOWN_TIME = datetime(2026, 1, 1, tzinfo=UTC)
"""The clock is wrong when it is before this release was made."""
DISK_NEEDED = 2 << 30
"""Room for sealed parts and results of a demo-sized room, in bytes."""
SHARED_MEMORY_NEEDED = 1 << 30
"""Ray's object store and run directories live on tmpfs, in bytes."""
MEMORY_NEEDED = 4 << 30
"""A coordinator and two workers, in bytes."""
LOOPBACKS = ("127.0.0.2", "127.0.0.3")
"""Two Ray nodes on one machine need an address each."""

Verdict = Literal["ok", "note", "missing"]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that was looked at."""

    name: str
    verdict: Verdict
    """`note` does no harm in development; `missing` makes something fail."""
    found: str
    expected: str
    hint: str = ""


def examine(directory: Path, ports: Iterable[int]) -> list[Item]:
    """Look at everything a room on this machine needs.

    Args:
        directory: where a room would keep its files.
        ports: TCP ports that must be free.
    """
    return [
        _python(),
        *_packages(),
        _memory(),
        _disk(directory),
        _shared_memory(),
        _swap(),
        _tunnel(Path("/dev/net/tun"), Path("/proc/sys/user/max_net_namespaces")),
        _clock(datetime.now(UTC)),  # noqa: TID251 - the clock itself is examined
        *(_port(port) for port in ports),
        *(_address(address) for address in LOOPBACKS),
    ]


def require_fit(items: list[Item]) -> list[Item]:
    """Return the items when nothing is missing.

    Raises:
        MachineUnfit: something is; each is a problem of the error.
    """
    missing = [item for item in items if item.verdict == "missing"]
    if missing:
        raise MachineUnfit(
            f"{len(missing)} of {len(items)} checks fail on this machine",
            problems=[
                Problem(f"found {i.found}, expected {i.expected}", where=i.name, hint=i.hint)
                for i in missing
            ],
        )
    return items


def _python() -> Item:
    found = ".".join(str(part) for part in sys.version_info[:3])
    fine = sys.version_info >= (3, 11)
    return Item("python", "ok" if fine else "missing", found, "3.11 or newer")


def _packages() -> list[Item]:
    wanted = {
        "ray": "missing: rooms and workers cannot run here; parties do not need it",
        "polars": "missing: rooms and workers cannot run here; parties do not need it",
        "matplotlib": "missing: results cannot be plotted",
        "torch": "missing: workers refuse `train.torch` without `dp`; nothing else needs it",
    }
    return [
        Item(
            f"package {name}",
            "ok" if find_spec(name) else "note",
            "installed" if find_spec(name) else lacking,
            "installed",
            'pip install "attested-cleanroom[enclave,notebook,torch]"',
        )
        for name, lacking in wanted.items()
    ]


def _memory() -> Item:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return _amount("memory", total, MEMORY_NEEDED, "use a larger machine, or smaller inputs")


def _disk(directory: Path) -> Item:
    existing = next(path for path in (directory, *directory.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    return _amount("free disk", free, DISK_NEEDED, "free some space, or choose another directory")


def _shared_memory() -> Item:
    shared = Path("/dev/shm")  # noqa: S108 - the tmpfs that Ray's object store uses
    free = shutil.disk_usage(shared).free if shared.is_dir() and os.access(shared, os.W_OK) else 0
    return _amount("tmpfs", free, SHARED_MEMORY_NEEDED, "mount a larger tmpfs at /dev/shm")


def _amount(name: str, found: int, needed: int, hint: str) -> Item:
    return Item(
        name,
        "ok" if found >= needed else "missing",
        f"{found / (1 << 30):.1f} GiB",
        f"at least {needed / (1 << 30):.0f} GiB",
        hint,
    )


def _swap() -> Item:
    table = Path("/proc/swaps")
    active = table.is_file() and len(table.read_text().splitlines()) > 1
    return Item(
        "swap",
        "note" if active else "ok",
        "on" if active else "off",
        "off (fatal for workers in production)",
        "swapoff -a",
    )


def _tunnel(device: Path, limit: Path) -> Item:
    """What a worker needs to grow trees together with others (docs/adr/0008)."""
    allowed = limit.is_file() and int(limit.read_text()) > 0
    lacking = [] if os.access(device, os.R_OK | os.W_OK) else [f"no {device} to open"]
    lacking += [] if allowed else ["no network namespaces"]
    return Item(
        "tunnel",
        "note" if lacking else "ok",
        ", ".join(lacking) or "possible",
        "possible (only for trees over several workers)",
        f"modprobe tun, and let the worker open {device} and make network namespaces",
    )


def _clock(now: datetime) -> Item:
    return Item(
        "clock",
        "ok" if now > NEWEST_KNOWN_TIME else "missing",
        f"{now:%Y-%m-%d %H:%M} UTC",
        "the present time",
        "set the clock: certificates and manifests are checked against it",
    )


def _port(port: int) -> Item:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return Item(f"port {port}", "missing", "taken", "free", "choose another with --listen")
    return Item(f"port {port}", "ok", "free", "free")


def _address(address: str) -> Item:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            hint = f"ip addr add {address}/8 dev lo"
            return Item(f"address {address}", "missing", "not usable", "on this machine", hint)
    return Item(f"address {address}", "ok", "usable", "on this machine")
