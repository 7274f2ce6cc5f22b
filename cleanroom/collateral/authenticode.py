"""The digest by which UEFI firmware measures a program before it runs it: Authenticode over PE.

Source: Microsoft, "Windows Authenticode Portable Executable Signature Format" (2008), "Calculating
the PE Image Hash", as EDK2 does it when it measures (TdTcg2Dxe, MeasurePeImageAndExtend): nothing
is padded. Left out are the checksum, the entry that points to signatures, and the signatures: so a
kernel measures the same before and after it is signed.
"""

import hashlib
from typing import Literal

from cleanroom.collateral.image_bytes import ImageBytes, unreadable

LARGEST_PROGRAM = 1024 * 1024 * 1024
"""A unified kernel image with its initial file system; in bytes."""
DOS_MAGIC = b"MZ"
HEADER_AT = 0x3C
"""Where the DOS header says where the PE header starts."""
PE_MAGIC = b"PE\0\0"
COFF_SIZE = 24
"""Of the PE magic and the COFF header, in bytes; the optional header follows."""
DIRECTORIES = {0x10B: 96, 0x20B: 112}
"""Where the data directories start in an optional header, by its magic: PE32 and PE32+."""
CHECKSUM = 64
"""Where 4 bytes of checksum stand in an optional header."""
SIGNATURES = 4
"""Which data directory points to the signatures; 8 bytes each."""
SECTION_HEADER = 40
MOST_SECTIONS = 96
"""The limit of Windows' loader."""


def authenticode(raw: bytes, algorithm: Literal["sha256", "sha384"] = "sha384") -> bytes:
    """The digest of a program.

    Args:
        raw: the file, such as a Linux kernel with its EFI stub.
        algorithm: TDX measures with SHA-384.

    Raises:
        ImageUnreadable: it is no PE image, or parts of it lie beyond its end.
    """
    image = ImageBytes(raw, "program", LARGEST_PROGRAM)
    header = _header(image)
    optional = header + COFF_SIZE
    magic = image.number(optional, 2, "optional header")
    if magic not in DIRECTORIES:
        raise unreadable("the program", found=f"of kind {magic:#x}", expected="PE32 or PE32+")
    digest = hashlib.new(algorithm)
    # 1-3: from the start to the checksum, and on
    digest.update(image.part(0, optional + CHECKSUM, "header"))
    at, left_out = optional + CHECKSUM + 4, 0
    # 4-6: without the entry that points to the signatures, to the end of the headers
    signatures = optional + DIRECTORIES[magic] + 8 * SIGNATURES
    if image.number(optional + DIRECTORIES[magic] - 4, 4, "number of directories") > SIGNATURES:
        digest.update(image.part(at, signatures - at, "optional header"))
        at, left_out = signatures + 8, image.number(signatures + 4, 4, "signatures' size")
    headers_end = image.number(optional + 60, 4, "size of headers")
    digest.update(image.part(at, headers_end - at, "headers"))
    # 7-13: sections in the order of the file
    hashed = headers_end
    for start, size in sorted(_sections(image, header)):
        digest.update(image.part(start, size, "section"))
        hashed += size
    # 14: what follows them, without the signatures
    digest.update(image.part(hashed, image.size - left_out - hashed, "end"))
    return digest.digest()


def _header(image: ImageBytes) -> int:
    """Where the PE header starts."""
    if image.part(0, 2, "start") != DOS_MAGIC:
        raise unreadable("the program", found="without MZ", expected="a PE image (EFI stub)")
    header = image.number(HEADER_AT, 4, "place of the PE header")
    if image.part(header, 4, "PE header") != PE_MAGIC:
        raise unreadable("the program", found="without a PE header", expected="a PE image")
    return header


def _sections(image: ImageBytes, header: int) -> list[tuple[int, int]]:
    """Start and size of each section that the file holds something of."""
    count = image.number(header + 6, 2, "number of sections")
    if count > MOST_SECTIONS:
        raise unreadable(
            "the program", found=f"with {count} sections", expected=f"at most {MOST_SECTIONS}"
        )
    first = header + COFF_SIZE + image.number(header + 20, 2, "size of the optional header")
    rows = (first + SECTION_HEADER * index for index in range(count))
    places = [
        (image.number(row + 20, 4, "section"), image.number(row + 16, 4, "section")) for row in rows
    ]
    return [(start, size) for start, size in places if size]
