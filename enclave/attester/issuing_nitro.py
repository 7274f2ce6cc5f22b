"""Issues certificates like AWS's for Nitro enclaves, under a development root.

The same five steps (root, region, zone, instance, enclave), path lengths, key usages and lifetimes.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

ROOT_NAME = "simulated.nitro-enclaves"
AUTHORITIES = (
    "region.simulated.nitro-enclaves",
    "zone.simulated.nitro-enclaves",
    "instance.simulated.nitro-enclaves",
)
"""Below the root, the issuer of enclaves last."""
LEAF_NAME = "enclave.simulated.nitro-enclaves"


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who signs a certificate."""

    name: str
    key: ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Window:
    """From when to when a certificate is valid."""

    start: datetime
    end: datetime

    @classmethod
    def around(cls, now: datetime, hours: tuple[int, int]) -> "Window":
        """A window by its distance from `now`, in hours."""
        start, end = (now.replace(microsecond=0) + timedelta(hours=hour) for hour in hours)
        return cls(start, end)


def issue_authority(
    name: str,
    key: ec.EllipticCurvePublicKey,
    issuer: Issuer,
    window: Window,
    path_length: int | None,
) -> bytes:
    """A certificate that may issue others, DER.

    Args:
        name: its common name.
        key: whose it is.
        issuer: who signs; for a root itself.
        window: when it is valid.
        path_length: how many authorities may stand below it; None for any number.
    """
    constraints = x509.BasicConstraints(ca=True, path_length=path_length)
    return _sign(_builder(name, key, window), issuer, constraints)


def issue_leaf(key: ec.EllipticCurvePublicKey, issuer: Issuer, window: Window) -> bytes:
    """The certificate of a module's key, DER."""
    constraints = x509.BasicConstraints(ca=False, path_length=None)
    return _sign(_builder(LEAF_NAME, key, window), issuer, constraints)


def _builder(name: str, key: ec.EllipticCurvePublicKey, window: Window) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .serial_number(x509.random_serial_number())
        .public_key(key)
        .not_valid_before(window.start)
        .not_valid_after(window.end)
    )


def _sign(
    builder: x509.CertificateBuilder, issuer: Issuer, constraints: x509.BasicConstraints
) -> bytes:
    signed = (
        builder.issuer_name(_name(issuer.name))
        .add_extension(constraints, critical=True)
        .add_extension(_usage(authority=constraints.ca), critical=constraints.ca)
        .sign(issuer.key, SHA384())
    )
    return signed.public_bytes(Encoding.DER)


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Simulated, not Amazon"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )
