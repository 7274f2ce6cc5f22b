"""What a firmware for TDX asks the hypervisor to prepare: the sections of its TDX metadata.

Source: Intel, "TDX Virtual Firmware Design Guide" (344991) §11, and OVMF's GUIDed table, which says
where the metadata stands. Reading says what the file holds; what that measures is `td_launch`'s.
A section that a hypervisor could read in two ways is refused: pages that are added twice, contents
that the file does not hold, a boot volume that is not measured.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID

from cleanroom.collateral.image_bytes import ImageBytes, unreadable

LARGEST_FIRMWARE = 64 * 1024 * 1024
"""Of today 2 to 16 MiB; in bytes."""
RESET_VECTOR = 32
"""What follows the GUIDed table at the end of the file, in bytes."""
ENTRY_END = 18
"""What ends an entry of the table: its length (2 bytes) and its GUID (16)."""
TABLE = UUID("96b582de-1fb2-45f7-baea-a366c55a082d").bytes_le
"""The last entry: its length is the whole table's."""
METADATA = UUID("e47a6535-984a-4798-865e-4685a7bf8ec2").bytes_le
"""The entry that holds how far before the file's end the metadata starts; 4 bytes."""
SIGNATURE = b"TDVF"
VERSION = 1
DESCRIPTOR_SIZE = 16
SECTION_SIZE = 32
MOST_SECTIONS = 64
"""Firmware of today has 6 to 12."""
PAGE = 4096
LARGEST_MEMORY = 64 * 1024 * 1024
"""Of all sections whose pages are added at launch, together; in bytes."""
GUEST_MEMORY_END = 1 << 52
"""Guest-physical addresses are shorter than this."""
MR_EXTEND = 1
PAGE_AUG = 2
BOOT_VOLUME, CONFIGURATION_VOLUME, HAND_OFF, TEMPORARY_MEMORY = range(4)
KINDS = MappingProxyType(
    {
        BOOT_VOLUME: "boot firmware volume",
        CONFIGURATION_VOLUME: "configuration firmware volume",
        HAND_OFF: "TD HOB",
        TEMPORARY_MEMORY: "temporary memory",
        4: "permanent memory",
        5: "payload",
        6: "payload parameter",
        7: "TD information",
    }
)
"""Types of sections (design guide, table 11-4; 7 is td-shim's)."""


@dataclass(frozen=True, slots=True)
class TdvfSection:
    """Memory that exists when the guest starts."""

    kind: int
    """Its type, of `KINDS`."""
    address: int
    """Guest-physical, of its first page."""
    size: int
    """Whole pages; in bytes."""
    content: bytes
    """What the file holds of it, from its start; zeros follow."""
    extended: bool
    """MR.EXTEND: its contents are measured, not only where its pages are."""
    added_later: bool
    """PAGE.AUG: the running guest accepts its pages, so that they are not measured at all."""


def read_tdvf(raw: bytes) -> tuple[TdvfSection, ...]:
    """The sections of a firmware, in the order of its metadata, which is the order of launching.

    Raises:
        ImageUnreadable: the file has no TDX metadata, or they are cut, contradict themselves, or
            leave the boot firmware volume unmeasured.
    """
    firmware = ImageBytes(raw, "firmware", LARGEST_FIRMWARE)
    at = _metadata(firmware)
    if firmware.part(at, 4, "TDX metadata") != SIGNATURE:
        raise unreadable("the TDX metadata", found="without its signature", expected="TDVF")
    length, version, count = (
        firmware.number(at + offset, 4, "TDX metadata") for offset in (4, 8, 12)
    )
    if version != VERSION or not 0 < count <= MOST_SECTIONS:
        raise unreadable(
            "the TDX metadata",
            found=f"version {version} with {count} sections",
            expected=f"version {VERSION} with 1 to {MOST_SECTIONS} sections",
        )
    if length != DESCRIPTOR_SIZE + count * SECTION_SIZE:
        raise unreadable(
            "the TDX metadata", found=f"{length} bytes long", expected=f"{count} whole sections"
        )
    starts = range(at + DESCRIPTOR_SIZE, at + length, SECTION_SIZE)
    sections = tuple(_section(firmware, start) for start in starts)
    _require_apart(sections)
    _require_boot_measured(sections)
    return sections


