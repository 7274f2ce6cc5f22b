"""Signed measurements of a device: SPDM 1.1 (DMTF DSP0274), GET_MEASUREMENTS and its response.

Evidence is the requester's message and the responder's, one after the other, as the device signed
them. Reading says what the bytes are, not whether they are true; what the opaque bytes hold is the
maker's business.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cleanroom.attestation.formats.reader import Layout, Reader, Row
from cleanroom.attestation.rejection import rejected

VERSION_1_1 = 0x11
GET_MEASUREMENTS = 0xE0
MEASUREMENTS = 0x60
SIGNATURE_REQUESTED = 0x01
"""Attributes of the request, bit 0 (table 40)."""
ALL_MEASUREMENTS = 0xFF
"""The request's operation (table 40)."""
NONCE_SIZE = 32
SIGNATURE_SIZE = 96
"""ECDSA P-384: r and s, big-endian, as the devices negotiate it (BaseAsymSel)."""
DIGEST_SIZE = 48
"""SHA-384 (MeasurementHashAlgo)."""
DMTF = 0x01
"""MeasurementSpecification (table 43)."""
KINDS = range(4)
"""Digests of immutable ROM, mutable firmware, hardware or firmware configuration (table 45)."""
MOST_BLOCKS = 128
"""GPUs have 64, switches 31."""
LARGEST_OPAQUE = 1024
"""DSP0274 table 42: OpaqueLength; in bytes."""

REQUEST = Layout(
    "SPDM request (DSP0274 table 39)",
    37,
    "little",
    (
        Row(0, 1, "version", "number"),
        Row(1, 1, "code", "number"),
        Row(2, 1, "attributes", "number"),
        Row(3, 1, "operation", "number"),
        Row(4, NONCE_SIZE, "nonce", "bytes"),
        Row(36, 1, "slot", "zero"),
    ),
)
"""The message that asked; slot 0 holds the maker's own chain."""
RESPONSE_HEAD = Layout(
    "SPDM response (DSP0274 table 42)",
    8,
    "little",
    (
        Row(0, 1, "version", "number"),
        Row(1, 1, "code", "number"),
        Row(2, 2, "parameters", "zero"),
        Row(4, 1, "number of blocks", "number"),
        Row(5, 3, "length of the record", "number"),
    ),
)
"""The fixed part of the answer; both parameters are zero while everything was asked for."""
BLOCK_HEAD = Layout(
    "measurement block (DSP0274 tables 43, 44)",
    7,
    "little",
    (
        Row(0, 1, "index", "number"),
        Row(1, 1, "specification", "number"),
        Row(2, 2, "size", "number"),
        Row(4, 1, "type", "number"),
        Row(5, 2, "value size", "number"),
    ),
)
"""In front of each value."""


@dataclass(frozen=True, slots=True)
class Measurements:
    """A request and its response; nothing is verified yet."""

    nonce: bytes
    """What the requester chose, 32 bytes."""
    blocks: Mapping[int, bytes]
    """Digests of 48 bytes by their index, from 1."""
    opaque: bytes
    """What the device's maker adds."""
    signed: bytes
    """The bytes that the signature covers: both messages up to it."""
    signature: bytes
    """r ‖ s, 96 bytes."""


def read_measurements(raw: bytes) -> Measurements:
    """Read a request and its response, strictly.

    Raises:
        EvidenceRejected: another version, question or algorithm; lengths that contradict each
            other; or bytes after the signature.
    """
    reader = Reader(raw, "SPDM measurements")
    request = REQUEST.read(reader.take(REQUEST.size, "request"))
    expected = (VERSION_1_1, GET_MEASUREMENTS, SIGNATURE_REQUESTED, ALL_MEASUREMENTS)
    if tuple(request.numbers.values()) != expected:
        raise rejected(
            "SPDM request",
            found=raw[:4].hex(),
            expected="11e001ff: all measurements, signed, in version 1.1",
        )
    blocks, opaque = _read_response(reader)
    signed = reader.since(len(raw))
    signature = reader.take(SIGNATURE_SIZE, "signature")
    _require_end(reader)
    return Measurements(
        request.octets["nonce"], MappingProxyType(blocks), opaque, signed, signature
    )


def _read_response(reader: Reader) -> tuple[dict[int, bytes], bytes]:
    head = RESPONSE_HEAD.read(reader.take(RESPONSE_HEAD.size, "response")).numbers
    if (head["version"], head["code"]) != (VERSION_1_1, MEASUREMENTS):
        raise rejected(
            "SPDM response",
            found=f"{head['version']:#04x} {head['code']:#04x}",
            expected="measurements (0x60) in version 1.1",
        )
    record = reader.take(head["length of the record"], "measurement record")
    blocks = _read_blocks(record, head["number of blocks"])
    reader.take(NONCE_SIZE, "responder's nonce")
    length = reader.number(2, "opaque length", "little")
    if length > LARGEST_OPAQUE:
        raise rejected("opaque length", found=str(length), expected=f"at most {LARGEST_OPAQUE}")
    return blocks, reader.take(length, "opaque bytes")


def _read_blocks(record: bytes, count: int) -> dict[int, bytes]:
    if not 1 <= count <= MOST_BLOCKS:
        raise rejected("number of blocks", found=str(count), expected=f"1 to {MOST_BLOCKS}")
    reader = Reader(record, "measurement record")
    blocks: dict[int, bytes] = {}
    for _ in range(count):
        index, value = _read_block(reader)
        if index <= max(blocks, default=0):
            raise rejected("measurement index", found=str(index), expected="each once, in order")
        blocks[index] = value
    reader.end()
    return blocks


def _read_block(reader: Reader) -> tuple[int, bytes]:
    head = BLOCK_HEAD.read(reader.take(BLOCK_HEAD.size, "block")).numbers
    inside = BLOCK_HEAD.size - 4 + DIGEST_SIZE
    shape = (head["specification"], head["size"], head["value size"])
    if shape != (DMTF, inside, DIGEST_SIZE) or head["type"] not in KINDS:
        raise rejected(
            f"measurement {head['index']}",
            found=f"type {head['type']:#04x} of {head['value size']} bytes",
            expected=f"a digest of {DIGEST_SIZE} bytes",
        )
    return head["index"], reader.take(DIGEST_SIZE, "measurement")


def _require_end(reader: Reader) -> None:
    if reader.left:
        raise rejected(
            "SPDM measurements",
            found=f"followed by {reader.left} bytes",
            expected="nothing after the signature",
            cause="some collectors keep the end of a text or of a buffer: cut the report to the "
            "length that the driver states",
        )
