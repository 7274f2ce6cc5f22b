"""RTMR0: what the host decides, as the logs of real boots have it."""

import hashlib
import struct
from dataclasses import replace

import pytest

from cleanroom.attestation.formats.event_log import measured, read_event_log
from cleanroom.collateral.boot_events import MIB
from cleanroom.collateral.td_configuration import (
    AcpiTables,
    configuration_events,
    hand_off_blocks,
)
from cleanroom.collateral.tdvf import read_tdvf
from cleanroom.errors import ImageUnreadable, Usage
from tests.support.firmware import (
    BOOT,
    CONFIGURATION,
    HAND_OFF,
    HOB,
    PAGE,
    TEMPORARY,
    Row,
    firmware,
)
from tests.support.vectors import VECTORS, needs_vectors

ACPI = AcpiTables(b"DSDT", b"RSD PTR ", b"allocate")
SCRATCH = (Row(TEMPORARY, 0x80B000, 0x2000), Row(HOB, 0x809000, 0x2000))
LOW = Row(TEMPORARY, 0x800000, 0x6000)
OVMF_2022 = (BOOT, CONFIGURATION, Row(TEMPORARY, 0x810000, 0x10000), *SCRATCH, LOW)
OVMF_2025 = (BOOT, CONFIGURATION, Row(TEMPORARY, 0x811000, 0xF000), *SCRATCH, LOW)
"""Where OVMF of these years has its memory at launch: as in Debian's and Ubuntu's packages."""


def sections(rows):
    return read_tdvf(firmware(rows))


def resource(kind, start, end):
    """EFI_HOB_RESOURCE_DESCRIPTOR."""
    return struct.pack("<HHI16sIIQQ", 3, 48, 0, bytes(16), kind, 7, start, end - start)


def listed(place, *resources):
    """The list with its hand-off table, which says where the end after it ends."""
    end = place + 56 + 48 * len(resources) + 8
    table = struct.pack("<HHIIIQQQQQ", 1, 56, 0, 9, 0, 0, 0, 0, 0, end)
    return table + b"".join(resources)


def test_hand_off_blocks_name_all_memory_in_order():
    rows = (BOOT, HAND_OFF, Row(TEMPORARY, 0x80B000, PAGE))
    assert hand_off_blocks(sections(rows), 1024 * MIB) == listed(
        0x809000,
        resource(7, 0, 0x809000),
        resource(0, 0x809000, 0x80A000),
        resource(7, 0x80A000, 0x80B000),
        resource(0, 0x80B000, 0x80C000),
        resource(7, 0x80C000, 0x40000000),
    )


@pytest.mark.parametrize(
    ("memory", "ends"),
    [
        (2816 * MIB - PAGE, [2816 * MIB - PAGE]),
        (2816 * MIB, [0x80000000, 0x100000000 + 768 * MIB]),
        (16384 * MIB, [0x80000000, 0x100000000 + 14336 * MIB]),
    ],
)
def test_much_memory_goes_on_above_4_gib(memory, ends):
    rows = (BOOT, replace(HAND_OFF, address=0))
    resources = [resource(0, 0, PAGE), resource(7, PAGE, ends[0])]
    resources += [resource(7, 0x100000000, end) for end in ends[1:]]
    assert hand_off_blocks(sections(rows), memory) == listed(0, *resources)


def test_a_guest_smaller_than_its_firmware_needs_is_refused():
    with pytest.raises(Usage, match="8 MiB, too few for this firmware"):
        hand_off_blocks(sections(OVMF_2022), 8 * MIB)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((BOOT, HAND_OFF), "with 0 configuration firmware volumes"),
        ((BOOT, CONFIGURATION), "with 0 places of hand-off blocks"),
        (
            (BOOT, CONFIGURATION, HAND_OFF, replace(HAND_OFF, address=0)),
            "with 2 places of hand-off",
        ),
    ],
)
def test_firmware_with_parts_missing_or_twice_is_refused(rows, message):
    with pytest.raises(ImageUnreadable, match=message):
        configuration_events(sections(rows), 1024 * MIB, ACPI)


def test_files_of_the_host_are_measured():
    events = configuration_events(sections(OVMF_2025), 1024 * MIB, ACPI)
    told = [event.digest for event in events]
    assert told[1] == hashlib.sha384(CONFIGURATION.content).digest()
    parts = (ACPI.loader, ACPI.rsdp, ACPI.tables)
    assert told[8:11] == [hashlib.sha384(part).digest() for part in parts]


@needs_vectors
@pytest.mark.parametrize(
    ("log", "rows", "memory"),
    [("dstack__ccel.bin", OVMF_2025, 1024), ("trustee__CCEL_data_ovmf", OVMF_2022, 2048)],
)
def test_real_boots_measured_the_same_memory_and_variables(log, rows, memory):
    """All but the configuration volume, whose bytes are not here, and the ACPI tables."""
    events = measured(read_event_log((VECTORS / "tdx" / log).read_bytes()))
    told = [event.digests["sha384"] for event in events if event.register == 1]
    computed = [event.digest for event in configuration_events(sections(rows), memory * MIB, ACPI)]
    same = [index for index, digest in enumerate(computed) if digest == told[index]]
    assert same == [0, *range(2, 8), 11, 12]
    other = configuration_events(sections(rows), 2 * memory * MIB, ACPI)
    assert other[0].digest != told[0]
