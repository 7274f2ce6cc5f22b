"""What NVIDIA adds to measurements of a device, and what its certificates say about the device.

The opaque bytes are a list of {type, length, value}, little-endian. Types, sizes and meanings are
those of NVIDIA's open verifiers (nvtrust `spdm_msrt_resp_msg.py`, attestation-sdk
`gpu_opaque_data_parser.hpp`), compared with real devices; NVIDIA publishes no specification. The
identities of firmware are told by TCG's DICE extensions (DICE Attestation Architecture, §6.1).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from cleanroom.attestation.formats import der
from cleanroom.attestation.formats.der import Der
from cleanroom.attestation.formats.reader import Reader, require_zero
from cleanroom.attestation.formats.x509 import Certificate
from cleanroom.attestation.rejection import rejected

Architecture = Literal["hopper", "blackwell", "ls10"]
"""A generation of devices; `ls10` is the NVSwitch beside Hopper."""
DRIVER, VBIOS, NVDEC0, BOARD, CHIP_SKU = 3, 6, 11, 14, 15
PROJECT, PROJECT_SKU, FWID, PROTECTED_PCIE, PDIS = 17, 18, 20, 21, 22
DISABLED_PORTS, POSITION, LOCK, CONNECTED, FEATURE = 23, 24, 25, 26, 36
FORMAT_VERSION = 34
NAMED = frozenset(range(1, 27)) | {32, 33, FORMAT_VERSION, 35, FEATURE}
"""Types that NVIDIA's verifiers name."""
NEWEST_FORMAT = 1
"""The highest value of type 34 that NVIDIA's verifier reads; a newer one may mean other things."""
PDI_SIZE = 8
"""A device's public identifier (PDI); in bytes."""
MOST_CONNECTED = 8
"""A switch names as many GPUs, then the GPU behind each of its ports."""
SHA384 = "2.16.840.1.101.3.4.2.2"
COMPOSITE_DEVICE_ID = "2.23.133.5.4.1"
"""Hopper and its switches: the device's key and the digest of its first firmware."""
TCB_INFO = "2.23.133.5.4.1.1"
"""Blackwell: DiceTcbInfo."""
CHIPS: tuple[tuple[str, Architecture], ...] = (
    (r"GH100", "hopper"),
    (r"GB[12][0-9]{2}", "blackwell"),
    (r"LS_10", "ls10"),
)
"""Chips as the certificates of boot ROMs name them."""


@dataclass(frozen=True, slots=True)
class Opaque:
    """The fields by type; nothing is verified yet."""

    fields: Mapping[int, bytes]

    @property
    def unnamed(self) -> list[int]:
        """Types that have no name here."""
        return sorted(self.fields.keys() - NAMED)

    def octets(self, kind: int, size: int) -> bytes:
        """A field of a fixed size.

        Raises:
            EvidenceRejected: it is missing, or of another size.
        """
        found = self.fields.get(kind, b"")
        if len(found) != size:
            raise rejected(
                f"opaque field {kind}", found=f"{len(found)} bytes", expected=f"{size} bytes"
            )
        return found

    def text(self, kind: int) -> str:
        """A text, padded with zeros; empty where there is none.

        Raises:
            EvidenceRejected: it is not printable ASCII, or something follows its end.
        """
        found, _, padding = self.fields.get(kind, b"").partition(b"\0")
        require_zero(padding, f"opaque field {kind} padding")
        if not found.isascii() or not found.decode("ascii").isprintable():
            raise rejected(f"opaque field {kind}", found="not printable", expected="ASCII text")
        return found.decode("ascii")

    def choice(self, kind: int, size: int, named: Mapping[int, str]) -> str:
        """A number that stands for a word; empty where there is none.

        Raises:
            EvidenceRejected: a number without a word.
        """
        if kind not in self.fields:
            return ""
        number = int.from_bytes(self.octets(kind, size), "little")
        if number not in named:
            expected = " or ".join(hex(one) for one in named)
            raise rejected(f"opaque field {kind}", found=hex(number), expected=expected)
        return named[number]