def _metadata(firmware: ImageBytes) -> int:
    """Where the metadata start, from the start of the file."""
    found = [entry for guid, entry in _entries(firmware) if guid == METADATA]
    if len(found) != 1 or len(found[0]) != 4:
        raise unreadable(
            "the firmware",
            found=f"with {len(found)} places of TDX metadata",
            expected="one, of 4 bytes: a firmware for TDX",
        )
    return firmware.size - int.from_bytes(found[0], "little")


def _entries(firmware: ImageBytes) -> Iterator[tuple[bytes, bytes]]:
    """GUID and contents of each entry of the table, from the last one to the first."""
    end = firmware.size - RESET_VECTOR - ENTRY_END
    if firmware.part(end + 2, 16, "GUIDed table") != TABLE:
        raise unreadable("the firmware", found="without a GUIDed table", expected="OVMF's")
    start = end + ENTRY_END - firmware.number(end, 2, "table's length")
    while end > start:
        size = firmware.number(end - ENTRY_END, 2, "entry's length")
        if size < ENTRY_END or end - size < start:
            raise unreadable("an entry of the table", found=f"{size} bytes", expected="inside it")
        guid = firmware.part(end - 16, 16, "entry's GUID")
        yield guid, firmware.part(end - size, size - ENTRY_END, "entry")
        end -= size


def _section(firmware: ImageBytes, at: int) -> TdvfSection:
    offset, stored = (firmware.number(at + place, 4, "section") for place in (0, 4))
    address, size = (firmware.number(at + place, 8, "section") for place in (8, 16))
    kind, attributes = (firmware.number(at + place, 4, "section") for place in (24, 28))
    if kind not in KINDS or attributes & ~(MR_EXTEND | PAGE_AUG):
        raise unreadable(
            "a section",
            found=f"of type {kind} with attributes {attributes:#x}",
            expected=f"type 0 to {len(KINDS) - 1}, and MR.EXTEND or PAGE.AUG",
        )
    name = f"the {KINDS[kind]}"
    if address % PAGE or size % PAGE or not size or address + size > GUEST_MEMORY_END:
        raise unreadable(
            name, found=f"{size:#x} bytes at {address:#x}", expected="whole pages of guest memory"
        )
    extended, added_later = bool(attributes & MR_EXTEND), bool(attributes & PAGE_AUG)
    if stored > size or (added_later and (extended or stored)):
        raise unreadable(
            name,
            found=f"{stored:#x} bytes for {size:#x}, attributes {attributes:#x}",
            expected="at most as many, and none where its pages are added later",
        )
    if extended and not stored and kind != TEMPORARY_MEMORY:
        raise unreadable(
            name, found="measured without being in the file", expected="its contents in the file"
        )
    content = firmware.part(offset, stored, KINDS[kind]) if stored else b""
    return TdvfSection(kind, address, size, content, extended, added_later)


def _require_apart(sections: Sequence[TdvfSection]) -> None:
    added = sum(section.size for section in sections if not section.added_later)
    if added > LARGEST_MEMORY:
        raise unreadable(
            "the sections' memory", found=f"{added} bytes", expected=f"at most {LARGEST_MEMORY}"
        )
    end = 0
    for section in sorted(sections, key=lambda one: one.address):
        if section.address < end:
            raise unreadable(
                f"the {KINDS[section.kind]}",
                found=f"at {section.address:#x}, inside another section",
                expected="memory of its own",
            )
        end = section.address + section.size


def _require_boot_measured(sections: Sequence[TdvfSection]) -> None:
    volumes = [section for section in sections if section.kind == BOOT_VOLUME]
    if not volumes or not all(section.extended for section in volumes):
        raise unreadable(
            "the boot firmware volume",
            found="not measured" if volumes else "missing",
            expected="MR.EXTEND: MRTD would not say which firmware runs",
        )
