"""The SEV-SNP attestation report and AMD's certificate table, byte by byte.

Offsets are those of AMD 56860 (SEV Secure Nested Paging Firmware ABI), table ATTESTATION_REPORT,
and of the GHCB specification 56421 for the certificate table. Reading says what the bytes are, not
whether they are true: `platforms.sev_snp` does that.
"""

from dataclasses import dataclass
from typing import Literal

from cleanroom.attestation.formats.reader import Fields, Layout, Reader, Row
from cleanroom.attestation.policy import Product
from cleanroom.attestation.rejection import rejected

REPORT_SIZE = 0x4A0
SIGNED_SIZE = 0x2A0
"""The signature covers the report up to here."""
CHIP_ID_SIZE = 64
TURIN_HWID_SIZE = 8
"""Turin's hardware id; the rest of its CHIP_ID is zero (AMD 57230)."""
ECDSA_P384_SHA384 = 1
VERSIONS = (2, 3, 5)

GUEST_POLICY_BITS = {
    "smt": 16,
    "migrate_ma": 18,
    "debug": 19,
    "single_socket": 20,
    "cxl": 21,
    "aes256_xts": 22,
    "rapl_dis": 23,
    "ciphertext_hiding": 24,
    "page_swap_disable": 25,
}
"""GUEST_POLICY; bits 0..15 are the ABI version, bit 17 is one, 26.. are zero."""
GUEST_POLICY_ALWAYS = 17
GUEST_POLICY_RESERVED_FROM = 26
PLATFORM_BITS = {
    "smt": 0,
    "tsme": 1,
    "ecc": 2,
    "rapl_dis": 3,
    "ciphertext_hiding": 4,
    "alias_check_complete": 5,
    "tio": 7,
}
"""PLATFORM_INFO; bit 6 is set on real Turin machines and has no public name."""

TCB_BYTES: dict[Product, dict[str, int]] = {
    "Milan": {"bl": 0, "tee": 1, "snp": 6, "ucode": 7},
    "Genoa": {"bl": 0, "tee": 1, "snp": 6, "ucode": 7},
    "Turin": {"fmc": 0, "bl": 1, "tee": 2, "snp": 3, "ucode": 7},
}
"""TCB_VERSION: which byte is which component (56860; family 1Ah differs)."""
TCB_SIZE = 8


def _rows(version: int) -> tuple[Row, ...]:
    named = version >= 3
    mitigations = version >= 5
    return (
        Row(0x000, 4, "version", "number"),
        Row(0x004, 4, "guest_svn", "number"),
        Row(0x008, 8, "policy", "number"),
        Row(0x010, 16, "family_id", "bytes"),
        Row(0x020, 16, "image_id", "bytes"),
        Row(0x030, 4, "vmpl", "number"),
        Row(0x034, 4, "signature_algo", "number"),
        Row(0x038, 8, "current_tcb", "bytes"),
        Row(0x040, 8, "platform_info", "number"),
        Row(0x048, 4, "key_info", "number"),
        Row(0x04C, 4, "reserved", "zero"),
        Row(0x050, 64, "report_data", "bytes"),
        Row(0x090, 48, "measurement", "bytes"),
        Row(0x0C0, 32, "host_data", "bytes"),
        Row(0x0E0, 48, "id_key_digest", "bytes"),
        Row(0x110, 48, "author_key_digest", "bytes"),
        Row(0x140, 32, "report_id", "bytes"),
        Row(0x160, 32, "report_id_ma", "bytes"),
        Row(0x180, 8, "reported_tcb", "bytes"),
        Row(0x188, 1, "cpuid_family", "number" if named else "zero"),
        Row(0x189, 1, "cpuid_model", "number" if named else "zero"),
        Row(0x18A, 1, "cpuid_stepping", "number" if named else "zero"),
        Row(0x18B, 21, "reserved", "zero"),
        Row(0x1A0, 64, "chip_id", "bytes"),
        Row(0x1E0, 8, "committed_tcb", "bytes"),
        Row(0x1E8, 3, "current_version", "bytes"),
        Row(0x1EB, 1, "reserved", "zero"),
        Row(0x1EC, 3, "committed_version", "bytes"),
        Row(0x1EF, 1, "reserved", "zero"),
        Row(0x1F0, 8, "launch_tcb", "bytes"),
        Row(0x1F8, 8, "launch_mit_vector", "number" if mitigations else "zero"),
        Row(0x200, 8, "current_mit_vector", "number" if mitigations else "zero"),
        Row(0x208, 0x98, "reserved", "zero"),
        Row(0x2A0, 48, "signature_r", "bytes"),
        Row(0x2D0, 24, "signature_r padding", "zero"),
        Row(0x2E8, 48, "signature_s", "bytes"),
        Row(0x318, 24, "signature_s padding", "zero"),
        Row(0x330, 0x170, "reserved", "zero"),
    )


