"""RTMR1 and RTMR2 of a TDX guest whose kernel QEMU hands to OVMF (`-kernel`), from its files.

Sources: UEFI 2.10 §38.4.1 and the TCG PC Client profile for what goes where, OVMF and the EFI stub
of Linux 6.9 and later for which events there are, QEMU's `x86_load_linux` for the setup header. A
boot by a boot loader, a shim or a unified kernel image has other events: those come from its log.
RTMR0 holds what the hypervisor decides (memory, ACPI tables) and RTMR3 what runs later measures.
"""

from dataclasses import dataclass

from cleanroom.collateral.authenticode import authenticode
from cleanroom.collateral.boot_events import MIB, SEPARATOR, BootEvent, event, memory_below_4g
from cleanroom.collateral.image_bytes import unreadable
from cleanroom.errors import Usage

BOOT_PROTOCOL = 0x20C
"""The oldest whose header says where an initial file system may be loaded; Linux 3.8."""
SETUP_END = 0x250
"""All that is read and written of the setup header stands before this; in bytes."""
LOADED_HIGH = 0x01
CAN_USE_HEAP = 0x80
LOADED_ABOVE_4G = 0x02
QEMU = 0xB0
"""Type of loader."""
REAL_MODE = 0x10000
COMMAND_LINE = 0x20000
"""Where QEMU puts the setup code and the command line."""
ACPI_TABLES = 0x28000
"""What QEMU keeps for them below 4 GiB on q35; in bytes."""
SAID_BEFORE = ("Calling EFI Application from Boot Option",)
SAID_AFTER = ("Exit Boot Services Invocation", "Exit Boot Services Returned with Success")
"""What firmware says in RTMR1 before and after the separator."""


@dataclass(frozen=True, slots=True)
class DirectBoot:
    """What is booted."""

    kernel: bytes
    """The file."""
    initrd: bytes
    """The file; empty where there is none."""
    cmdline: str
    """What `-append` says; ASCII."""


def kernel_events(boot: DirectBoot, patched_for: int | None = None) -> tuple[BootEvent, ...]:
    """What goes into RTMR1.

    Args:
        boot: what is booted.
        patched_for: the guest's memory in bytes where QEMU writes into the kernel's setup header
            (before 10.2); None where it hands over the file as it is.

    Raises:
        ImageUnreadable: the kernel has no EFI stub, or no setup header that is known.
        Usage: QEMU would write into it what is not computed here.
    """
    kernel = boot.kernel if patched_for is None else _patched(boot, patched_for)
    return (
        BootEvent("the kernel", authenticode(kernel)),
        *(event(f"'{text}'", text.encode()) for text in SAID_BEFORE),
        SEPARATOR,
        *(event(f"'{text}'", text.encode()) for text in SAID_AFTER),
    )


def cmdline_events(boot: DirectBoot) -> tuple[BootEvent, ...]:
    """What goes into RTMR2.

    Raises:
        Usage: the command line is not ASCII.
    """
    if not boot.cmdline.isascii() or "\0" in boot.cmdline:
        raise Usage("the kernel's command line is not ASCII, expected ASCII as firmware passes it")
    options = boot.cmdline + (" initrd=initrd" if boot.initrd else "")
    cmdline = event("the command line", (options + "\0").encode("utf-16-le"))
    return (cmdline, event("the initial file system", boot.initrd)) if boot.initrd else (cmdline,)


def _patched(boot: DirectBoot, memory: int) -> bytes:
    """The kernel with what QEMU writes into its setup header."""
    kernel = bytearray(boot.kernel)
    if len(kernel) < SETUP_END or kernel[0x202:0x206] != b"HdrS":
        raise unreadable("the kernel", found="without a setup header", expected="a bzImage")
    protocol = int.from_bytes(kernel[0x206:0x208], "little")
    if protocol < BOOT_PROTOCOL or not kernel[0x211] & LOADED_HIGH:
        raise unreadable(
            "the kernel",
            found=f"of boot protocol {protocol:#x}",
            expected=f"{BOOT_PROTOCOL:#x} or newer, loaded high",
        )
    if "vga=" in boot.cmdline:
        raise Usage("the command line has vga=, which QEMU writes into the kernel: leave it out")
    kernel[0x210] = QEMU
    kernel[0x211] |= CAN_USE_HEAP
    kernel[0x224:0x226] = (COMMAND_LINE - REAL_MODE - 0x200).to_bytes(2, "little")
    kernel[0x228:0x22C] = COMMAND_LINE.to_bytes(4, "little")
    if boot.initrd:
        highest = 0xFFFFFFFF
        if not kernel[0x236] & LOADED_ABOVE_4G:
            highest = int.from_bytes(kernel[0x22C:0x230], "little")
        place = _initrd_place(len(boot.initrd), memory, highest)
        kernel[0x218:0x21C] = place.to_bytes(4, "little")
        kernel[0x21C:0x220] = len(boot.initrd).to_bytes(4, "little")
    return bytes(kernel)


def _initrd_place(size: int, memory: int, highest: int) -> int:
    """Where QEMU loads an initial file system: as high as it fits below the ACPI tables."""
    highest = min(highest, memory_below_4g(memory) - ACPI_TABLES - 1)
    if size >= highest:
        raise Usage(
            f"the guest has {memory // MIB} MiB, too few for an initial file system of "
            f"{size // MIB} MiB"
        )
    return (highest - size) & ~0xFFF
