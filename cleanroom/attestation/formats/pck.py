"""What a PCK certificate says about a platform: Intel's extension (1.2.840.113741.1.13.1).

Identifiers are those of Intel's "SGX PCK Certificate and CRL Profile Specification", §1.3.5.
"""

from dataclasses import dataclass
from typing import Literal

from cleanroom.attestation.formats import der
from cleanroom.attestation.formats.der import Der
from cleanroom.attestation.formats.x509 import Certificate
from cleanroom.attestation.rejection import rejected

SgxType = Literal["standard", "scalable", "scalable-with-integrity"]
"""How the processor encrypts memory."""
SGX = "1.2.840.113741.1.13.1"
"""Intel's arc, and the extension itself."""
PPID, TCB, PCE_ID, FMSPC, SGX_TYPE, INSTANCE, CONFIGURATION = (f"{SGX}.{n}" for n in range(1, 8))
COMPONENTS = 16
SIZES = {PPID: 16, PCE_ID: 2, FMSPC: 6, INSTANCE: 16}
"""Fixed sizes of byte strings, in bytes."""
SGX_TYPES: dict[int, SgxType] = {0: "standard", 1: "scalable", 2: "scalable-with-integrity"}
"""`SgxType` by its number."""


@dataclass(frozen=True, slots=True)
class Pck:
    """A platform as Intel certified it."""

    ppid: bytes
    """The platform's identity, 16 bytes."""
    components: tuple[int, ...]
    """Security versions of the 16 components that enclaves depend on."""
    pce_svn: int
    pce_id: bytes
    fmspc: bytes
    """Family, model, stepping, platform and custom SKU; 6 bytes."""
    sgx_type: SgxType
    instance: bytes
    """The platform instance of several sockets, 16 bytes; empty for one socket."""
    flags: dict[str, bool]
    """`dynamic_platform`, `cached_keys`, `smt`; all false where the authority says nothing."""


def read_pck(certificate: Certificate) -> Pck:
    """The extension of a PCK certificate.

    Raises:
        EvidenceRejected: it is missing, malformed or incomplete.
    """
    if SGX not in certificate.extensions:
        raise rejected(f"extension {SGX}", found="missing", expected="in the PCK certificate")
    parts = _parts(Der(certificate.extensions[SGX].value, "SGX extension"))
    octets = {oid: _octets(parts, oid) for oid in SIZES if oid in parts or oid != INSTANCE}
    components, pce_svn = _tcb(_part(parts, TCB))
    kind = _part(parts, SGX_TYPE).number(der.ENUMERATED, "SGX type")
    if kind not in SGX_TYPES:
        raise rejected("SGX type", found=str(kind), expected="0, 1 or 2")
    return Pck(
        ppid=octets[PPID],
        components=components,
        pce_svn=pce_svn,
        pce_id=octets[PCE_ID],
        fmspc=octets[FMSPC],
        sgx_type=SGX_TYPES[kind],
        instance=octets.get(INSTANCE, b""),
        flags=_flags(parts),
    )


def _parts(value: Der) -> dict[str, Der]:
    listed = value.inside(der.SEQUENCE, "list")
    value.end()
    parts: dict[str, Der] = {}
    while listed.more:
        part = listed.inside(der.SEQUENCE, "part")
        oid = part.oid("identifier")
        if oid in parts:
            raise rejected("SGX extension", found=f"{oid} twice", expected="each once")
        parts[oid] = part
    return parts


def _part(parts: dict[str, Der], oid: str) -> Der:
    if oid not in parts:
        raise rejected(f"SGX extension {oid}", found="missing", expected="in the PCK certificate")
    return parts[oid]


def _octets(parts: dict[str, Der], oid: str) -> bytes:
    part = _part(parts, oid)
    found = part.content(der.OCTET_STRING, oid)
    part.end()
    if len(found) != SIZES[oid]:
        raise rejected(
            f"SGX extension {oid}", found=f"{len(found)} bytes", expected=f"{SIZES[oid]} bytes"
        )
    return found


def _tcb(value: Der) -> tuple[tuple[int, ...], int]:
    parts = _parts(value)
    numbers = []
    for index in range(1, COMPONENTS + 2):
        part = _part(parts, f"{TCB}.{index}")
        numbers.append(part.integer("security version"))
        part.end()
    return tuple(numbers[:COMPONENTS]), numbers[COMPONENTS]


def _flags(parts: dict[str, Der]) -> dict[str, bool]:
    said = _parts(parts[CONFIGURATION]) if CONFIGURATION in parts else {}
    flags = {}
    for index, name in enumerate(("dynamic_platform", "cached_keys", "smt"), 1):
        part = said.get(f"{CONFIGURATION}.{index}")
        flags[name] = part.boolean(name) if part is not None else False
    return flags