LAYOUTS = {
    version: Layout(f"version {version} attestation report", REPORT_SIZE, "little", _rows(version))
    for version in VERSIONS
}
"""One layout per known version of the report."""


@dataclass(frozen=True, slots=True)
class SnpReport:
    """A report's fields; nothing is verified yet."""

    version: int
    signed: bytes
    """The bytes that the signature covers."""
    fields: Fields
    signing_key: Literal["vcek", "vlek"]

    @property
    def signature(self) -> tuple[int, int]:
        """The ECDSA signature (r, s)."""
        octets = self.fields.octets
        return (
            int.from_bytes(octets["signature_r"], "little"),
            int.from_bytes(octets["signature_s"], "little"),
        )

    @property
    def product(self) -> Product | None:
        """The product by family and model; none in version 2, which does not say."""
        if "cpuid_family" not in self.fields.numbers:
            return None
        return product_of(self.fields.numbers["cpuid_family"], self.fields.numbers["cpuid_model"])


def read_report(raw: bytes) -> SnpReport:
    """Read a report, strictly.

    Raises:
        EvidenceRejected: another size, version or algorithm; reserved bits or bytes that are set;
            or a chip key that is masked, so that nothing is signed.
    """
    reader = Reader(raw, "attestation report")
    version = reader.number(4, "version", "little")
    if version not in LAYOUTS:
        raise rejected("report version", found=str(version), expected="2, 3 or 5")
    fields = LAYOUTS[version].read(raw)
    _require_algorithm(fields.numbers["signature_algo"])
    _require_guest_policy(fields.numbers["policy"])
    signing_key = _signing_key(fields.numbers["key_info"])
    signed = Reader(raw, "attestation report").take(SIGNED_SIZE, "signed part")
    return SnpReport(version, signed, fields, signing_key)


def _require_algorithm(found: int) -> None:
    if found != ECDSA_P384_SHA384:
        raise rejected("signature_algo", found=str(found), expected="1 (ECDSA P-384 with SHA-384)")


def _require_guest_policy(policy: int) -> None:
    if policy >> GUEST_POLICY_RESERVED_FROM or not policy >> GUEST_POLICY_ALWAYS & 1:
        raise rejected(
            "guest policy", found=f"{policy:#x}", expected="bit 17 set and bits from 26 clear"
        )


def _signing_key(key_info: int) -> Literal["vcek", "vlek"]:
    if key_info >> 5:
        raise rejected("key_info", found=f"{key_info:#x}", expected="bits from 5 clear")
    if key_info >> 1 & 1:
        raise rejected(
            "key_info",
            found="MASK_CHIP_KEY",
            expected="a signing key",
            cause="the host masks the chip's key, so the firmware signs nothing",
        )
    match key_info >> 2 & 0b111:
        case 0:
            return "vcek"
        case 1:
            return "vlek"
        case other:
            raise rejected("key_info signing key", found=str(other), expected="0 VCEK or 1 VLEK")


def product_of(family: int, model: int) -> Product:
    """The product line of a processor (CPUID Fn0000_0001).

    Raises:
        EvidenceRejected: no product whose chain and TCB layout are known here.
    """
    match family, model >> 4:
        case 0x19, 0x0:
            return "Milan"
        case 0x19, 0x1 | 0xA:
            return "Genoa"
        case 0x1A, 0x0 | 0x1:
            return "Turin"
        case _:
            raise rejected(
                "processor",
                found=f"family {family:#x} model {model:#x}",
                expected="Milan, Genoa or Turin",
            )


def read_tcb(raw: bytes, product: Product) -> dict[str, int]:
    """Patch levels by component; a byte without a component must be zero.

    Raises:
        EvidenceRejected: a reserved byte is set.
    """
    places = TCB_BYTES[product]
    for at, octet in enumerate(raw):
        if octet and at not in places.values():
            raise rejected(f"{product} TCB byte {at}", found=str(octet), expected="0 (reserved)")
    return {component: raw[at] for component, at in places.items()}
