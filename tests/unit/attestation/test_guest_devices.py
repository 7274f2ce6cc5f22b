"""Guests whose kernel has no configfs-tsm: /dev/sev-guest and /dev/tdx_guest, asked by ioctl.

The system call is the test's own and reads and writes memory where the kernel would. The structures
are compared with the kernel's header where a compiler and that header are there.
"""

import errno
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import termios
import threading
from pathlib import Path

import pytest

from cleanroom.attestation.formats.cert_table import table_size
from cleanroom.errors import EvidenceRejected, MachineUnfit
from enclave.attester import sev_guest, tdx_guest
from enclave.attester.device import TRIES, Driver
from enclave.attester.sev_guest import derived_key, device_report
from enclave.attester.sev_snp import SevSnpAttester
from enclave.attester.tdx import TdxAttester
from enclave.attester.tdx_guest import (
    HEADER,
    IN_FLIGHT,
    by_driver,
    by_vsock,
    device_quote,
    td_report,
)
from tests.support.kernels import (
    FakeQuotes,
    FakeSevGuest,
    FakeTdxGuest,
    certificate_table,
)
from tests.support.platform import (
    BINDING,
    GENESIS,
    MEASUREMENT,
    simulated_tdx,
    verified,
    verified_tdx,
)

KEY = bytes(range(1, 33))
INVALID_LENGTH, BUSY = 1, 2


def guest(ioctl, device, waited=None):
    device.touch()
    return Driver(device, ioctl, (waited if waited is not None else []).append)


@pytest.fixture
def device(tmp_path):
    return tmp_path / "guest"


# --- one question to a device ----------------------------------------------------------------------


class Refusing:
    """Ends the first calls with these errors, after spoiling the argument."""

    def __init__(self, *errors):
        self.errors, self.seen = list(errors), []

    def __call__(self, _descriptor, _number, call):
        self.seen.append(bytes(call))
        call[:] = bytes(len(call))
        if self.errors:
            raise OSError(self.errors.pop(0), "refused")


def test_busy_device_is_asked_again_from_the_start(device):
    waited, ioctl = [], Refusing(errno.EBUSY, errno.EINTR, errno.EAGAIN)
    guest(ioctl, device, waited).ask(1, bytearray(b"question"))
    assert ioctl.seen == [b"question"] * 4
    assert waited == [0.05, 0.1, 0.2]


def test_busy_device_is_not_asked_for_ever(device):
    waited, ioctl = [], Refusing(*[errno.EBUSY] * 100)
    with pytest.raises(OSError, match="refused"):
        guest(ioctl, device, waited).ask(1, bytearray(b"question"))
    assert (len(ioctl.seen), len(waited)) == (TRIES, TRIES - 1)


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOTTY, errno.EINVAL, errno.ETIMEDOUT])
def test_device_that_refuses_is_asked_once(device, number):
    ioctl = Refusing(number)
    with pytest.raises(OSError, match="refused"):
        guest(ioctl, device).ask(1, bytearray(b"question"))
    assert len(ioctl.seen) == 1


def test_device_is_closed_however_it_ends(device):
    before = len(list(Path("/proc/self/fd").iterdir()))
    guest(Refusing(), device).ask(1, bytearray(8))
    with pytest.raises(OSError, match="refused"):
        guest(Refusing(errno.EIO), device).ask(1, bytearray(8))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_system_call_of_a_real_device_fills_the_argument():
    ours, theirs = os.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("<HHHH", 24, 80, 0, 0))
        call = bytearray(8)
        Driver(Path(os.ttyname(theirs))).ask(termios.TIOCGWINSZ, call)
        assert struct.unpack("<HHHH", call) == (24, 80, 0, 0)
        with pytest.raises(OSError, match="Inappropriate ioctl"):
            Driver(Path(os.ttyname(theirs))).ask(sev_guest.SNP_GET_REPORT, bytearray(32))
    finally:
        os.close(ours)
        os.close(theirs)


# --- /dev/sev-guest: reports -----------------------------------------------------------------------


def test_report_comes_with_the_hosts_certificates(device):
    ioctl = FakeSevGuest()
    driver = guest(ioctl, device)
    attester = SevSnpAttester(lambda binding: device_report(binding, driver), lambda: KEY)
    evidence = attester.collect(BINDING)
    assert verified(evidence).measurement == MEASUREMENT.hex()
    assert (attester.measurement, attester.host_data) == (MEASUREMENT, GENESIS)
    assert set(ioctl.asked) == {sev_guest.SNP_GET_EXT_REPORT}
    (table,) = evidence.endorsements
    assert table == ioctl.table


def test_host_without_certificates(device):
    raw = device_report(BINDING, guest(FakeSevGuest(table=bytes(24)), device))
    assert (len(raw.report), raw.certificates) == (1184, b"")


def test_host_with_more_certificates_than_fit(device):
    ioctl = FakeSevGuest(refusals=[(errno.ENOSPC, 0, INVALID_LENGTH)])
    raw = device_report(BINDING, guest(ioctl, device))
    assert (len(raw.report), raw.certificates) == (1184, b"")
    assert ioctl.asked == [sev_guest.SNP_GET_EXT_REPORT, sev_guest.SNP_GET_REPORT]


def test_hypervisor_that_limits_the_rate(device):
    waited, ioctl = [], FakeSevGuest(refusals=[(errno.EAGAIN, 0, BUSY)] * 3)
    assert device_report(BINDING, guest(ioctl, device, waited)).certificates
    assert len(waited) == 3


@pytest.mark.parametrize(
    ("number", "firmware", "hypervisor", "words"),
    [
        (errno.EAGAIN, 0, BUSY, r"stays busy \(hypervisor: it is busy: it limits how often"),
        (errno.ETIMEDOUT, 0, BUSY, r"did not answer in time \(hypervisor: it is busy"),
        (errno.EIO, 0x16, 0, r"refused by the platform \(firmware: 0x16, a parameter is wrong\)"),
        (errno.EIO, 0x55, 0, r"refused by the platform \(firmware: 0x55\)"),
        (errno.EIO, 0xFF, 0, r"\(firmware: 0xff, it was not called\)"),
        (errno.EIO, 0, 9, r"\(hypervisor: it answers 0x9\)"),
        (errno.ENOTTY, 0, 0, r"the guest device does not know the request, expected /dev/sev"),
        (errno.ENXIO, 0, 0, r"the guest device has no platform behind it"),
        (errno.EFAULT, 0, 0, r"the guest device fails with EFAULT"),
    ],
)
def test_refusals_are_said_in_words(device, number, firmware, hypervisor, words):
    ioctl = FakeSevGuest(refusals=[(number, firmware, hypervisor)] * 2 * TRIES)
    with pytest.raises(MachineUnfit, match=words):
        device_report(BINDING, guest(ioctl, device))


def test_device_that_is_not_there(tmp_path):
    with pytest.raises(
        MachineUnfit, match="the guest device is not there, expected /dev/sev-guest"
    ):
        device_report(BINDING, Driver(tmp_path / "sev-guest"))


def test_plain_file_is_no_device(device):
    device.touch()
    with pytest.raises(MachineUnfit, match="does not know the request"):
        device_report(BINDING, Driver(device))


def test_firmware_that_gives_no_report(device):
    with pytest.raises(MachineUnfit, match="0x16, a parameter is wrong and 1184 bytes"):
        device_report(BINDING, guest(FakeSevGuest(status=0x16), device))


def test_table_that_points_outside_the_buffer_is_left_behind(device):
    entry = struct.pack("<16sII", b"\1" * 16, 48, 0x4000)
    ioctl = FakeSevGuest(table=entry + bytes(24))
    assert device_report(BINDING, guest(ioctl, device)).certificates == b""
    assert ioctl.asked == [sev_guest.SNP_GET_EXT_REPORT, sev_guest.SNP_GET_REPORT]


def test_table_ends_where_its_last_certificate_ends():
    table = certificate_table([b"leaf", b"intermediate", b"root"])
    assert table_size(table + bytes(1000)) == len(table)
    assert table_size(bytes(100)) == 0
    with pytest.raises(EvidenceRejected):
        table_size(b"\1" * 24)


# --- /dev/sev-guest: the derived key ---------------------------------------------------------------


