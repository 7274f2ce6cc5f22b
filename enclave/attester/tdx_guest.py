"""/dev/tdx_guest without configfs-tsm: a TD report of the kernel, a quote of the host's service.

A TD report is no evidence: its MAC is checked by this processor only. The quote generation service
(QGS) on the host turns it into a quote. There are two roads to it, and neither is in mainline Linux
without configfs-tsm (6.7):

- the GetQuote request of kernels by Intel and cloud vendors (`TDX_CMD_GET_QUOTE`, as Intel's
  `libtdx_attest` uses it); others gave it other numbers and are not known here;
- vsock, to the port on which the host's operator lets the service listen.

Messages are those of Intel's `qgs_msg_lib.h`; the first road wraps them as the GHCI specification
says (TDG.VP.VMCALL<GetQuote>). The host is not trusted with any of it: a quote that is not of this
guest verifies nowhere.
"""

import ctypes
import socket
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from cleanroom.attestation.formats.reader import Reader
from cleanroom.errors import EvidenceRejected, MachineUnfit, Problem
from enclave.attester.device import TRIES, Driver, Pause, pauses, why
from enclave.attester.tsm import RawReport

TDX_GUEST = Path("/dev/tdx_guest")
TDX_CMD_GET_REPORT0 = 0xC4405401
"""_IOWR('T', 1, struct tdx_report_req), 1088 bytes (Linux uapi/linux/tdx-guest.h)."""
REPORT = struct.Struct("<64s1024s")
"""struct tdx_report_req: reportdata, which goes in, and tdreport."""
TDX_CMD_GET_QUOTE = 0x80105404
"""_IOR('T', 4, struct tdx_quote_req), 16 bytes (Intel's libtdx_attest)."""
QUOTE = struct.Struct("<QQ")
"""struct tdx_quote_req: address and length of the buffer."""
BLOB = struct.Struct("<QQII")
"""struct tdx_quote_hdr: version, status, in_len, out_len; what is sent and answered follows."""
BLOB_VERSION, BLOB_SIZE = 1, 4 * 4096
SUCCESS, IN_FLIGHT = 0, 0xFFFFFFFFFFFFFFFF
STATUS: Mapping[int, str] = {
    IN_FLIGHT: "the host still works on it",
    0x8000000000000000: "the host failed",
    0x8000000000000001: "the host has no quote generation service",
}
"""What GHCI says about GetQuote."""
HEADER = struct.Struct("<HHIII")
"""qgs_msg_header_t: major and minor version, type, size of the whole message, error code."""
VERSION, QUOTE_REQUEST, QUOTE_RESPONSE = (1, 1), 0, 1
"""What QEMU and Intel's library send; GET_QUOTE_REQ and GET_QUOTE_RESP."""
HOST, QGS_PORT = 2, 4050
"""VMADDR_CID_HOST, and the port in Intel's example of `qgs.conf`."""
ANSWER_WITHIN_S = 30.0
LARGEST_MESSAGE = BLOB_SIZE - BLOB.size - 4

Exchange = Callable[[bytes], bytes]
"""Takes a message to the service there and back."""


def td_report(report_data: bytes, driver: Driver) -> bytes:
    """The processor's report about this TD, 1024 bytes: no evidence yet.

    Args:
        report_data: what it shall carry, 64 bytes.
        driver: the guest device.

    Raises:
        MachineUnfit: there is no such device, or it gives none.
    """
    call = bytearray(REPORT.pack(report_data, b""))
    _require_answered(driver, TDX_CMD_GET_REPORT0, call, "TD report")
    return bytes(REPORT.unpack(call)[1])


def device_quote(report_data: bytes, driver: Driver, roads: Sequence[Exchange]) -> RawReport:
    """A quote over 64 bytes.

    Args:
        report_data: what it shall carry.
        driver: the guest device.
        roads: to the service, in the order in which they are tried: `by_driver`, `by_vsock`.

    Raises:
        MachineUnfit: the device gives no report, or no road leads to a quote.
    """
    asked = _asked(td_report(report_data, driver))
    failures: list[Problem] = []
    for exchange in roads:
        try:
            return RawReport(_quote(exchange(asked)), b"")
        except MachineUnfit as refused:
            failures.append(Problem(refused.message, hint=refused.hint))
        except EvidenceRejected:
            failures.append(Problem("the quote generation service's answer is malformed"))
    raise MachineUnfit(
        f"no quote in {len(failures)} ways, expected one: "
        + "; ".join(failure.message for failure in failures),
        hint="use a guest kernel with configfs-tsm (Linux 6.7), or start QGS on the host's vsock",
        problems=failures,
    )


