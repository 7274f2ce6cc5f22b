"""Writes what an NVIDIA device would sign: an SPDM request, its response and the opaque fields."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384

from cleanroom.attestation.formats import nvidia
from cleanroom.attestation.formats.spdm import DIGEST_SIZE, SIGNATURE_SIZE

GPU_BLOCKS, SWITCH_BLOCKS = 64, 31
MEASURED = (*range(2, 9), 10, 12, 22, 23, *range(26, 29), *range(30, 43))
"""Indexes that are not zero on a good GPU of today; on a simulated switch as far as it goes."""
DEBUG_BLOCKS = (9, 11)
"""Indexes that are not zero any more with developer tools on, in this simulation."""
LINKS = 18
"""A Hopper GPU has as many links, and names the switch behind each."""


@dataclass(frozen=True, slots=True)
class Linked:
    """Who is at the other end of a device's links."""

    own: bytes
    """The device's own identifier, 8 bytes."""
    others: tuple[bytes, ...]
    """Those of the others; empty without any."""


def good_blocks(kind: str, count: int) -> dict[int, bytes]:
    """What a good device measures: digests that name their index, zeros elsewhere."""
    return {
        index: hashlib.sha384(f"simulated {kind} measurement {index}".encode()).digest()
        if index in MEASURED
        else bytes(DIGEST_SIZE)
        for index in range(1, count + 1)
    }


def gpu_fields(fwid: bytes, mode: int | None, linked: Linked, *, decoder: bool) -> dict[int, bytes]:
    """A GPU's opaque fields; mode 2 is protected PCIe, none is what older firmware says."""
    fields = {
        nvidia.VBIOS: bytes.fromhex("00a5009601000000"),
        nvidia.BOARD: bytes.fromhex("37040000"),
        nvidia.CHIP_SKU: b"885".ljust(9, b"\0"),
        nvidia.PROJECT: b"G520\0",
        nvidia.PROJECT_SKU: b"0200\0",
        nvidia.DRIVER: b"590.12\0",
        nvidia.NVDEC0: b"\xaa" if decoder else b"\x55",
        nvidia.FWID: fwid,
        nvidia.PROTECTED_PCIE: b"\xaa" if mode == 2 else b"\x55",
    }
    if linked.others:
        named = [linked.others[at % len(linked.others)][::-1] for at in range(LINKS)]
        fields[nvidia.PDIS] = b"".join(named)
    if mode is not None:
        fields[nvidia.FORMAT_VERSION] = b"\x01\0"
        fields[nvidia.FEATURE] = mode.to_bytes(2, "little")
    return fields


def switch_fields(linked: Linked, position: int, *, locked: bool) -> dict[int, bytes]:
    """A switch's opaque fields."""
    count = nvidia.MOST_CONNECTED
    named = [linked.others[at % len(linked.others)] for at in range(count)]
    return {
        nvidia.VBIOS: b"96.10.73.00.01",
        nvidia.PDIS: linked.own,
        nvidia.CONNECTED: b"".join(named) + b"\xff" * 64,
        nvidia.DISABLED_PORTS: b"\xec\0",
        nvidia.POSITION: position.to_bytes(2, "little"),
        nvidia.LOCK: b"\x01\0" if locked else b"\0\0",
    }


def message(nonce: bytes, blocks: Mapping[int, bytes], fields: Mapping[int, bytes]) -> bytes:
    """Both messages up to the signature (DSP0274 tables 39 and 42).

    Args:
        nonce: the requester's, 32 bytes.
        blocks: digests of 48 bytes by index.
        fields: opaque values by type.
    """
    record = b"".join(_block(index, value) for index, value in blocks.items())
    opaque = b"".join(_field(kind, value) for kind, value in fields.items())
    request = bytes.fromhex("11e001ff") + nonce + b"\0"
    head = bytes.fromhex("11600000") + bytes([len(blocks)]) + len(record).to_bytes(3, "little")
    own_nonce = hashlib.sha256(nonce).digest()
    return request + head + record + own_nonce + len(opaque).to_bytes(2, "little") + opaque


def signature(content: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """The two halves, r ‖ s, 96 bytes."""
    half = SIGNATURE_SIZE // 2
    r, s = decode_dss_signature(key.sign(content, ec.ECDSA(SHA384())))
    return r.to_bytes(half, "big") + s.to_bytes(half, "big")


def _block(index: int, value: bytes) -> bytes:
    sizes = (len(value) + 3).to_bytes(2, "little"), len(value).to_bytes(2, "little")
    return bytes([index, 1]) + sizes[0] + b"\x01" + sizes[1] + value


def _field(kind: int, value: bytes) -> bytes:
    return kind.to_bytes(2, "little") + len(value).to_bytes(2, "little") + value
