"""The report of Azure's paravisor (HCL): a processor's report, and the paravisor's own words.

Source: Microsoft, "Azure confidential VM guest attestation design" (structure AttestationReport and
its runtime claims). The paravisor runs in the guest's most privileged level, keeps the vTPM there,
and has the processor sign SHA-256 of its words. Reading says what the bytes are, not whether they
are true: `silicon.paravisor` does that.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cleanroom.attestation.formats.reader import Layout, Reader, Row, require_zero
from cleanroom.attestation.formats.tpm_public import rsa_key
from cleanroom.attestation.rejection import rejected
from cleanroom.encoding import parse_json
from cleanroom.errors import EvidenceRejected, NotCanonical, RecordMalformed

Kind = TypeVar("Kind")
Below = Literal["snp", "tdx"]
"""Which processor's report stands in the paravisor's."""
SIGNATURE = b"HCLA"
VERSIONS = (1, 2)
REPORT_AREA = 1184
"""Room for the processor's report; one of TDX is shorter and zeros follow; in bytes."""
REPORT_SIZES: Mapping[Below, int] = {"snp": 1184, "tdx": 1024}
REPORT_TYPES: Mapping[int, Below] = {2: "snp", 4: "tdx"}
SHA256 = 1
LARGEST_WORDS = 16 * 1024
"""Two keys and the machine's settings take about 1200 bytes."""
USER_SIZE = 64
HEADER = Layout(
    "paravisor report header",
    32,
    "little",
    (
        Row(0, 4, "signature", "bytes"),
        Row(4, 4, "version", "number"),
        Row(8, 4, "report_size", "number"),
        Row(12, 4, "request_type", "number"),
        Row(16, 4, "status", "number"),
        Row(20, 12, "reserved", "zero"),
    ),
)


@dataclass(frozen=True, slots=True)
class Words:
    """What the paravisor says about its guest; nothing is verified yet."""

    attestation_key: bytes
    """The vTPM's attestation key (`HCLAkPub`): SubjectPublicKeyInfo, DER."""
    vm_id: str
    """`vmUniqueId`."""
    secure_boot: bool
    console: bool
    """`console-enabled`."""
    user_data: bytes
    """What the guest wrote into the vTPM for the next report; 64 bytes, or none in old reports."""


@dataclass(frozen=True, slots=True)
class HclReport:
    """The parts of a paravisor's report; nothing is verified yet."""

    below: Below
    report: bytes
    """The processor's report."""
    said: bytes
    """The paravisor's words as they stand: what the processor's report data is the digest of."""
    words: Words


def read_hcl_report(raw: bytes) -> HclReport:
    """Read a report as it stands in the vTPM's index 0x01400001.

    Raises:
        EvidenceRejected: another version, processor or hash; lengths that do not fit, bytes that
            are not zero after the end, or words of another shape.
    """
    reader = Reader(raw, "paravisor report")
    header = HEADER.read(reader.take(HEADER.size, "header"))
    version = header.numbers["version"]
    if header.octets["signature"] != SIGNATURE or version not in VERSIONS:
        raise rejected(
            "paravisor report",
            found=f"version {version} of {header.octets['signature']!r}",
            expected="version 1 or 2 of HCLA",
        )
    area = reader.take(REPORT_AREA, "processor's report")
    below, said = _runtime(reader)
    # The index of the vTPM has a fixed size: what is not used is zero.
    require_zero(reader.take(reader.left, "rest"), "paravisor report after its end")
    size = REPORT_SIZES[below]
    require_zero(area[size:], "paravisor report after the processor's")
    return HclReport(below, area[:size], said, read_words(said))


def _runtime(reader: Reader) -> tuple[Below, bytes]:
    size = reader.number(4, "runtime part's size", "little")
    reader.take(4, "runtime part's version")
    kind = reader.number(4, "report type", "little")
    hashed = reader.number(4, "hash type", "little")
    length = reader.number(4, "words' size", "little")
    if kind not in REPORT_TYPES or hashed != SHA256:
        raise rejected(
            "paravisor report",
            found=f"report type {kind} with hash {hashed}",
            expected="2 (SEV-SNP) or 4 (TDX) with 1 (SHA-256)",
        )
    if size != length + 20 or length > LARGEST_WORDS:
        raise rejected(
            "paravisor's words",
            found=f"{length} bytes in a part of {size}",
            expected=f"20 bytes less than the part, at most {LARGEST_WORDS}",
        )
    return REPORT_TYPES[kind], reader.take(length, "words")


def read_words(said: bytes) -> Words:
    """Read the paravisor's JSON; members that are not known here are left alone.

    Raises:
        EvidenceRejected: not JSON, a member twice, or one of another type.
    """
    try:
        tree = parse_json(said, "runtime claims")
    except (NotCanonical, RecordMalformed):
        raise _malformed("the text", "JSON without a member twice") from None
    settings = _member(tree, "vm-configuration", dict)
    return Words(
        attestation_key=_attestation_key(_member(tree, "keys", list)),
        vm_id=_member(settings, "vmUniqueId", str),
        secure_boot=_member(settings, "secure-boot", bool),
        console=_member(settings, "console-enabled", bool),
        user_data=_user_data(tree),
    )


def _attestation_key(keys: list[object]) -> bytes:
    found = [key for key in keys if isinstance(key, dict) and key.get("kid") == "HCLAkPub"]
    if len(found) != 1 or found[0].get("kty") != "RSA":
        raise _malformed("HCLAkPub", "exactly one RSA key")
    modulus, exponent = (_number(found[0], name) for name in ("n", "e"))
    key = rsa_key(modulus, exponent, "the vTPM's attestation key")
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _number(key: dict[str, object], name: str) -> int:
    text = _member(key, name, str)
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _malformed(name, "base64url") from None
    return int.from_bytes(raw, "big")


def _user_data(tree: object) -> bytes:
    if not isinstance(tree, dict) or "user-data" not in tree:
        return b""
    text = _member(tree, "user-data", str)
    if len(text) != 2 * USER_SIZE or not set(text) <= set("0123456789ABCDEF"):
        raise _malformed("user-data", f"{USER_SIZE} bytes in upper-case hex")
    return bytes.fromhex(text)


def _member(tree: object, name: str, kind: type[Kind]) -> Kind:
    found = tree.get(name) if isinstance(tree, dict) else None
    if not isinstance(found, kind):
        raise _malformed(name, f"a member of type {kind.__name__}")
    return found


def _malformed(member: str, expected: str) -> EvidenceRejected:
    return rejected(f"paravisor's words: {member}", found="of another form", expected=expected)