def test_derived_key_mixes_in_policy_and_measurement(device):
    ioctl = FakeSevGuest()
    assert derived_key(guest(ioctl, device)) == KEY
    assert ioctl.asked == [sev_guest.SNP_GET_DERIVED_KEY]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"status": 0x27}, "status 0x27, the key that was asked for is not there, expected 0"),
        ({"key": bytes(32)}, "status 0x0, expected 0 and a key"),
    ],
)
def test_firmware_that_refuses_the_key(device, answer, words):
    with pytest.raises(MachineUnfit, match=words):
        derived_key(guest(FakeSevGuest(**answer), device))


# --- /dev/tdx_guest --------------------------------------------------------------------------------


def tdx():
    return simulated_tdx().attester(MEASUREMENT, GENESIS)


def service(**how):
    return FakeQuotes(tdx(), **how)


def test_td_report_carries_what_it_was_given(device):
    report = td_report(BINDING, guest(FakeTdxGuest(), device))
    assert (len(report), report[:64]) == (1024, BINDING)


def test_quote_through_the_kernel(device):
    ioctl = FakeTdxGuest(service())
    driver = guest(ioctl, device)
    attester = TdxAttester(
        lambda binding: device_quote(binding, driver, [by_driver(driver)]),
        device.parent / "CCEL",
        (simulated_tdx().collateral().to_bytes(),),
    )
    assert verified_tdx(attester.collect(BINDING)).measurement == MEASUREMENT.hex()
    assert ioctl.asked[:2] == [tdx_guest.TDX_CMD_GET_REPORT0, tdx_guest.TDX_CMD_GET_QUOTE]


def test_host_that_still_works_on_the_quote(device):
    waited = []
    driver = guest(FakeTdxGuest(service(), status=[IN_FLIGHT, IN_FLIGHT]), device)
    raw = device_quote(BINDING, driver, [by_driver(driver, waited.append)])
    assert raw.report
    assert waited == [0.05, 0.1]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ([IN_FLIGHT] * TRIES, "the host made no quote in 8 tries"),
        ([0x8000000000000001], "the host has no quote generation service"),
        ([0x8000000000000000], "the host failed"),
        ([7], "it answers 0x7"),
    ],
)
def test_host_that_makes_no_quote(device, status, words):
    driver = guest(FakeTdxGuest(service(), status=status), device)
    with pytest.raises(MachineUnfit, match=words):
        device_quote(BINDING, driver, [by_driver(driver, lambda _: None)])


def test_kernel_without_get_quote_leaves_the_socket(device):
    driver = guest(FakeTdxGuest(), device)
    raw = device_quote(BINDING, driver, [by_driver(driver), service()])
    assert raw.report


def test_no_road_leads_to_a_quote(device):
    driver = guest(FakeTdxGuest(), device)
    with pytest.raises(MachineUnfit) as refused:
        device_quote(BINDING, driver, [by_driver(driver), by_vsock(4050, lambda _: closed())])
    assert "no quote in 2 ways" in refused.value.message
    assert "does not know the request" in refused.value.message
    assert "no quote generation service answers on vsock port 4050" in refused.value.message
    assert "configfs-tsm" in refused.value.hint


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"error": 0x12001}, "refuses with 0x12001"),
        ({"kind": 3}, "something else than a quote"),
        ({"tail": b"more"}, "malformed"),
    ],
)
def test_service_that_answers_something_else(device, how, words):
    with pytest.raises(MachineUnfit, match=words):
        device_quote(BINDING, guest(FakeTdxGuest(), device), [service(**how)])


def test_service_that_names_the_key_it_chose(device):
    raw = device_quote(BINDING, guest(FakeTdxGuest(), device), [service(chosen=bytes(16))])
    assert raw.report[:2] == tdx().collect(BINDING).report[:2]


@pytest.mark.parametrize("cut", [0, 3, HEADER.size, HEADER.size + 8, 700])
def test_answer_that_is_cut(device, cut):
    whole = service()

    with pytest.raises(MachineUnfit, match=r"malformed|something else"):
        device_quote(BINDING, guest(FakeTdxGuest(), device), [lambda message: whole(message)[:cut]])


# --- the quote generation service on a socket ------------------------------------------------------


def closed():
    raise ConnectionRefusedError


def connected(answer):
    """A socket whose other end reads one framed message and sends what `answer` makes of it."""
    ours, theirs = socket.socketpair()

    def serve():
        with theirs:
            size = int.from_bytes(theirs.recv(4, socket.MSG_WAITALL), "big")
            theirs.sendall(answer(theirs.recv(size, socket.MSG_WAITALL)))

    thread = threading.Thread(target=serve)
    thread.start()
    return ours, thread


