"""`cleanroom measure tdx`: what a guest of this firmware, kernel and shape will measure on TDX.

Files in, registers out: who vouches for them is `measure sign`'s.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

import click

from cleanroom.cli import console
from cleanroom.cli.attestation_files import FILE, read_file
from cleanroom.cli.context import json_option
from cleanroom.cli.measurement_files import tell_launches
from cleanroom.collateral.boot_events import MIB, BootEvent
from cleanroom.collateral.direct_boot import DirectBoot, cmdline_events, kernel_events
from cleanroom.collateral.td_build import PageOrder, measure_build
from cleanroom.collateral.td_configuration import AcpiTables, configuration_events
from cleanroom.collateral.td_launch import compose_image
from cleanroom.collateral.tdvf import TdvfSection, read_tdvf
from cleanroom.errors import Usage

ACPI_FILES = ("acpi-tables", "acpi-rsdp", "acpi-loader")
"""What the inputs of `--acpi` are called, in its order."""


@click.command()
@click.option("--firmware", type=FILE, help="OVMF for TDX: MRTD is computed from it.")
@click.option(
    "--page-order",
    type=click.Choice(get_args(PageOrder)),
    help="How the hypervisor measures: each page once it is added (Linux's own TDX; the default), "
    "or each section once all its pages are (Intel's kernels before, QEMU 8).",
)
@click.option("--mrtd", metavar="HEX", help="Published for a firmware that is not at hand.")
@click.option("--kernel", type=FILE, help="Booted directly: RTMR1 and RTMR2 are computed.")
@click.option("--initrd", type=FILE)
@click.option("--cmdline", default="", help="The kernel's, without initrd=.")
@click.option(
    "--patched-kernel",
    is_flag=True,
    help="QEMU writes into the kernel's header (before 10.2) and the firmware measures that "
    "(before 2025.05).",
)
@click.option(
    "--acpi",
    type=FILE,
    nargs=3,
    metavar="TABLES RSDP LOADER",
    help="etc/acpi/tables, etc/acpi/rsdp and etc/table-loader of a guest of this shape: RTMR0 is "
    "computed.",
)
@click.option("--memory", metavar="MIB", type=click.IntRange(min=1), help="The guest's.")
@click.option("--event-log", type=FILE, help="CCEL of a boot that you trust: RTMR0 to RTMR3.")
@json_option
def tdx(  # noqa: PLR0913 - one parameter for each option
    firmware: Path | None,
    page_order: PageOrder | None,
    mrtd: str | None,
    kernel: Path | None,
    *,
    initrd: Path | None,
    cmdline: str,
    patched_kernel: bool,
    acpi: tuple[Path, Path, Path] | None,
    memory: int | None,
    event_log: Path | None,
    as_json: bool,
) -> None:
    """Compute MRTD from a firmware, and RTMR0 to RTMR3 from what boots or from a boot's log.

    What is computed and also in the event log must be the same, event by event.
    """
    if (mrtd is None) == (firmware is None) or ((page_order or acpi) and firmware is None):
        raise Usage("expected either --firmware, perhaps with --page-order and --acpi, or --mrtd")
    if kernel is None and (initrd or cmdline or patched_kernel):
        raise Usage("expected --kernel with --initrd, --cmdline or --patched-kernel")
    if (memory is None) == bool(acpi or patched_kernel):
        raise Usage("expected --memory with --acpi or --patched-kernel, and only with them")
    named = {"firmware": firmware, "kernel": kernel, "initrd": initrd, "event-log": event_log}
    named |= dict(zip(ACPI_FILES, acpi or (), strict=False))
    files = {name: read_file(path) for name, path in named.items() if path}
    sections: tuple[TdvfSection, ...] = ()
    if firmware:
        sections = read_tdvf(files["firmware"])
        mrtd = measure_build(sections, page_order or "page").hex()
    booted = _computed(files, sections, cmdline, (memory or 0) * MIB, patched=patched_kernel)
    image = compose_image(mrtd or "", booted, files.get("event-log"))
    _say_what_is_open(image.rtmr0, image.rtmr2)
    inputs = {name: hashlib.sha256(raw).hexdigest() for name, raw in files.items()}
    if kernel:
        inputs["cmdline"] = hashlib.sha256(cmdline.encode()).hexdigest()
    tell_launches([{"platform": "tdx", "image": image.to_plain()}], inputs, as_json=as_json)


def _computed(
    files: Mapping[str, bytes],
    sections: Sequence[TdvfSection],
    cmdline: str,
    memory: int,
    *,
    patched: bool,
) -> dict[str, Sequence[BootEvent]]:
    """Events by register, as far as the files say."""
    computed: dict[str, Sequence[BootEvent]] = {}
    if ACPI_FILES[0] in files:
        acpi = AcpiTables(*(files[name] for name in ACPI_FILES))
        computed["rtmr0"] = configuration_events(sections, memory, acpi)
    if "kernel" in files:
        boot = DirectBoot(files["kernel"], files.get("initrd", b""), cmdline)
        computed["rtmr1"] = kernel_events(boot, memory if patched else None)
        computed["rtmr2"] = cmdline_events(boot)
    return computed


def _say_what_is_open(rtmr0: str, rtmr2: str) -> None:
    if rtmr0 == "any":
        console.say("RTMR0 is left open: the host's memory layout and ACPI tables are in it")
    if not rtmr2.strip("0"):
        console.say(
            "RTMR2 is zero: this kernel measures neither its command line nor its initial file "
            "system, so that the host chooses them"
        )
