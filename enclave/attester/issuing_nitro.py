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

from enclave.attester.certifying import Use, key_usage, unsigned

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
    return _issue(name, key, issuer, window, constraints)


def issue_leaf(key: ec.EllipticCurvePublicKey, issuer: Issuer, window: Window) -> bytes:
    """The certificate of a module's key, DER."""
    constraints = x509.BasicConstraints(ca=False, path_length=None)
    return _issue(LEAF_NAME, key, issuer, window, constraints)


def _issue(
    name: str,
    key: ec.EllipticCurvePublicKey,
    issuer: Issuer,
    window: Window,
    constraints: x509.BasicConstraints,
) -> bytes:
    uses: tuple[Use, ...] = ("key_cert_sign", "crl_sign") if constraints.ca else ()
    signed = (
        unsigned(_name(name), _name(issuer.name), key, (window.start, window.end))
        .add_extension(constraints, critical=True)
        .add_extension(key_usage("digital_signature", *uses), critical=constraints.ca)
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