def by_driver(driver: Driver, pause: Pause = time.sleep) -> Exchange:
    """The road through GetQuote, where the kernel has it.

    Args:
        driver: the guest device.
        pause: waits while the host works on it.
    """

    def exchange(message: bytes) -> bytes:
        for wait in (*pauses(), None):
            blob = _blob(message)
            place = QUOTE.pack(ctypes.addressof(blob), BLOB_SIZE)
            _require_answered(driver, TDX_CMD_GET_QUOTE, bytearray(place), "quote")
            _, status, _, size = BLOB.unpack_from(blob)
            if status == SUCCESS:
                return _unframed(blob.raw[BLOB.size : BLOB.size + size])
            if status != IN_FLIGHT:
                said = STATUS.get(status, f"it answers {status:#x}")
                raise MachineUnfit(f"the guest device gives no quote: {said}, expected one")
            if wait is not None:
                pause(wait)
        raise MachineUnfit(f"the host made no quote in {TRIES} tries, expected one")

    return exchange


def by_vsock(
    port: int = QGS_PORT, connect: Callable[[int], socket.socket] | None = None
) -> Exchange:
    """The road through a socket to the host.

    Args:
        port: where the service listens.
        connect: opens the socket to a port; only tests give one.
    """
    opened = connect or _host

    def exchange(message: bytes) -> bytes:
        try:
            with closing(opened(port)) as service:
                service.settimeout(ANSWER_WITHIN_S)
                service.sendall(_framed(message))
                size = int.from_bytes(_received(service, 4), "big")
                if not 0 < size <= LARGEST_MESSAGE:
                    raise MachineUnfit(f"the quote generation service answers {size} bytes")
                return _received(service, size)
        except OSError:
            raise MachineUnfit(
                f"no quote generation service answers on vsock port {port}, expected the host's"
            ) from None

    return exchange


def _require_answered(driver: Driver, number: int, call: bytearray, what: str) -> None:
    try:
        driver.ask(number, call)
    except OSError as refused:
        raise MachineUnfit(
            f"the guest device gives no {what}: it {why(refused)}, expected /dev/tdx_guest"
        ) from None


def _host(port: int) -> socket.socket:
    service = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
    service.settimeout(ANSWER_WITHIN_S)
    service.connect((HOST, port))
    return service


def _received(service: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = service.recv(size - len(found))
        if not part:
            raise MachineUnfit("the quote generation service hangs up in the middle of its answer")
        found += part
    return found


def _framed(message: bytes) -> bytes:
    return len(message).to_bytes(4, "big") + message


def _unframed(framed: bytes) -> bytes:
    reader = Reader(framed, "quote generation service's answer")
    message = reader.take(reader.number(4, "size", "big"), "message")
    reader.end()
    return message


def _blob(message: bytes) -> ctypes.Array[ctypes.c_char]:
    framed = _framed(message)
    content = BLOB.pack(BLOB_VERSION, 0, len(framed), 0) + framed
    return ctypes.create_string_buffer(content, BLOB_SIZE)


def _asked(report: bytes) -> bytes:
    """qgs_msg_get_quote_req_t without a list of keys to choose from."""
    sizes = struct.pack("<II", len(report), 0)
    whole = HEADER.size + len(sizes) + len(report)
    return HEADER.pack(*VERSION, QUOTE_REQUEST, whole, 0) + sizes + report


def _quote(message: bytes) -> bytes:
    """The quote in a qgs_msg_get_quote_resp_t."""
    reader = Reader(message, "quote generation service's answer")
    major, _, kind, size, error = HEADER.unpack(reader.take(HEADER.size, "header"))
    if error:
        raise MachineUnfit(f"the quote generation service refuses with {error:#x}, expected 0")
    if (major, kind, size) != (VERSION[0], QUOTE_RESPONSE, len(message)):
        raise MachineUnfit("the quote generation service answers something else than a quote")
    chosen = reader.number(4, "key's size", "little")
    length = reader.number(4, "quote's size", "little")
    reader.take(chosen, "key")
    quote = reader.take(length, "quote")
    reader.end()
    if not quote:
        raise MachineUnfit("the quote generation service answers an empty quote, expected one")
    return quote
