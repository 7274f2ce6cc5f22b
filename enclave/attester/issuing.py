"""Issues certificates like AMD's key distribution service, under a development root (57230).

Same names, same extensions, same signature suite, and serial number 0 in leaf certificates, so
that simulated evidence exercises what real evidence needs.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from cleanroom.attestation.formats import der
from cleanroom.attestation.formats.amd_certificates import (
    AMD,
    CSP_ID,
    HWID,
    LEAVES,
    PRODUCT_NAME,
    SPL,
    SPL_ORDER,
)
from cleanroom.attestation.formats.signatures import SALT_LENGTH
from cleanroom.attestation.policy import Product
from enclave.attester.certifying import key_usage
from enclave.attester.writing_der import element, integer

ROOT_NAME = "ARK-Simulated"
SIMULATED_CLOUD = "CN=simulated-cloud"
"""The cloud that a simulated VLEK is lent to."""
PSS = padding.PSS(padding.MGF1(SHA384()), SALT_LENGTH)


@dataclass(frozen=True, slots=True)
class Leaf:
    """What a VCEK or VLEK certificate says."""

    product: Product
    kind: Literal["vcek", "vlek"]
    tcb: bytes
    """The TCB version that the key is derived for, 8 bytes."""
    chip_id: bytes
    """64 bytes; Turin uses the first 8."""
    from_day: int
    to_day: int


def issue_root(key: rsa.RSAPrivateKey, now: datetime, years: int) -> bytes:
    """A self-signed root (ARK), DER."""
    unsigned = _builder(ROOT_NAME, ROOT_NAME, now, years * 365).serial_number(1)
    usage = key_usage("key_cert_sign", "crl_sign")
    signed = (
        unsigned.public_key(key.public_key())
        .add_extension(usage, critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA384(), rsa_padding=PSS)
    )
    return signed.public_bytes(Encoding.DER)


def issue_intermediate(
    name: str, key: rsa.RSAPrivateKey, ark_key: rsa.RSAPrivateKey, now: datetime, years: int
) -> bytes:
    """An intermediate (ASK or ASVK) under the root, DER."""
    signed = (
        _builder(name, ROOT_NAME, now, years * 365)
        .serial_number(x509.random_serial_number())
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage("key_cert_sign"), critical=True)
        .sign(ark_key, SHA384(), rsa_padding=PSS)
    )
    return signed.public_bytes(Encoding.DER)


def issue_leaf(
    leaf: Leaf, key: ec.EllipticCurvePublicKey, ask_key: rsa.RSAPrivateKey, now: datetime
) -> bytes:
    """A VCEK or VLEK certificate with AMD's extensions and serial number 0, DER."""
    issuer = f"SEV-{'VLEK-' if leaf.kind == 'vlek' else ''}{leaf.product}"
    start = now + timedelta(days=leaf.from_day)
    unsigned = (
        _builder(LEAVES[leaf.kind], issuer, start, leaf.to_day - leaf.from_day)
        .serial_number(1)
        .public_key(key)
    )
    for oid, value in _extensions(leaf).items():
        extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value)
        unsigned = unsigned.add_extension(extension, critical=False)
    return _with_serial_zero(unsigned.sign(ask_key, SHA384(), rsa_padding=PSS), ask_key)


def issue_revocations(
    serials: tuple[int, ...], ark_key: rsa.RSAPrivateKey, now: datetime, days: int
) -> bytes:
    """A revocation list of the root, DER.

    Args:
        serials: serial numbers of revoked intermediates.
        ark_key: the root's key.
        now: when the list is issued.
        days: until the next list.
    """
    start = now.replace(microsecond=0)
    unsigned = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(name_of(ROOT_NAME))
        .last_update(start)
        .next_update(start + timedelta(days=days))
    )
    for serial in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(start)
        unsigned = unsigned.add_revoked_certificate(entry.build())
    return unsigned.sign(ark_key, SHA384(), rsa_padding=PSS).public_bytes(Encoding.DER)


def _extensions(leaf: Leaf) -> dict[str, bytes]:
    identity = (
        {CSP_ID: element(der.IA5_STRING, SIMULATED_CLOUD.encode())}
        if leaf.kind == "vlek"
        else {HWID: leaf.chip_id[:8] if leaf.product == "Turin" else leaf.chip_id}
    )
    levels = {
        f"{SPL}.{number}": integer(level)
        for number, level in zip(SPL_ORDER[leaf.product], leaf.tcb, strict=True)
    }
    product = {f"{AMD}.1": integer(0), PRODUCT_NAME: element(der.IA5_STRING, leaf.product.encode())}
    return product | levels | identity


def _with_serial_zero(signed: x509.Certificate, key: rsa.RSAPrivateKey) -> bytes:
    # NOTE: the builder refuses serial number 0, which AMD's own certificates have; the number is
    # the first field after the version, and both forms are equally long.
    version, one, zero = b"\xa0\x03\x02\x01\x02", b"\x02\x01\x01", b"\x02\x01\x00"
    old = signed.tbs_certificate_bytes
    new = old.replace(version + one, version + zero, 1)
    encoded = signed.public_bytes(Encoding.DER).replace(old, new, 1)
    return encoded.replace(signed.signature, key.sign(new, PSS, SHA384()), 1)


def _builder(subject: str, issuer: str, start: datetime, days: int) -> x509.CertificateBuilder:
    begin = start.replace(microsecond=0) - timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .subject_name(name_of(subject))
        .issuer_name(name_of(issuer))
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=days + 1))
    )


def name_of(common_name: str) -> x509.Name:
    """A name in the form of AMD's, plainly marked as simulated."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Engineering"),
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Simulated, not AMD"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )
