"""Tiny firmware for TDX and tiny programs, laid out by hand: nothing of ours writes or reads them.

What they measure is written out here too, record by record, as the specifications say it.
"""

import hashlib
import struct
from dataclasses import dataclass, replace
from uuid import UUID

TABLE = UUID("96b582de-1fb2-45f7-baea-a366c55a082d").bytes_le
METADATA = UUID("e47a6535-984a-4798-865e-4685a7bf8ec2").bytes_le
OTHER_ENTRY = UUID("00f771de-1a7e-4fcb-890e-68c77e2fb44e").bytes_le + b"\x06\0"
PAGE = 4096
BFV, CFV, HOB, TEMPORARY, PERMANENT = range(5)


@dataclass(frozen=True)
class Row:
    """One section as the metadata have it."""

    kind: int
    address: int
    size: int
    content: bytes = b""
    attributes: int = 0


BOOT = Row(BFV, 0xFFFF0000, 2 * PAGE, b"\xa5" * PAGE + b"\x5a" * PAGE, attributes=1)
CONFIGURATION = Row(CFV, 0xFFFE0000, PAGE, b"\xc3" * PAGE)
HAND_OFF = Row(HOB, 0x809000, PAGE)
SCRATCH = Row(TEMPORARY, 0x80B000, 2 * PAGE)
ROWS = (BOOT, CONFIGURATION, HAND_OFF, SCRATCH)


def metadata(rows, **changed):
    """The descriptor and its sections; contents stand at the start of the file, in order."""
    said = {"signature": b"TDVF", "length": 16 + 32 * len(rows), "version": 1, "count": len(rows)}
    said |= changed
    at = 0
    written = b""
    for row in rows:
        stored = len(row.content)
        written += struct.pack(
            "<IIQQII", at if stored else 0, stored, row.address, row.size, row.kind, row.attributes
        )
        at += stored
    head = said["signature"] + struct.pack("<III", said["length"], said["version"], said["count"])
    return head + written


def entry(content, guid):
    """One entry of the GUIDed table."""
    return content + struct.pack("<H", len(content) + 18) + guid


def firmware(rows=ROWS, *, places=1, before=0, table=TABLE, **changed):
    """A whole file.

    Args:
        rows: its sections.
        places: how many entries say where the metadata are.
        before: how many bytes too far before them the metadata are said to start.
        table: GUID of the last entry.
        changed: fields of the descriptor.
    """
    contents = b"".join(row.content for row in rows)
    described = metadata(rows, **changed)
    # from the metadata to the end: themselves, entries, the table's own entry, the reset vector
    tail = len(described) + 22 * places + 20 + 18 + 32
    entries = entry(b"\0\0", OTHER_ENTRY[:16])
    entries += entry(struct.pack("<I", tail + before), METADATA) * places
    whole = entries + struct.pack("<H", len(entries) + 18) + table
    return contents + described + whole + b"\x90" * 32


def with_row(row, **changed):
    """The rows with one of them changed."""
    return tuple(replace(each, **changed) if each is row else each for each in ROWS)


def added(address):
    """What TDH.MEM.PAGE.ADD hashes: name, zeros to 16, the address, zeros to 128."""
    return b"MEM.PAGE.ADD\0\0\0\0" + struct.pack("<Q", address) + b"\0" * 104


def extended(address, chunk):
    """What TDH.MR.EXTEND hashes: name, zeros to 16, the address, zeros to 128, and 256 bytes."""
    assert len(chunk) == 256
    return b"MR.EXTEND\0\0\0\0\0\0\0" + struct.pack("<Q", address) + b"\0" * 104 + chunk


def page_extended(address, content):
    """A whole page."""
    return b"".join(extended(address + at, content[at : at + 256]) for at in range(0, PAGE, 256))


def program(sections=((b".text", b"\x90" * 512),), *, certificates=b"", trailing=b"", setup=b""):
    """A PE32+ program.

    Args:
        sections: name and contents of each, in the order of the file.
        certificates: what the security directory points to, at the end.
        trailing: what stands between the sections and the certificates.
        setup: bytes of Linux's setup header, from 0x1F1 on.
    """
    header_at, headers_end = 0x280, 0x600
    optional = struct.pack("<H", 0x20B) + bytes(58) + struct.pack("<II", headers_end, 0xC0FFEE)
    optional += bytes(40) + struct.pack("<I", 16)
    ends = headers_end + sum(len(content) for _, content in sections) + len(trailing)
    security = struct.pack("<II", ends, len(certificates)) if certificates else bytes(8)
    optional += bytes(32) + security + bytes(88)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, len(sections), 0, 0, 0, len(optional), 0)
    rows, at = b"", headers_end
    for name, content in sections:
        rows += struct.pack("<8sIIIIIIHHI", name, 0, 0, len(content), at, 0, 0, 0, 0, 0)
        at += len(content)
    start = bytearray(b"MZ".ljust(header_at, b"\0"))
    start[0x3C:0x40] = struct.pack("<I", header_at)
    start[0x1F1 : 0x1F1 + len(setup)] = setup
    headers = (bytes(start) + coff + optional + rows).ljust(headers_end, b"\0")
    return headers + b"".join(content for _, content in sections) + trailing + certificates


CHECKSUM = slice(0x280 + 24 + 64, 0x280 + 24 + 68)
SECURITY = slice(0x280 + 24 + 112 + 32, 0x280 + 24 + 112 + 40)


def program_digest(raw, left_out=0, algorithm="sha384"):
    """What remains of a program whose sections stand in order: all but three places."""
    body = raw[: CHECKSUM.start] + raw[CHECKSUM.stop : SECURITY.start] + raw[SECURITY.stop :]
    return hashlib.new(algorithm, body[: len(body) - left_out]).digest()


def kernel(protocol=0x20F, xloadflags=0x2, highest=0x7FFFFFFF, loadflags=1):
    """A program with a setup header, as Linux's EFI stub is one."""
    setup = bytearray(0x260 - 0x1F1)

    def put(at, raw):
        setup[at - 0x1F1 : at - 0x1F1 + len(raw)] = raw

    put(0x202, b"HdrS" + struct.pack("<H", protocol))
    put(0x211, bytes([loadflags]))
    put(0x22C, struct.pack("<I", highest))
    put(0x236, struct.pack("<H", xloadflags))
    return program(setup=bytes(setup))