def framed(message):
    return len(message).to_bytes(4, "big") + message


def test_quote_through_a_socket(device):
    whole = service()
    ours, thread = connected(lambda message: framed(whole(message)))
    asked = []
    raw = device_quote(
        BINDING,
        guest(FakeTdxGuest(), device),
        [by_vsock(4050, lambda port: asked.append(port) or ours)],
    )
    thread.join()
    assert raw.report
    assert asked == [4050]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "hangs up"),
        (b"\0\0\1\0short", "hangs up"),
        (b"\0\0\0\0", "answers 0 bytes"),
        (b"\xff\xff\xff\xff", "answers 4294967295 bytes"),
    ],
)
def test_service_that_breaks_the_frame(answer, words):
    ours, thread = connected(lambda _: answer)
    with pytest.raises(MachineUnfit, match=words):
        by_vsock(4050, lambda _: ours)(b"question")
    thread.join()


# --- the kernel's own header -----------------------------------------------------------------------

HEADER_FILE = Path("/usr/include/linux/sev-guest.h")
PROBE = """
#include <stddef.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <linux/sev-guest.h>
#define SIZE(s) printf("%zu\\n", sizeof(struct s))
#define AT(s, f) printf("%zu\\n", offsetof(struct s, f))
int main(void) {
    printf("%lu\\n%lu\\n%lu\\n", (unsigned long)SNP_GET_REPORT,
           (unsigned long)SNP_GET_DERIVED_KEY, (unsigned long)SNP_GET_EXT_REPORT);
    SIZE(snp_guest_request_ioctl); AT(snp_guest_request_ioctl, req_data);
    AT(snp_guest_request_ioctl, resp_data); AT(snp_guest_request_ioctl, fw_error);
    AT(snp_guest_request_ioctl, vmm_error);
    SIZE(snp_report_req); AT(snp_report_req, vmpl);
    SIZE(snp_ext_report_req); AT(snp_ext_report_req, certs_address);
    AT(snp_ext_report_req, certs_len);
    SIZE(snp_report_resp); SIZE(snp_derived_key_req); SIZE(snp_derived_key_resp);
    AT(snp_derived_key_req, guest_field_select); AT(snp_derived_key_req, tcb_version);
}
"""


@pytest.mark.skipif(
    not (shutil.which("gcc") and HEADER_FILE.is_file()),
    reason="no gcc, or no linux/sev-guest.h (Debian's linux-libc-dev), to compare with",
)
def test_structures_are_those_of_the_kernels_header(tmp_path):
    (tmp_path / "probe.c").write_text(PROBE)
    subprocess.run(["gcc", "-o", "probe", "probe.c"], cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "probe"], capture_output=True, text=True, check=True)
    found = [int(line) for line in done.stdout.split()]
    ours = [
        *(sev_guest.SNP_GET_REPORT, sev_guest.SNP_GET_DERIVED_KEY, sev_guest.SNP_GET_EXT_REPORT),
        *(sev_guest.CALL.size, 8, 16, 24, 28),
        *(sev_guest.REPORT_REQUEST.size, 64),
        *(sev_guest.EXTENDED_REQUEST.size, 96, 104),
        *(sev_guest.REPORT_RESPONSE.size, sev_guest.KEY_REQUEST.size, sev_guest.KEY_RESPONSE.size),
        *(8, 24),
    ]
    assert found == ours
    assert struct.calcsize("<B7x") == 8
    assert sev_guest.CALL.pack(1, 2, 3, 4, 5)[24:] == struct.pack("<II", 4, 5)


def test_numbers_and_sizes_of_requests():
    """What the kernel's `_IOR` and `_IOWR` make of direction, size, type and number."""

    def number(direction, size, kind, which):
        return direction << 30 | size << 16 | ord(kind) << 8 | which

    assert number(3, 32, "S", 0) == sev_guest.SNP_GET_REPORT
    assert number(3, 1088, "T", 1) == tdx_guest.TDX_CMD_GET_REPORT0
    assert number(2, tdx_guest.QUOTE.size, "T", 4) == tdx_guest.TDX_CMD_GET_QUOTE
    assert (tdx_guest.REPORT.size, tdx_guest.BLOB.size, HEADER.size) == (1088, 24, 16)
