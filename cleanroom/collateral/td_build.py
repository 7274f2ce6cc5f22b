"""MRTD: what the TDX module measures while a hypervisor builds a guest from its firmware.

Source: Intel, "TDX Module Base Architecture Specification" (348549), "MRTD", and the ABI's leaf
functions TDH.MEM.PAGE.ADD and TDH.MR.EXTEND. One SHA-384 runs over a record for each page that is
added and, where the firmware asks for it, over the page's contents in chunks. Neither memory size
nor the number of processors is in it. Which of the two comes first is the hypervisor's choice, so
it is an argument.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Literal

from cleanroom.collateral.tdvf import PAGE, TdvfSection

PageOrder = Literal["page", "section"]
"""`page`: each page is added, then measured, then the next one (Linux's KVM_TDX_INIT_MEM_REGION, so
QEMU on a stock kernel; Google). `section`: all pages of a section are added, then all are measured
(Intel's kernels before TDX was in Linux, with QEMU 8; dstack)."""
RECORD = 128
"""Of each function, in bytes: its name, at 16 the address, else zeros."""
CHUNK = 256
"""What one TDH.MR.EXTEND measures, in bytes."""


def measure_build(sections: Sequence[TdvfSection], order: PageOrder) -> bytes:
    """MRTD, 48 bytes.

    Args:
        sections: from `read_tdvf`.
        order: how the hypervisor adds and measures pages.
    """
    digest = hashlib.sha384()
    for section in sections:
        if section.added_later:
            continue
        pages = range(0, section.size, PAGE)
        groups = [pages] if order == "section" else [[page] for page in pages]
        for group in groups:
            for page in group:
                digest.update(_record(b"MEM.PAGE.ADD", section.address + page))
            for page in group if section.extended else ():
                for part in _extended(section, page):
                    digest.update(part)
    return digest.digest()


def _extended(section: TdvfSection, page: int) -> Iterator[bytes]:
    content = section.content[page : page + PAGE].ljust(PAGE, b"\0")
    for at in range(0, PAGE, CHUNK):
        yield _record(b"MR.EXTEND", section.address + page + at)
        yield content[at : at + CHUNK]


def _record(function: bytes, address: int) -> bytes:
    return (function.ljust(16, b"\0") + address.to_bytes(8, "little")).ljust(RECORD, b"\0")
