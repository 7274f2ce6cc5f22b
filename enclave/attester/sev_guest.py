"""The derived key of /dev/sev-guest: MSG_KEY_REQ (56860; Linux uapi/linux/sev-guest.h).

The firmware derives it from the chip's secret, the launch measurement and the guest policy; the
host cannot ask for it. It is the seed of `derive_key` and never leaves this room.
"""

import ctypes
import fcntl
import os
import struct
from collections.abc import Callable
from pathlib import Path

from cleanroom.errors import MachineUnfit

SEV_GUEST = Path("/dev/sev-guest")
SNP_GET_DERIVED_KEY = 0xC0205301
"""_IOWR('S', 1, struct snp_guest_request_ioctl), 32 bytes."""
MESSAGE_VERSION = 1
VCEK_ROOT = 0
MIX_POLICY_AND_MEASUREMENT = 1 << 0 | 1 << 3
"""GUEST_FIELD_SELECT: bit 0 guest policy, bit 3 measurement."""
REQUEST = struct.Struct("<IIQIIQ")
"""root_key_select, reserved, guest_field_select, vmpl, guest_svn, tcb_version."""
RESPONSE = struct.Struct("<I28x32s")
"""MSG_KEY_RSP: status, reserved, derived key."""
CALL = struct.Struct("<B7xQQQ")
"""struct snp_guest_request_ioctl: msg_version, req_data, resp_data, exitinfo2."""

Ioctl = Callable[[int, int, bytearray], object]


def derived_key(device: Path = SEV_GUEST, ioctl: Ioctl = fcntl.ioctl) -> bytes:
    """The key of this chip, measurement and guest policy; 32 bytes.

    Args:
        device: the guest device.
        ioctl: the system call, `fcntl.ioctl` except in tests.

    Raises:
        MachineUnfit: there is no such device, or the firmware refuses.
    """
    request = ctypes.create_string_buffer(
        REQUEST.pack(VCEK_ROOT, 0, MIX_POLICY_AND_MEASUREMENT, 0, 0, 0), REQUEST.size
    )
    response = ctypes.create_string_buffer(RESPONSE.size)
    call = bytearray(
        CALL.pack(MESSAGE_VERSION, ctypes.addressof(request), ctypes.addressof(response), 0)
    )
    _send(device, call, ioctl)
    status, key = RESPONSE.unpack(response.raw)
    ctypes.memset(response, 0, RESPONSE.size)
    if status or not any(key):
        raise MachineUnfit(f"the firmware's key response has status {status}, expected 0 and a key")
    return bytes(key)


def _send(device: Path, call: bytearray, ioctl: Ioctl) -> None:
    try:
        descriptor = os.open(device, os.O_RDWR | os.O_CLOEXEC)
        try:
            ioctl(descriptor, SNP_GET_DERIVED_KEY, call)
        finally:
            os.close(descriptor)
    except OSError:
        raise MachineUnfit(
            "the guest device gives no derived key, expected /dev/sev-guest"
        ) from None
