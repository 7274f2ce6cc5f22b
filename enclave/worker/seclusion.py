"""A process leaves every network that it is in and gets one of its own: a loopback and one device.

What is sent to the device comes out of a file descriptor as IP packets, and nothing else leads in
or out: no listener of this process can be reached, and nothing it sends goes anywhere, but through
whoever reads that descriptor. Sockets that were open before stay what they were. Linux only.

See: network_namespaces(7), user_namespaces(7), Documentation/networking/tuntap.rst, netdevice(7).
"""

import ctypes
import fcntl
import os
import socket
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from cleanroom.errors import MachineUnfit

CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWNET: Final = 0x40000000
"""include/uapi/linux/sched.h."""
TUN = "/dev/net/tun"
TUNSETIFF: Final = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
"""include/uapi/linux/if_tun.h; packets without a header of their own."""
SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK, SIOCSIFMTU = 0x8914, 0x8916, 0x891C, 0x8922
IFF_UP, IFF_RUNNING = 0x1, 0x40
"""include/uapi/linux/sockios.h and if.h."""
LOOPBACK, DEVICE = "lo", "gang"
TUNNELS_OF_THE_KERNEL = frozenset(
    {"tunl0", "gre0", "gretap0", "erspan0", "sit0", "ip6tnl0", "ip6gre0", "ip_vti0", "ip6_vti0"}
)
"""Devices without a peer that some kernels put, switched off, into every new namespace."""
NETWORK = "10.77.0"
"""Seen by nobody outside of the namespace."""
NETMASK = "255.255.255.0"
MTU = 65_000
"""The largest packet, in bytes: the fewer, the faster."""
NEEDED = "trees over several workers need network namespaces and the device /dev/net/tun"


def address(rank: int) -> str:
    """The address of a rank in the network of its gang."""
    return f"{NETWORK}.{rank + 1}"


def seclude(rank: int) -> int:
    """Leave every network for a new one, as `rank`; the descriptor of its device.

    Raises:
        MachineUnfit: the process has several threads, or this machine does not allow it.
    """
    require_alone()
    try:
        _leave()
        require_empty(name for _, name in socket.if_nameindex())
        device = _device()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            _configure(control, rank)
    except OSError as refused:
        raise MachineUnfit(f"{NEEDED}: errno {refused.errno}") from None
    return device


def require_empty(devices: Iterable[str]) -> frozenset[str]:
    """Return the devices of a namespace once they are a loopback, and what the kernel puts there.

    Raises:
        MachineUnfit: there are others, so this is no new namespace.
    """
    found = frozenset(devices)
    if found - TUNNELS_OF_THE_KERNEL != {LOOPBACK}:
        raise MachineUnfit("a network namespace has devices of somebody else")
    return found


def require_alone(threads: Path = Path("/proc/self/task")) -> int:
    """Return 1, the number of this process's threads: only the one that asks leaves.

    Raises:
        MachineUnfit: there are others, which would stay where they are.
    """
    count = len(list(threads.iterdir()))
    if count != 1:
        raise MachineUnfit("a process with threads cannot leave its networks")
    return count


def _leave() -> None:
    """A network namespace, together with a user namespace where that is what it takes."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0 and libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _device() -> int:
    opened = os.open(TUN, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    fcntl.ioctl(opened, TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
    return opened


def _configure(control: socket.socket, rank: int) -> None:
    for request, text in ((SIOCSIFADDR, address(rank)), (SIOCSIFNETMASK, NETMASK)):
        place = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(text))
        fcntl.ioctl(control, request, struct.pack("16s16s8x", DEVICE.encode(), place))
    fcntl.ioctl(control, SIOCSIFMTU, struct.pack("16si20x", DEVICE.encode(), MTU))
    for name in (LOOPBACK, DEVICE):
        up = struct.pack("16sH22x", name.encode(), IFF_UP | IFF_RUNNING)
        fcntl.ioctl(control, SIOCSIFFLAGS, up)
