"""The attestation document of the Nitro Secure Module, bytes to fields.

See AWS: "Validating attestation documents produced by NitroTPM and Nitro Enclaves", and
aws-nitro-enclaves-nsm-api, docs/attestation_process.md §2.2. Strict: a closed map, sizes of the
specification, PCRs of SHA-384 only.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from cleanroom.attestation.formats import cbor
from cleanroom.attestation.rejection import rejected

PCR_SIZE = 48
"""SHA-384; in bytes."""
MOST_PCRS = 32
"""The module has PCRs 0 to 31 and signs the locked ones."""
MEASURED = (0, 1, 2)
"""The image, its kernel and boot ramdisk, its application: measured by the hypervisor."""
LARGEST_CERTIFICATE = 1024
"""Of the certificate, and of each in the bundle; in bytes."""
LONGEST_BUNDLE = 8
"""AWS sends a root and three intermediates."""
LARGEST_ATTACHED = 1024
"""Of `public_key`, `user_data` and `nonce`; in bytes."""
LATEST_TIMESTAMP = 2**53 - 1
"""What JSON carries exactly; in milliseconds since 1970."""
REQUIRED = {
    name: name for name in ("module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle")
}
OPTIONAL = {name: name for name in ("public_key", "user_data", "nonce")}


@dataclass(frozen=True, slots=True)
class NitroDocument:
    """What the module signs; nothing is verified yet."""

    module_id: str
    """The enclave: `<instance id>-enc<enclave id>`."""
    timestamp: int
    """When the module made it, by the host's clock; in milliseconds since 1970."""
    pcrs: Mapping[int, bytes]
    """Locked platform configuration registers by number, 48 bytes each."""
    certificate: bytes = field(repr=False)
    """The certificate of the key that signs, DER."""
    cabundle: tuple[bytes, ...] = field(repr=False)
    """Its issuers, root first, DER."""
    public_key: bytes = field(repr=False)
    """Chosen by the enclave; empty without one."""
    user_data: bytes
    """Chosen by the enclave; empty without any."""
    nonce: bytes
    """Chosen by the enclave; empty without one."""


def read_document(payload: bytes) -> NitroDocument:
    """Read the payload of a signed document.

    Raises:
        EvidenceRejected: it is not exactly this format.
    """
    what = "attestation document"
    # Modules of 2025 write the outermost map without its length.
    value = cbor.read(payload, what, may_be_open=True)
    members = cbor.Members(value, what, REQUIRED, OPTIONAL)
    if members.text("digest") != "SHA384":
        raise rejected(f"{what} digest", found=members.text("digest"), expected="SHA384")
    bundle = members.array("cabundle", range(1, LONGEST_BUNDLE + 1))
    sizes = range(1, LARGEST_CERTIFICATE + 1)
    return NitroDocument(
        module_id=members.text("module_id"),
        timestamp=members.number("timestamp", LATEST_TIMESTAMP),
        pcrs=_read_pcrs(members.value("pcrs")),
        certificate=members.octets("certificate", sizes),
        cabundle=tuple(cbor.octets(one, f"{what} cabundle", sizes) for one in bundle),
        public_key=_attached(members, "public_key"),
        user_data=_attached(members, "user_data"),
        nonce=_attached(members, "nonce"),
    )


def _read_pcrs(value: object) -> Mapping[int, bytes]:
    pcrs: dict[int, bytes] = {}
    for number, content in cbor.mapping(value, "attestation document pcrs").items():
        if not isinstance(number, int) or not 0 <= number < MOST_PCRS:
            raise rejected("a PCR", found=f"number {number!r}", expected=f"0 to {MOST_PCRS - 1}")
        pcrs[number] = cbor.octets(content, f"PCR{number}", {PCR_SIZE})
    for number in MEASURED:
        if number not in pcrs:
            raise rejected(f"PCR{number}", found="missing", expected="in the document")
    return MappingProxyType(pcrs)


def _attached(members: cbor.Members, name: str) -> bytes:
    if name not in members or members.value(name) is None:
        return b""
    return members.octets(name, range(LARGEST_ATTACHED + 1))
