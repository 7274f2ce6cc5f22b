"""MRTD: hashed by hand for tiny firmware, and as a real processor signed it for a published one."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from cleanroom.collateral.td_build import measure_build
from cleanroom.collateral.tdvf import read_tdvf
from tests.support.firmware import (
    BOOT,
    PAGE,
    PERMANENT,
    ROWS,
    SCRATCH,
    Row,
    added,
    firmware,
    page_extended,
)
from tests.support.vectors import VECTORS

PINNED = (
    "5eede6150e6330d4e71d95fd67d9e7d0409e0985985be4f3"
    "6a098fe55704fb548589d115254fe0f07db6b88952b26731"
)
"""By a script of the shell's own tools: printf, head, tr, sha384sum."""
SIGNED = {
    "9e807cb2cd4313406a3aa4becc0836671a5c64ca7bdc08a45e15260184b446bf": (
        "7357a10d2e2724dffe68813e3cc4cfcde6814d749f2fb62e"
        "3953e54f6e0b50a219786afe2cd478f684b52c61837e1114"
    )
}
"""MRTD that TDX machines on QEMU have in their quotes, by SHA-256 of the firmware they run: Ubuntu's
package `ovmf` 2025.02-3ubuntu2. The same firmware and value are published by virtee/tdx-measure."""
PLACES = (
    VECTORS / "measurement/ubuntu__ovmf_2025.02-3ubuntu2.fd",
    Path("/usr/share/ovmf/OVMF.fd"),
    Path("/usr/share/qemu/OVMF.fd"),
)


def mrtd(rows, order="page"):
    return measure_build(read_tdvf(firmware(rows)), order).hex()


def by_hand(*records):
    return hashlib.sha384(b"".join(records)).hexdigest()


def test_each_page_is_added_and_then_measured():
    first, second = BOOT.address, BOOT.address + PAGE
    expected = by_hand(
        added(first),
        page_extended(first, b"\xa5" * PAGE),
        added(second),
        page_extended(second, b"\x5a" * PAGE),
        added(0xFFFE0000),
        added(0x809000),
        added(0x80B000),
        added(0x80C000),
    )
    assert mrtd(ROWS) == expected == PINNED


def test_a_section_is_added_and_then_measured():
    first, second = BOOT.address, BOOT.address + PAGE
    expected = by_hand(
        added(first),
        added(second),
        page_extended(first, b"\xa5" * PAGE),
        page_extended(second, b"\x5a" * PAGE),
        added(0xFFFE0000),
        added(0x809000),
        added(0x80B000),
        added(0x80C000),
    )
    assert mrtd(ROWS, "section") == expected != mrtd(ROWS)


def test_memory_beyond_the_files_contents_is_measured_as_zeros():
    longer = replace(BOOT, content=b"\xa5" * 100)
    first, second = BOOT.address, BOOT.address + PAGE
    expected = by_hand(
        added(first),
        page_extended(first, (b"\xa5" * 100).ljust(PAGE, b"\0")),
        added(second),
        page_extended(second, bytes(PAGE)),
    )
    assert mrtd((longer,)) == expected


def test_memory_without_contents_can_be_measured_as_zeros():
    expected = by_hand(
        added(BOOT.address),
        page_extended(BOOT.address, b"\xa5" * PAGE),
        added(0x80B000),
        page_extended(0x80B000, bytes(PAGE)),
    )
    boot = replace(BOOT, size=PAGE, content=b"\xa5" * PAGE)
    assert mrtd((boot, replace(SCRATCH, size=PAGE, attributes=1))) == expected


def test_memory_that_the_guest_accepts_later_is_not_measured():
    assert mrtd((*ROWS, Row(PERMANENT, 0x1000000, 1 << 30, attributes=2))) == mrtd(ROWS)


def test_a_real_firmware_gives_what_real_processors_signed():
    here = {
        hashlib.sha256(raw).hexdigest(): raw
        for raw in (place.read_bytes() for place in PLACES if place.is_file())
    }
    known = SIGNED.keys() & here.keys()
    if not known:
        pytest.skip("no firmware whose MRTD is published is here: Ubuntu's ovmf 2025.02-3ubuntu2")
    for digest in known:
        assert measure_build(read_tdvf(here[digest]), "page").hex() == SIGNED[digest]
