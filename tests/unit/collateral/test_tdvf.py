"""What a firmware for TDX asks for, and which firmware is refused."""

import re
from dataclasses import replace

import pytest

from cleanroom.collateral.tdvf import LARGEST_FIRMWARE, LARGEST_MEMORY, read_tdvf
from cleanroom.errors import ImageUnreadable
from tests.support.firmware import (
    BOOT,
    CONFIGURATION,
    HAND_OFF,
    PAGE,
    PERMANENT,
    ROWS,
    SCRATCH,
    Row,
    firmware,
    with_row,
)


def test_sections_are_read_in_the_order_of_the_metadata():
    sections = read_tdvf(firmware())
    told = [(one.kind, one.address, one.size, one.content, one.extended) for one in sections]
    assert told == [
        (row.kind, row.address, row.size, row.content, bool(row.attributes)) for row in ROWS
    ]
    assert not any(one.added_later for one in sections)


def test_memory_that_the_guest_accepts_later_is_told_apart():
    later = Row(PERMANENT, 0x1000000, 1 << 30, attributes=2)
    assert [one.added_later for one in read_tdvf(firmware((*ROWS, later)))][-1]


def test_a_file_without_a_table_is_no_firmware_for_tdx():
    for raw in (bytes(8192), firmware(table=bytes(16))):
        with pytest.raises(ImageUnreadable, match="without a GUIDed table, expected OVMF's"):
            read_tdvf(raw)


@pytest.mark.parametrize("places", [0, 2])
def test_metadata_stand_in_one_place(places):
    with pytest.raises(ImageUnreadable, match=f"with {places} places of TDX metadata"):
        read_tdvf(firmware(places=places))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"signature": b"TDVG"}, "without its signature, expected TDVF"),
        ({"version": 2}, "version 2 with 4 sections"),
        ({"count": 0, "length": 16}, "with 0 sections"),
        ({"count": 65, "length": 16 + 65 * 32}, "with 65 sections, expected version 1 with 1 to"),
        ({"count": 2**32 - 1}, "with 4294967295 sections"),
        ({"length": 16 + 3 * 32}, "112 bytes long, expected 4 whole sections"),
        ({"before": 8}, "without its signature"),
        ({"before": 2**31}, "TDX metadata is at -"),
    ],
)
def test_a_descriptor_that_does_not_fit_is_refused(changed, message):
    with pytest.raises(ImageUnreadable, match=re.escape(message)):
        read_tdvf(firmware(**changed))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (with_row(BOOT, kind=8), "of type 8 with attributes 0x1"),
        (with_row(BOOT, attributes=5), "of type 0 with attributes 0x5"),
        (with_row(HAND_OFF, address=0x809001), "0x1000 bytes at 0x809001, expected whole pages"),
        (with_row(HAND_OFF, size=PAGE + 1), "0x1001 bytes at 0x809000"),
        (with_row(HAND_OFF, size=0), "0x0 bytes at 0x809000"),
        (with_row(HAND_OFF, address=2**64 - PAGE), "expected whole pages of guest memory"),
        (with_row(BOOT, size=PAGE), "0x2000 bytes for 0x1000"),
        (with_row(BOOT, attributes=3), "attributes 0x3, expected at most as many, and none where"),
        (with_row(CONFIGURATION, attributes=2), "0x1000 bytes for 0x1000, attributes 0x2"),
        (with_row(HAND_OFF, attributes=1), "TD HOB is measured without being in the file"),
        (with_row(SCRATCH, size=LARGEST_MEMORY), "sections' memory is"),
    ],
)
def test_a_section_that_could_be_read_in_two_ways_is_refused(rows, message):
    with pytest.raises(ImageUnreadable, match=re.escape(message)):
        read_tdvf(firmware(rows))


def test_contents_beyond_the_end_of_the_file_are_refused():
    raw = firmware((BOOT,))
    cut = raw.replace((2 * PAGE).to_bytes(4, "little"), (2 * PAGE + 4096).to_bytes(4, "little"), 1)
    with pytest.raises(ImageUnreadable, match="bytes for 0x2000"):
        read_tdvf(cut)
    with pytest.raises(ImageUnreadable, match="boot firmware volume is at 0 to 8192"):
        read_tdvf(raw[2 * PAGE :])


def test_a_table_whose_entries_do_not_fit_is_refused():
    raw = bytearray(firmware())
    at = len(raw) - 32 - 18 - 18  # the length of the entry before the table's own
    for length in (17, 4000):
        raw[at : at + 2] = length.to_bytes(2, "little")
        with pytest.raises(ImageUnreadable, match=f"entry of the table is {length} bytes"):
            read_tdvf(bytes(raw))


def test_a_file_that_is_too_long_or_too_short_is_refused():
    with pytest.raises(ImageUnreadable, match=f"expected at most {LARGEST_FIRMWARE} bytes"):
        read_tdvf(bytes(LARGEST_FIRMWARE + 1))
    with pytest.raises(ImageUnreadable, match="GUIDed table is at -"):
        read_tdvf(b"")


def test_two_sections_may_touch_and_not_overlap():
    touching = replace(SCRATCH, address=HAND_OFF.address + PAGE)
    read_tdvf(firmware((BOOT, HAND_OFF, touching)))
    overlapping = replace(SCRATCH, address=HAND_OFF.address - PAGE)
    with pytest.raises(ImageUnreadable, match="TD HOB is at 0x809000, inside another section"):
        read_tdvf(firmware((BOOT, HAND_OFF, overlapping)))
