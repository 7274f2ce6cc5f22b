"""The Nitro Secure Module's device: one question and one answer, both CBOR.

See Linux: include/uapi/linux/nsm.h, and aws-nitro-enclaves-nsm-api, src/api. The answers come from
the hypervisor that this enclave trusts already; they are checked for their shape.
"""

import ctypes
import fcntl
import struct
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import cbor2

from cleanroom.errors import MachineUnfit
from enclave.attester.device import Driver, Ioctl, Pause, why

NSM = Path("/dev/nsm")
NSM_IOCTL_RAW = 0xC0200A00
"""_IOWR(0x0A, 0, struct nsm_raw), 32 bytes."""
CALL = struct.Struct("<QQQQ")
"""struct nsm_raw: address and length of the request, address and length of the response."""
LARGEST_REQUEST = 0x1000
LARGEST_RESPONSE = 0x3000
"""NSM_REQUEST_MAX_SIZE and NSM_RESPONSE_MAX_SIZE; in bytes."""

Ask = Callable[[bytes], bytes]
"""A module: takes a request, gives its response."""


def ask_device(
    request: bytes, device: Path = NSM, ioctl: Ioctl = fcntl.ioctl, pause: Pause = time.sleep
) -> bytes:
    """The module's response to one request.

    Args:
        request: CBOR, at most 4096 bytes.
        device: the module's device.
        ioctl: the system call, `fcntl.ioctl` except in tests.
        pause: waits while the module is busy.

    Raises:
        MachineUnfit: there is no such device, or it does not answer.
    """
    if len(request) > LARGEST_REQUEST:
        raise MachineUnfit(f"the request is {len(request)} bytes, expected {LARGEST_REQUEST}")
    asked = ctypes.create_string_buffer(request, len(request))
    answered = ctypes.create_string_buffer(LARGEST_RESPONSE)
    call = bytearray(
        CALL.pack(
            ctypes.addressof(asked), len(request), ctypes.addressof(answered), LARGEST_RESPONSE
        )
    )
    _send(Driver(device, ioctl, pause), call)
    length = CALL.unpack(call)[3]
    if not 0 < length <= LARGEST_RESPONSE:
        raise MachineUnfit(f"the module's response is {length} bytes, expected an answer")
    return answered.raw[:length]


def attestation_document(user_data: bytes, ask: Ask = ask_device) -> bytes:
    """A signed document that carries `user_data`.

    Args:
        user_data: what it shall carry, at most 1024 bytes.
        ask: the module, or a fake of it.

    Raises:
        MachineUnfit: the module refuses, or answers something else.
    """
    parts = {"user_data": user_data, "nonce": None, "public_key": None}
    answer = _read(ask(cbor2.dumps({"Attestation": parts})))
    if "Error" in answer:
        raise MachineUnfit(f"the module refuses with {str(answer['Error'])[:32]!r}")
    given = answer.get("Attestation")
    document = given.get("document") if isinstance(given, Mapping) else None
    if not isinstance(document, bytes) or not document:
        raise MachineUnfit("the module's response holds no document, expected one")
    return document


def _read(response: bytes) -> Mapping[object, object]:
    try:
        answer: object = cbor2.loads(response, max_depth=4)
    except (cbor2.CBORError, ValueError):
        raise MachineUnfit("the module's response is not CBOR, expected an answer") from None
    if not isinstance(answer, Mapping):
        raise MachineUnfit("the module's response is no map, expected an answer")
    return answer


def _send(driver: Driver, call: bytearray) -> None:
    try:
        driver.ask(NSM_IOCTL_RAW, call)
    except OSError as refused:
        raise MachineUnfit(
            f"the secure module {why(refused)}, expected /dev/nsm to answer"
        ) from None
