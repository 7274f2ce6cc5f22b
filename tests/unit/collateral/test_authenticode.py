"""The digest by which firmware measures a program: all of it but checksum and signatures."""

import hashlib
import re

import pytest

from cleanroom.collateral import authenticode as module
from cleanroom.collateral.authenticode import authenticode
from cleanroom.errors import ImageUnreadable
from tests.support.firmware import CHECKSUM, SECURITY, program, program_digest

SIGNATURE = b"\x5c" * 64
TEXT = (b".text", b"\x90" * 512)
TWO = (TEXT, (b".data", b"\x11" * 1024))
HEADER = 0x280
OPTIONAL = HEADER + 24


def put(raw, at, number, size=4):
    return raw[:at] + number.to_bytes(size, "little") + raw[at + size :]


def test_the_digest_is_of_all_but_checksum_and_directory_entry():
    raw = program(TWO)
    assert authenticode(raw) == program_digest(raw)
    assert authenticode(raw, "sha256") == program_digest(raw, algorithm="sha256")


def test_signing_a_program_does_not_change_its_digest():
    plain, signed = program(TWO), program(TWO, certificates=SIGNATURE)
    assert authenticode(signed) == authenticode(plain) == program_digest(signed, len(SIGNATURE))


def test_another_checksum_is_the_same_program():
    raw = program()
    assert authenticode(put(raw, CHECKSUM.start, 7)) == authenticode(raw)


@pytest.mark.parametrize("at", [0x10, 0x1F1, HEADER + 8, SECURITY.stop, 0x600, 0x7FF])
def test_every_other_byte_is_in_the_digest(at):
    raw = program()
    assert authenticode(put(raw, at, raw[at] ^ 1, 1)) != authenticode(raw)


def test_what_follows_the_sections_is_in_the_digest():
    raw = program(TWO, certificates=SIGNATURE, trailing=b"appended")
    assert authenticode(raw) == program_digest(raw, len(SIGNATURE))
    assert authenticode(raw) != authenticode(program(TWO, certificates=SIGNATURE))


def test_sections_are_hashed_in_the_order_of_the_file():
    raw = program(TWO)
    rows = OPTIONAL + 240
    swapped = raw[:rows] + raw[rows + 40 : rows + 80] + raw[rows : rows + 40] + raw[rows + 80 :]
    assert authenticode(swapped) == program_digest(swapped)


def test_a_section_without_contents_is_left_out():
    raw = program((*TWO, (b".bss", b"")))
    beyond = put(raw, OPTIONAL + 240 + 2 * 40 + 20, 2**32 - 1)
    assert authenticode(beyond) == program_digest(beyond)


@pytest.mark.parametrize("raw", [b"", b"MZ", bytes(4096), b"\x7fELF" + bytes(4096)])
def test_what_is_no_program_is_refused(raw):
    with pytest.raises(ImageUnreadable, match=r"the program"):
        authenticode(raw)


@pytest.mark.parametrize(
    ("at", "number", "message"),
    [
        (0x3C, 2**32 - 1, "PE header is at 4294967295"),
        (HEADER, 0, "without a PE header"),
        (OPTIONAL, 0x20C, "of kind 0x20c"),
        (HEADER + 6, 97, "with 97 sections"),
        (HEADER + 6, 2**16 - 1, "with 65535 sections, expected at most 96"),
        (OPTIONAL + 60, 0, "headers is at"),
        (OPTIONAL + 60, 2**32 - 1, "headers is at"),
        (OPTIONAL + 240 + 16, 2**32 - 1, "section is at 1536"),
        (OPTIONAL + 240 + 20, 2**32 - 1, "section is at 4294967295"),
        (SECURITY.start + 4, 2**32 - 1, "end is at 2048 to -"),
    ],
)
def test_a_header_that_points_outside_is_refused(at, number, message):
    raw = put(program(), at, number, 2 if at == HEADER + 6 else 4)
    with pytest.raises(ImageUnreadable, match=re.escape(message)):
        authenticode(raw)


def test_a_program_cut_anywhere_is_refused():
    raw = program(TWO)
    for end in range(0, len(raw), 61):
        with pytest.raises(ImageUnreadable):
            authenticode(raw[:end])


def test_a_program_that_is_too_long_is_refused(monkeypatch):
    monkeypatch.setattr(module, "LARGEST_PROGRAM", 100)
    with pytest.raises(ImageUnreadable, match="expected at most 100 bytes"):
        authenticode(program())


def test_a_program_of_the_older_kind_has_its_directories_elsewhere():
    raw = put(program(), OPTIONAL, 0x10B, 2)
    count = OPTIONAL + 92
    raw = put(put(raw, count, 16), count + 4 + 32, 0x1234)
    security = slice(count + 4 + 32, count + 4 + 40)
    body = raw[: CHECKSUM.start] + raw[CHECKSUM.stop : security.start] + raw[security.stop :]
    assert authenticode(raw) == hashlib.sha384(body).digest()
