"""Issues certificates like NVIDIA's for devices, under a development root.

The same five steps (root, family, provisioner, boot ROM, firmware), names, serial numbers and DICE
extensions; the end of all validity is 9999-12-31, as theirs is.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from cleanroom.attestation.formats import der
from cleanroom.attestation.formats.nvidia import COMPOSITE_DEVICE_ID, TCB_INFO
from enclave.attester.certifying import key_usage, unsigned
from enclave.attester.writing_der import element, integer, oid, sequence

END = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
ROOT_NAME = "Simulated Device Identity CA"
AUTHORITIES = ("Simulated Identity", "Simulated Provisioner ICA 1")
"""Below the root, the issuer of boot ROMs last."""
SHA384_OID = "2.16.840.1.101.3.4.2.2"


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs a certificate, and since when."""

    name: str
    key: ec.EllipticCurvePrivateKey
    since: datetime


def issue_authority(
    name: str, key: ec.EllipticCurvePublicKey, signer: Signer, serial: int | None = None
) -> bytes:
    """A certificate that may issue others, DER; a boot ROM's has a serial number of its own."""
    builder = _builder(name, key, signer, serial)
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    builder = builder.add_extension(constraints, critical=True)
    return _sign(builder.add_extension(key_usage("key_cert_sign"), critical=True), signer)


def issue_leaf(
    name: str, key: ec.EllipticCurvePublicKey, signer: Signer, dice: x509.UnrecognizedExtension
) -> bytes:
    """The certificate of a device's firmware, DER."""
    builder = _builder(name, key, signer, None)
    builder = builder.add_extension(key_usage("digital_signature"), critical=True)
    return _sign(builder.add_extension(dice, critical=False), signer)


def composite_device_id(key: ec.EllipticCurvePublicKey, fwid: bytes) -> x509.UnrecognizedExtension:
    """Hopper's extension: version 1, a key, and the firmware's digest."""
    encoded = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    value = sequence(integer(1), encoded, _fwid(fwid))
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(COMPOSITE_DEVICE_ID), value)


def tcb_info(fwid: bytes) -> x509.UnrecognizedExtension:
    """Blackwell's extension: who made it, and digests of firmware."""
    listed = element(0xA6, _fwid(fwid), _fwid(bytes(48)))
    words = [element(0x80, b"Simulated"), element(0x81, b"GB100 A01 GSP"), element(0x82, b"")]
    numbers = [element(tag, b"\x00") for tag in (0x83, 0x84, 0x85)]
    value = sequence(*words, *numbers, listed, element(0x87, b"\x00\x00"))
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(TCB_INFO), value)


def _fwid(digest: bytes) -> bytes:
    return sequence(oid(SHA384_OID), element(der.OCTET_STRING, digest))


def _builder(
    name: str, key: ec.EllipticCurvePublicKey, signer: Signer, serial: int | None
) -> x509.CertificateBuilder:
    valid = (signer.since, END)
    return unsigned(_name(name), _name(signer.name), key, valid, serial)


def _sign(builder: x509.CertificateBuilder, signer: Signer) -> bytes:
    return builder.sign(signer.key, SHA384()).public_bytes(Encoding.DER)


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Simulated, not NVIDIA"),
        ]
    )
