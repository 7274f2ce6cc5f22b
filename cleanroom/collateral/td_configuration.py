"""RTMR0 of a TDX guest on QEMU: what the hypervisor decides, as OVMF measures it, from its files.

Sources: EDK2's OvmfPkg (PeilessStartupLib for hand-off blocks and configuration volume, TdTcg2Dxe
for variables, AcpiPlatformDxe for tables), QEMU's `tdvf-hob.c`, PI 1.8 volume 3 §5 (HOBs). It holds
for OVMF of 2022.11 to 2025.02 whose configuration volume is as built (no keys of secure boot), on
q35. The ACPI tables are not computed here: they come from a guest of the same shape, whose builder
looks at them. Other firmware measures other events: those come from its log.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from cleanroom.collateral.boot_events import (
    GIB4,
    MIB,
    SEPARATOR,
    BootEvent,
    event,
    memory_below_4g,
)
from cleanroom.collateral.image_bytes import unreadable
from cleanroom.collateral.tdvf import CONFIGURATION_VOLUME, HAND_OFF, TEMPORARY_MEMORY, TdvfSection
from cleanroom.errors import Usage

GLOBAL = UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")
SECURITY = UUID("d719b2cb-3d3a-4596-a3bc-dad00e67656f")
SECURE_BOOT = (
    ("SecureBoot", GLOBAL),
    ("PK", GLOBAL),
    ("KEK", GLOBAL),
    ("db", SECURITY),
    ("dbx", SECURITY),
)
"""Variables that are measured before the separator; all empty (UEFI 2.10 §32)."""
FIRMWARE_VOLUME = UUID("7cb8bdc9-f8eb-4f34-aaea-3ee4af6516a1")
SETUP_PROGRAM = UUID("462caa21-7614-4503-836e-8ab6f4662331")
"""Where OVMF's own setup program stands: the only boot option before a direct boot."""
HAND_OFF_SIZE = 56
RESOURCE_SIZE = 48
END_SIZE = 8
"""HOBs, in bytes: hand-off table, resource descriptor, end of the list (not measured)."""
SYSTEM_MEMORY = 0
UNACCEPTED_MEMORY = 7
PRESENT_INITIALISED_TESTED = 7


@dataclass(frozen=True, slots=True)
class AcpiTables:
    """What QEMU hands to firmware; a guest finds it in `/sys/firmware/qemu_fw_cfg/by_name`."""

    tables: bytes
    """`etc/acpi/tables`."""
    rsdp: bytes
    """`etc/acpi/rsdp`."""
    loader: bytes
    """`etc/table-loader`."""


def configuration_events(
    sections: Sequence[TdvfSection], memory: int, acpi: AcpiTables
) -> tuple[BootEvent, ...]:
    """What goes into RTMR0.

    Args:
        sections: of the firmware, from `read_tdvf`.
        memory: of the guest, in bytes.
        acpi: of a guest of the same shape.

    Raises:
        ImageUnreadable: the firmware has no configuration volume or no place for hand-off blocks,
            or several.
        Usage: the guest has too little memory for this firmware.
    """
    volume = _only(sections, CONFIGURATION_VOLUME, "configuration firmware volumes")
    return (
        event("the TD HOB", hand_off_blocks(sections, memory)),
        event("the configuration firmware volume", volume.content),
        *(event(f"variable {name}", _variable(name, vendor)) for name, vendor in SECURE_BOOT),
        SEPARATOR,
        event("the ACPI table loader", acpi.loader),
        event("the ACPI root pointer", acpi.rsdp),
        event("the ACPI tables", acpi.tables),
        event("variable BootOrder", bytes(2)),
        event("variable Boot0000", _setup_option()),
    )


def hand_off_blocks(sections: Sequence[TdvfSection], memory: int) -> bytes:
    """The list that QEMU builds for the firmware, without its end.

    Raises:
        ImageUnreadable: the firmware has no place for it, or several.
        Usage: the guest has too little memory for this firmware.
    """
    place = _only(sections, HAND_OFF, "places of hand-off blocks").address
    resources = b"".join(
        _header(3, RESOURCE_SIZE)
        + bytes(16)
        + _number(SYSTEM_MEMORY if accepted else UNACCEPTED_MEMORY, 4)
        + _number(PRESENT_INITIALISED_TESTED, 4)
        + _number(start, 8)
        + _number(end - start, 8)
        for start, end, accepted in _memory(sections, memory)
    )
    list_end = place + HAND_OFF_SIZE + len(resources) + END_SIZE
    table = _header(1, HAND_OFF_SIZE) + _number(9, 4) + bytes(36) + _number(list_end, 8)
    return table + resources


def _memory(sections: Sequence[TdvfSection], memory: int) -> Iterator[tuple[int, int, bool]]:
    """Start, end and whether it is accepted at launch, of all memory in order."""
    below = memory_below_4g(memory)
    at = 0
    kinds = (HAND_OFF, TEMPORARY_MEMORY)
    for section in sorted(sections, key=lambda one: one.address):
        if section.kind not in kinds:
            continue
        if section.address > at:
            yield at, section.address, False
        at = section.address + section.size
        yield section.address, at, True
    if at > below:
        raise Usage(f"the guest has {memory // MIB} MiB, too few for this firmware")
    if at < below:
        yield at, below, False
    if memory > below:
        yield GIB4, GIB4 + memory - below, False


def _only(sections: Sequence[TdvfSection], kind: int, name: str) -> TdvfSection:
    found = [section for section in sections if section.kind == kind]
    if len(found) != 1:
        raise unreadable("the firmware", found=f"with {len(found)} {name}", expected="one")
    return found[0]


def _variable(name: str, vendor: UUID) -> bytes:
    """An empty variable as it is measured (UEFI_VARIABLE_DATA, TCG PC Client profile §10.2.6)."""
    return vendor.bytes_le + _number(len(name), 8) + bytes(8) + name.encode("utf-16-le")


def _setup_option() -> bytes:
    """The value of Boot0000: EFI_LOAD_OPTION (UEFI 2.10 §3.1.3)."""
    path = b"\x04\x07" + _number(20, 2) + FIRMWARE_VOLUME.bytes_le
    path += b"\x04\x06" + _number(20, 2) + SETUP_PROGRAM.bytes_le
    path += b"\x7f\xff" + _number(4, 2)
    active_hidden_application = 0x109
    name = "UiApp\0".encode("utf-16-le")
    return _number(active_hidden_application, 4) + _number(len(path), 2) + name + path


def _header(kind: int, size: int) -> bytes:
    return _number(kind, 2) + _number(size, 2) + bytes(4)


def _number(value: int, size: int) -> bytes:
    return value.to_bytes(size, "little")
