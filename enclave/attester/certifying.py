"""What simulated vendors' certificates have in common: fields, uses of keys, names, and PEM.

In what they differ (names, extensions, suites) is in the `issuing` modules.
"""

from datetime import datetime
from typing import Literal, get_args

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

Use = Literal[
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
]


def unsigned(
    subject: x509.Name,
    issuer: x509.Name,
    key: CertificatePublicKeyTypes,
    valid: tuple[datetime, datetime],
    serial: int | None = None,
) -> x509.CertificateBuilder:
    """A certificate without extensions, before it is signed.

    Args:
        subject: whose it is.
        issuer: who will sign.
        key: the certified key.
        valid: from when to when.
        serial: its number; a random one if none is given.
    """
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
    )


def key_usage(*uses: Use) -> x509.KeyUsage:
    """What a key may be used for (RFC 5280 §4.2.1.3), and nothing else."""
    return x509.KeyUsage(**{use: use in uses for use in get_args(Use)})


def authority_or_leaf(*, authority: bool) -> x509.KeyUsage:
    """An authority signs certificates and lists, a leaf signs what it says; nobody does both."""
    return key_usage("key_cert_sign", "crl_sign") if authority else key_usage("digital_signature")


def common_name(name: str) -> x509.Name:
    """A name of one part."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def pem(*encoded: bytes) -> bytes:
    """Certificates (DER) in PEM, one after the other."""
    return b"".join(
        x509.load_der_x509_certificate(one).public_bytes(Encoding.PEM) for one in encoded
    )
