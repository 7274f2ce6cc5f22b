"""What AMD's certificates say: the forms they come in, and the extensions of VCEK and VLEK.

Names and object identifiers are those of AMD 57230 (VCEK Certificate and KDS Interface) for
both kinds. Reading only: `platforms.sev_snp` judges.
"""

from collections.abc import Iterable

from cleanroom.attestation.formats import der
from cleanroom.attestation.formats.cert_table import read_table
from cleanroom.attestation.formats.der import Der
from cleanroom.attestation.formats.signatures import Suite
from cleanroom.attestation.formats.snp import CHIP_ID_SIZE, TURIN_HWID_SIZE
from cleanroom.attestation.formats.x509 import Certificate, pem_certificates, read_certificate
from cleanroom.attestation.policy import Product
from cleanroom.attestation.rejection import rejected

AMD_SUITE: Suite = "rsa4096-pss-sha384"
"""How every certificate of AMD's hierarchy is signed (57230)."""
AMD = "1.3.6.1.4.1.3704.1"
"""AMD's arc for these extensions."""
PRODUCT_NAME = f"{AMD}.2"
SPL = f"{AMD}.3"
HWID = f"{AMD}.4"
CSP_ID = f"{AMD}.5"
SPL_ORDER: dict[Product, tuple[int, ...]] = {
    "Milan": (1, 2, 4, 5, 6, 7, 3, 8),
    "Genoa": (1, 2, 4, 5, 6, 7, 3, 8),
    "Turin": (9, 1, 2, 3, 5, 6, 7, 8),
}
"""Which extension below `SPL` holds each byte of the TCB version, first byte first."""
INTERMEDIATES: dict[str, tuple[Product, str]] = {
    "SEV-Milan": ("Milan", "vcek"),
    "SEV-Genoa": ("Genoa", "vcek"),
    "SEV-Turin": ("Turin", "vcek"),
    "SEV-VLEK-Milan": ("Milan", "vlek"),
    "SEV-VLEK-Genoa": ("Genoa", "vlek"),
    "SEV-VLEK-Turin": ("Turin", "vlek"),
}
"""Common names of ASKs and ASVKs: the product and the kind of key each one issues."""
LEAVES = {"vcek": "SEV-VCEK", "vlek": "SEV-VLEK"}
"""Common names of the certificates of report keys."""
PEM_START = b"-----BEGIN"


def read_endorsements(endorsements: Iterable[bytes]) -> tuple[Certificate, ...]:
    """Every certificate in DER, PEM or certificate tables, each once.

    Raises:
        EvidenceRejected: something is none of these, or not of AMD's signature suite.
    """
    encoded: dict[bytes, None] = {}
    for endorsement in endorsements:
        plain = endorsement.startswith((PEM_START, bytes([der.SEQUENCE])))
        for entry in (endorsement,) if plain else read_table(endorsement):
            encoded.update(dict.fromkeys(_certificates_in(entry)))
    return tuple(read_certificate(certificate, AMD_SUITE) for certificate in encoded)


def _certificates_in(entry: bytes) -> tuple[bytes, ...]:
    return pem_certificates(entry) if entry.startswith(PEM_START) else (entry,)


def product_name(leaf: Certificate) -> str:
    """The product line, without its stepping: `Milan-B0` is `Milan`."""
    return _ia5_text(leaf, PRODUCT_NAME).partition("-")[0]


def csp_id(leaf: Certificate) -> str:
    """The cloud that a VLEK was lent to, such as `CN=cc-us-east-2.amazonaws.com`."""
    return _ia5_text(leaf, CSP_ID)


def certified_tcb(leaf: Certificate, product: Product) -> bytes:
    """The TCB version that the leaf's key was derived for, 8 bytes in the report's order."""
    return bytes(_patch_level(leaf, f"{SPL}.{number}") for number in SPL_ORDER[product])


def certified_chip(leaf: Certificate, product: Product) -> bytes:
    """The hardware id of a VCEK in the form of a CHIP_ID, 64 bytes.

    Raises:
        EvidenceRejected: it is missing or not as long as the product's.
    """
    hwid = _extension(leaf, HWID)
    size = TURIN_HWID_SIZE if product == "Turin" else CHIP_ID_SIZE
    if len(hwid) != size:
        raise rejected("hardware id", found=f"{len(hwid)} bytes", expected=f"{size} bytes")
    return hwid.ljust(CHIP_ID_SIZE, b"\0")


def _extension(leaf: Certificate, oid: str) -> bytes:
    if oid not in leaf.extensions:
        raise rejected(f"extension {oid}", found="missing", expected="in the leaf certificate")
    return leaf.extensions[oid].value


def _ia5_text(leaf: Certificate, oid: str) -> str:
    reader = Der(_extension(leaf, oid), f"extension {oid}")
    text = reader.text("text", (der.IA5_STRING,))
    reader.end()
    return text


def _patch_level(leaf: Certificate, oid: str) -> int:
    reader = Der(_extension(leaf, oid), f"extension {oid}")
    level = reader.integer("patch level")
    reader.end()
    if level > 0xFF:
        raise rejected(f"extension {oid}", found=str(level), expected="0 to 255")
    return level
