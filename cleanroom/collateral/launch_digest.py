"""What launching an image on SEV-SNP will measure, computed from its files before it ever runs.

The arithmetic (pages, kernel hashes, VMSA) is `sev-snp-measure`'s, which the extra `[measure]`
installs; its result is compared with real hardware in the tests. TDX is `td_launch`'s.
"""

import importlib
import os
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Literal

from cleanroom.errors import FileMissing, ImageUnreadable, MachineUnfit, Usage

Hypervisor = Literal["qemu", "ec2", "gce"]
VMM_TYPES = MappingProxyType({"qemu": "QEMU", "ec2": "ec2", "gce": "gce"})
"""The library's names of hypervisors."""


@dataclass(frozen=True, slots=True)
class KernelHashes:
    """What QEMU's `kernel-hashes=on` puts into the measured table; SHA-256, 32 bytes each."""

    kernel: bytes
    initrd: bytes
    """Of nothing where there is none."""
    cmdline: bytes
    """Of the text and a zero byte."""


@dataclass(frozen=True, slots=True)
class Section:
    """Memory that firmware asks the hypervisor to prepare (OVMF's SEV metadata)."""

    gpa: int
    """Guest-physical address."""
    size: int
    """In bytes."""
    kind: int
    """OVMF's number of the type."""


@dataclass(frozen=True, slots=True)
class Firmware:
    """What of a firmware is measured."""

    digest: bytes
    """The launch digest after the firmware's own pages, 48 bytes."""
    sections: tuple[Section, ...]
    reset_eip: int
    """Where processors beside the first one start."""
    hashes_gpa: int
    """Where the table of kernel hashes stands; 0 where the firmware has none."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What the hypervisor decides, and the digest therefore holds."""

    vcpus: int
    vcpu_type: str
    """QEMU's name, such as `EPYC-v4`."""
    guest_features: int
    """SEV_FEATURES."""
    hypervisor: Hypervisor = "qemu"


def read_firmware(path: Path, digest: bytes | None = None) -> Firmware:
    """The measured parts of an OVMF image.

    Args:
        path: the image, or the end of it that holds its tables, if `digest` is given.
        digest: the launch digest after its pages, 48 bytes, where somebody published it.

    Raises:
        MachineUnfit: the extra `[measure]` is not installed.
        FileMissing: there is no such file.
        ImageUnreadable: it is no OVMF image that SEV-SNP can start.
    """
    ovmf, guest = _library("ovmf"), _library("guest")
    if not path.is_file():
        raise FileMissing(f"there is no firmware {path.name!r} at that path")
    try:
        image = ovmf.OVMF(str(path))
        sections = tuple(
            Section(one.gpa, one.size, one.section_type().value) for one in image.metadata_items()
        )
        table = image.sev_hashes_table_gpa() if image.is_sev_hashes_table_supported() else 0
        reset = image.sev_es_reset_eip()
        found = digest if digest is not None else guest.calc_snp_ovmf_hash(str(path))
    except (RuntimeError, ValueError, AssertionError):
        raise ImageUnreadable(f"{path.name} is no OVMF image that SEV-SNP can start") from None
    if not sections:
        raise ImageUnreadable(
            f"{path.name} has no SEV metadata, expected an OVMF image for SEV-SNP"
        )
    return Firmware(found, sections, reset, table)


def hash_boot(kernel: Path, initrd: Path | None, cmdline: str) -> KernelHashes:
    """The hashes of what is booted directly.

    Raises:
        FileMissing: a file is not there.
    """
    try:
        hashes = _library("sev_hashes").SevHashes(
            str(kernel), str(initrd) if initrd is not None else "", cmdline
        )
    except OSError:
        raise FileMissing("the kernel or the initrd cannot be read") from None
    return KernelHashes(hashes.kernel_hash, hashes.initrd_hash, hashes.cmdline_hash)


def launch_digest(firmware: Firmware, boot: KernelHashes | None, machine: Machine) -> bytes:
    """The launch digest, 48 bytes (AMD 56860, SNP_LAUNCH_UPDATE).

    Args:
        firmware: from `read_firmware`.
        boot: what is booted directly; None measures the firmware only, so that the host chooses
            what boots.
        machine: what the hypervisor decides.

    Raises:
        Usage: the processor is not known, or this firmware does not measure what it boots.
        MachineUnfit: the extra `[measure]` is not installed.
    """
    known: dict[str, int] = _library("vcpu_types").CPU_SIGS
    if machine.vcpu_type not in known:
        raise Usage(f"the processor {machine.vcpu_type!r} is not known, expected one of QEMU's")
    measured = {section.kind for section in firmware.sections}
    kinds = _library("ovmf").SectionType
    if boot is not None and kinds.SNP_KERNEL_HASHES.value not in measured:
        raise Usage("this firmware does not measure what it boots, expected one with kernel hashes")
    context = _library("gctx").GCTX(seed=firmware.digest)
    guest, table = _library("guest"), _table(boot)
    vmm = getattr(_library("vmm_types").VMMType, VMM_TYPES[machine.hypervisor])
    guest.snp_update_metadata_pages(context, _Sections(firmware), table, vmm)
    vmsa = _library("vmsa").VMSA(
        _library("sev_mode").SevMode.SEV_SNP,
        firmware.reset_eip,
        known[machine.vcpu_type],
        machine.guest_features,
        vmm,
    )
    for page in vmsa.pages(machine.vcpus):
        context.update_vmsa_page(page)
    digest: bytes = context.ld()
    return digest


class _Sections:
    """A firmware as the library looks at one."""

    def __init__(self, firmware: Firmware) -> None:
        describe = _library("ovmf").OvmfSevMetadataSectionDesc
        self._items = [describe(one.gpa, one.size, one.kind) for one in firmware.sections]
        self._table = firmware.hashes_gpa

    def metadata_items(self) -> list[object]:
        """What memory is prepared, in order."""
        return self._items

    def has_metadata_section(self, kind: object) -> bool:
        """Whether there is memory of this type."""
        return any(one.section_type() == kind for one in self._items)

    def sev_hashes_table_gpa(self) -> int:
        """Where the table of kernel hashes stands."""
        return self._table


def _table(boot: KernelHashes | None) -> object:
    if boot is None:
        return None
    table = _library("sev_hashes").SevHashes(os.devnull, "", "")
    table.kernel_hash, table.initrd_hash = boot.kernel, boot.initrd
    table.cmdline_hash = boot.cmdline
    return table


def _library(part: str) -> ModuleType:
    try:
        return importlib.import_module(f"sevsnpmeasure.{part}")
    except ImportError:
        raise MachineUnfit(
            "sev-snp-measure is not installed, expected the extra [measure]",
            hint="pip install 'attested-cleanroom[measure]'",
        ) from None
