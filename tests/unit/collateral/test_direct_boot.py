"""RTMR1 and RTMR2 of a kernel that QEMU hands to the firmware."""

import hashlib
import struct

import pytest

from cleanroom.attestation.formats.event_log import read_event_log
from cleanroom.collateral.authenticode import authenticode
from cleanroom.collateral.boot_events import MIB, extend_all
from cleanroom.collateral.direct_boot import DirectBoot, cmdline_events, kernel_events
from cleanroom.errors import ImageUnreadable, Usage
from tests.support.firmware import kernel, program, program_digest
from tests.support.vectors import VECTORS, needs_vectors

INITRD = bytes(0xA962C0)
"""As long as that of an image whose header was dumped as QEMU 8 left it (dstack, issue 1185)."""
BIG = 4096 * MIB


def sha384(raw):
    return hashlib.sha384(raw).digest()


def written(raw, changes):
    """A kernel with some bytes of its header replaced."""
    for at, content in changes.items():
        raw = raw[:at] + content + raw[at + len(content) :]
    return raw


def test_a_kernel_is_measured_as_it_is():
    events = kernel_events(DirectBoot(kernel(), b"", ""))
    assert [event.digest for event in events] == [
        program_digest(kernel()),
        sha384(b"Calling EFI Application from Boot Option"),
        sha384(b"\0\0\0\0"),
        sha384(b"Exit Boot Services Invocation"),
        sha384(b"Exit Boot Services Returned with Success"),
    ]


def test_a_kernel_is_measured_as_qemu_rewrote_it():
    """The bytes are those that were found in the header of a real image behind QEMU 8."""
    plain = kernel(loadflags=1)
    rewritten = written(
        plain,
        {
            0x210: bytes([0xB0, 0x81]),
            0x218: bytes([0x00, 0x10, 0x54, 0x7F, 0xC0, 0x62, 0xA9, 0x00]),
            0x224: bytes([0x00, 0xFE]),
            0x228: bytes([0x00, 0x00, 0x02, 0x00]),
        },
    )
    (first, *_) = kernel_events(DirectBoot(plain, INITRD, "console=hvc0"), BIG)
    assert first.digest == authenticode(rewritten) != authenticode(plain)


@pytest.mark.parametrize(
    ("memory", "xloadflags", "highest"),
    [
        (BIG, 2, 0x7FFD7FFF),
        (0xB0000000, 2, 0x7FFD7FFF),
        (0xB0000000 - MIB, 2, 0xB0000000 - MIB - 0x28001),
        (2048 * MIB, 2, 0x7FFD7FFF),
        (512 * MIB, 2, 512 * MIB - 0x28001),
        (BIG, 0, 0x37FFFFFF),
        (512 * MIB, 0, 512 * MIB - 0x28001),
    ],
)
def test_qemu_loads_the_initial_file_system_as_high_as_it_fits(memory, xloadflags, highest):
    plain = kernel(xloadflags=xloadflags, highest=0x37FFFFFF)
    place = (highest - len(INITRD)) // 4096 * 4096
    rewritten = written(
        plain,
        {
            0x210: b"\xb0\x81",
            0x218: struct.pack("<II", place, len(INITRD)),
            0x224: b"\x00\xfe",
            0x228: struct.pack("<I", 0x20000),
        },
    )
    (first, *_) = kernel_events(DirectBoot(plain, INITRD, ""), memory)
    assert first.digest == authenticode(rewritten)


def test_without_an_initial_file_system_qemu_writes_no_place_for_one():
    rewritten = written(kernel(), {0x210: b"\xb0\x81", 0x224: b"\x00\xfe", 0x228: b"\0\0\x02\0"})
    (first, *_) = kernel_events(DirectBoot(kernel(), b"", ""), BIG)
    assert first.digest == authenticode(rewritten)


def test_a_guest_too_small_for_its_initial_file_system_is_refused():
    with pytest.raises(Usage, match="8 MiB, too few for an initial file system of 10 MiB"):
        kernel_events(DirectBoot(kernel(), INITRD, ""), 8 * MIB)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (program(), "without a setup header, expected a bzImage"),
        (b"MZ", "without a setup header"),
        (kernel(protocol=0x20B), "boot protocol 0x20b, expected 0x20c or newer"),
        (kernel(loadflags=0), "loaded high"),
    ],
)
def test_a_kernel_whose_header_is_not_known_is_refused(raw, message):
    with pytest.raises(ImageUnreadable, match=message):
        kernel_events(DirectBoot(raw, b"", ""), BIG)


def test_a_video_mode_that_qemu_would_write_into_the_kernel_is_refused():
    with pytest.raises(Usage, match="vga="):
        kernel_events(DirectBoot(kernel(), b"", "vga=792"), BIG)
    assert kernel_events(DirectBoot(kernel(), b"", "vga=792"))


def test_command_line_and_initial_file_system_are_measured():
    events = cmdline_events(DirectBoot(b"", b"cpio", "console=hvc0"))
    options = "console=hvc0 initrd=initrd".encode("utf-16-le") + b"\0\0"
    assert [event.digest for event in events] == [sha384(options), sha384(b"cpio")]


def test_without_an_initial_file_system_only_the_command_line_is_measured():
    events = cmdline_events(DirectBoot(b"", b"", "ro"))
    assert [event.digest for event in events] == [sha384(b"r\0o\0\0\0")]


@pytest.mark.parametrize("cmdline", ["name=Zo\xeb", "a\0b"])
def test_a_command_line_that_firmware_would_alter_is_refused(cmdline):
    with pytest.raises(Usage, match="not ASCII"):
        cmdline_events(DirectBoot(b"", b"", cmdline))


def test_a_register_is_extended_event_by_event():
    events = cmdline_events(DirectBoot(b"", b"cpio", ""))
    first = sha384(bytes(48) + events[0].digest)
    assert extend_all(events) == sha384(first + events[1].digest)
    assert extend_all([]) == bytes(48)


@needs_vectors
def test_a_real_direct_boot_measured_the_same_events_after_its_kernel():
    events = read_event_log((VECTORS / "tdx/dstack__ccel.bin").read_bytes())
    told = [event.digests["sha384"] for event in events if event.register == 2]
    computed = [event.digest for event in kernel_events(DirectBoot(kernel(), b"", ""))]
    assert told[1:] == computed[1:]