def read_opaque(raw: bytes) -> Opaque:
    """Read the list of fields, to its last byte.

    Raises:
        EvidenceRejected: a field is cut or there twice, or the format is newer.
    """
    reader = Reader(raw, "opaque bytes")
    fields: dict[int, bytes] = {}
    while reader.left:
        kind = reader.number(2, "type", "little")
        if kind in fields:
            raise rejected("opaque field", found=f"{kind} twice", expected="each once")
        fields[kind] = reader.take(reader.number(2, "length", "little"), f"field {kind}")
    version = int.from_bytes(fields.get(FORMAT_VERSION, b""), "little")
    if version > NEWEST_FORMAT:
        raise rejected("opaque format", found=str(version), expected=f"at most {NEWEST_FORMAT}")
    return Opaque(MappingProxyType(fields))


def pdis_of(raw: bytes, order: Literal["little", "big"]) -> tuple[bytes, ...]:
    """The identifiers in a field that lists them, each once, in order of appearance.

    Args:
        raw: eight bytes for each.
        order: how the field writes them; `big` is how certificates do.

    Raises:
        EvidenceRejected: the last one is cut.
    """
    reader = Reader(raw, "list of device identifiers")
    found: dict[bytes, None] = {}
    while reader.left:
        one = reader.take(PDI_SIZE, "identifier")
        found[one if order == "big" else one[::-1]] = None
    return tuple(found)


def hexadecimal_version(raw: bytes) -> str:
    """A GPU's VBIOS version as tools show it, such as `96.00.A5.00.01`.

    Args:
        raw: 8 bytes: four of the version and one of the board's edition, little-endian, and zeros.
    """
    require_zero(raw[5:], "VBIOS version padding")
    return ".".join(f"{one:02X}" for one in (*raw[3::-1], raw[4]))


def chip_of(certificate: Certificate) -> tuple[str, Architecture]:
    """The chip and generation that a boot ROM's certificate names.

    Raises:
        EvidenceRejected: no chip that is known here.
    """
    name = certificate.common_name
    for pattern, architecture in CHIPS:
        found = re.fullmatch(rf"({pattern}) [A-Z][0-9]{{2}} (GSP|FSP) BROM", name)
        if found:
            return found.group(1), architecture
    raise rejected(
        "the certificate of the boot ROM",
        found=name,
        expected="one of a GH100, GB100 or LS_10 chip",
    )


def firmware_id(certificate: Certificate, architecture: Architecture) -> bytes:
    """The digest of firmware (FWID) that a device's leaf certificate names.

    Args:
        certificate: of the firmware's key.
        architecture: of the device; each writes one extension of the two, the other is not read.

    Raises:
        EvidenceRejected: the DICE extension is missing or malformed.
    """
    oid = TCB_INFO if architecture == "blackwell" else COMPOSITE_DEVICE_ID
    if oid not in certificate.extensions:
        raise rejected(
            f"the DICE extension of {certificate.common_name}", found="missing", expected=oid
        )
    value = Der(certificate.extensions[oid].value, "DICE extension")
    inside = value.inside(der.SEQUENCE, "")
    value.end()
    return _tcb_info(inside) if oid == TCB_INFO else _composite_device_id(inside)


def _composite_device_id(inside: Der) -> bytes:
    if inside.integer("version") != 1:
        raise rejected("composite device id version", found="another", expected="1")
    inside.content(der.SEQUENCE, "device id")
    found = _fwid(inside)
    inside.end()
    return found


def _tcb_info(inside: Der) -> bytes:
    # NOTE: context tags [0] to [5] stand before the list ([6], constructed), [7] to [9] after it;
    # all but the list are optional and say nothing that is used here. Of the list, the first is
    # the firmware whose digest reports name, as NVIDIA's own verifier has it.
    for tag in range(0x80, 0x86):
        inside.optional(tag, f"[{tag & 0x0F}]")
    listed = inside.inside(0xA6, "fwids")
    for tag in range(0x87, 0x8A):
        inside.optional(tag, f"[{tag & 0x0F}]")
    inside.end()
    found = [_fwid(listed)]
    while listed.more:
        found.append(_fwid(listed))
    return found[0]


def _fwid(listed: Der) -> bytes:
    fwid = listed.inside(der.SEQUENCE, "fwid")
    algorithm = fwid.oid("hashAlg")
    digest = fwid.content(der.OCTET_STRING, "digest")
    fwid.end()
    if algorithm != SHA384 or len(digest) != 48:
        raise rejected("FWID", found=f"{len(digest)} bytes of {algorithm}", expected="SHA-384")
    return digest
