"""/dev/sev-guest: reports without configfs-tsm, and the key that only this guest derives.

Requests are those of Linux's `include/uapi/linux/sev-guest.h`; what they carry is told in AMD
56860 (MSG_REPORT_REQ, MSG_KEY_REQ) and in the GHCB specification (extended requests). The firmware
derives the key from the chip's secret, the launch measurement and the guest policy; the host cannot
ask for it. It is the seed of `derive_key` and never leaves this room.

After a request that failed for some reasons the driver wipes its own key, so that no sequence
number is ever used twice: only what is busy is asked again.
"""

import ctypes
import struct
from collections.abc import Mapping
from pathlib import Path

from cleanroom.attestation.formats.cert_table import table_size
from cleanroom.errors import EvidenceRejected, MachineUnfit
from enclave.attester.device import Driver, why
from enclave.attester.tsm import RawReport

SEV_GUEST = Path("/dev/sev-guest")
SNP_GET_REPORT, SNP_GET_DERIVED_KEY, SNP_GET_EXT_REPORT = 0xC0205300, 0xC0205301, 0xC0205302
"""_IOWR('S', 0 to 2, struct snp_guest_request_ioctl), 32 bytes."""
MESSAGE_VERSION = 1
CALL = struct.Struct("<B7xQQII")
"""struct snp_guest_request_ioctl: msg_version, req_data, resp_data, and what becomes of it
(exitinfo2): fw_error, vmm_error."""
REPORT_REQUEST = struct.Struct("<64sI28x")
"""struct snp_report_req: user_data, vmpl, reserved."""
EXTENDED_REQUEST = struct.Struct("<64sI28xQI4x")
"""struct snp_ext_report_req: a report request, certs_address, certs_len."""
REPORT_RESPONSE = struct.Struct("<II24x3968s")
"""struct snp_report_resp, as MSG_REPORT_RSP fills it: status, report_size, reserved, report."""
KEY_REQUEST = struct.Struct("<IIQIIQ")
"""struct snp_derived_key_req: root_key_select, reserved, guest_field_select, vmpl, guest_svn,
tcb_version."""
KEY_RESPONSE = struct.Struct("<I28x32s")
"""struct snp_derived_key_resp, as MSG_KEY_RSP fills it: status, reserved, derived key."""
LARGEST_TABLE = 0x4000
"""SEV_FW_BLOB_MAX_SIZE, whole pages; in bytes."""
VMPL = 0
"""The guest's kernel runs at level 0, where nothing in the guest is above it."""
VCEK_ROOT = 0
MIX_POLICY_AND_MEASUREMENT = 1 << 0 | 1 << 3
"""GUEST_FIELD_SELECT: bit 0 guest policy, bit 3 measurement."""
FIRMWARE: Mapping[int, str] = {
    0x01: "the platform is in another state",
    0x02: "the guest is in another state",
    0x04: "a length is wrong",
    0x07: "the guest's policy forbids it",
    0x08: "the guest is not active",
    0x09: "an address is wrong",
    0x0A: "the request's authentication fails",
    0x10: "there is no such guest",
    0x11: "the command is unknown",
    0x15: "the hardware is in an unsafe state",
    0x16: "a parameter is wrong",
    0x17: "a resource is used up",
    0x18: "secure memory is damaged",
    0x27: "the key that was asked for is not there",
    0xFF: "it was not called",
    0xFFFFFFFF: "it was not called",
}
"""The lower half of exitinfo2, and the status of responses (Linux psp-sev.h; 56860)."""
HYPERVISOR: Mapping[int, str] = {
    1: "it holds more certificates than fit",
    2: "it is busy: it limits how often a guest may ask",
}
"""The upper half of exitinfo2 (GHCB specification; SNP_GUEST_VMM_ERR_*)."""


def device_report(user_data: bytes, driver: Driver) -> RawReport:
    """A report with the host's certificates; without them where the host gives none.

    Args:
        user_data: what it shall carry, 64 bytes.
        driver: the guest device.

    Raises:
        MachineUnfit: there is no such device, or the platform refuses.
    """
    try:
        return _extended(user_data, driver)
    except MachineUnfit as refused:
        # Hypervisors that hold no certificates, or too many, still pass a plain request on.
        try:
            return RawReport(_plain(user_data, driver), b"")
        except MachineUnfit:
            raise refused from None


def derived_key(driver: Driver) -> bytes:
    """The key of this chip, measurement and guest policy; 32 bytes.

    Args:
        driver: the guest device.

    Raises:
        MachineUnfit: there is no such device, or the firmware refuses.
    """
    request = KEY_REQUEST.pack(VCEK_ROOT, 0, MIX_POLICY_AND_MEASUREMENT, VMPL, 0, 0)
    response = _asked(driver, SNP_GET_DERIVED_KEY, request, KEY_RESPONSE.size)
    status, key = KEY_RESPONSE.unpack(response.raw)
    ctypes.memset(response, 0, KEY_RESPONSE.size)
    if status or not any(key):
        raise MachineUnfit(
            f"the firmware's key response has status {_firmware(status)}, expected 0 and a key"
        )
    return bytes(key)


def _plain(user_data: bytes, driver: Driver) -> bytes:
    request = REPORT_REQUEST.pack(user_data, VMPL)
    return _report(_asked(driver, SNP_GET_REPORT, request, REPORT_RESPONSE.size))


def _extended(user_data: bytes, driver: Driver) -> RawReport:
    table = ctypes.create_string_buffer(LARGEST_TABLE)
    request = EXTENDED_REQUEST.pack(user_data, VMPL, ctypes.addressof(table), LARGEST_TABLE)
    answer = _asked(driver, SNP_GET_EXT_REPORT, request, REPORT_RESPONSE.size)
    try:
        return RawReport(_report(answer), table.raw[: table_size(table.raw)])
    except EvidenceRejected as refused:
        raise MachineUnfit("the host's certificate table is malformed") from refused


def _report(response: ctypes.Array[ctypes.c_char]) -> bytes:
    status, size, report = REPORT_RESPONSE.unpack(response.raw)
    if status or not 0 < size <= len(report):
        raise MachineUnfit(
            f"the firmware's report response has status {_firmware(status)} and {size} bytes, "
            "expected 0 and a report"
        )
    return bytes(report[:size])


def _asked(driver: Driver, number: int, request: bytes, size: int) -> ctypes.Array[ctypes.c_char]:
    """The response to one request, `size` bytes."""
    asked = ctypes.create_string_buffer(request, len(request))
    answered = ctypes.create_string_buffer(size)
    places = (ctypes.addressof(asked), ctypes.addressof(answered))
    call = bytearray(CALL.pack(MESSAGE_VERSION, *places, 0, 0))
    try:
        driver.ask(number, call)
    except OSError as refused:
        raise MachineUnfit(
            f"the guest device {_refusal(refused, call)}, expected /dev/sev-guest to answer"
        ) from None
    return answered


def _refusal(refused: OSError, call: bytearray) -> str:
    """What the device says, then whoever below it said why."""
    *_, firmware, hypervisor = CALL.unpack(call)
    if hypervisor:
        said = HYPERVISOR.get(hypervisor, f"it answers {hypervisor:#x}")
        return f"{why(refused)} (hypervisor: {said})"
    return f"{why(refused)} (firmware: {_firmware(firmware)})" if firmware else why(refused)


def _firmware(status: int) -> str:
    return f"{status:#x}, {FIRMWARE[status]}" if status in FIRMWARE else f"{status:#x}"
