"""Keys of simulated machines: private, in one file of mode 0600, never in the package."""

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)


def private_bytes(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    """A private key, PKCS #8, DER."""
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def load_rsa_key(encoded: bytes) -> rsa.RSAPrivateKey:
    """The key that `private_bytes` wrote."""
    key = load_der_private_key(encoded, None)
    assert isinstance(key, rsa.RSAPrivateKey)  # noqa: S101 - `private_bytes` wrote it
    return key


def load_ec_key(encoded: bytes) -> ec.EllipticCurvePrivateKey:
    """The key that `private_bytes` wrote."""
    key = load_der_private_key(encoded, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101 - `private_bytes` wrote it
    return key


def write_private(file: Path, content: bytes) -> None:
    """Make a new file that only its owner reads; an existing one is an error."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
