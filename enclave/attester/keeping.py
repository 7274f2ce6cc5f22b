"""Keys of simulated machines: private, in one file of mode 0600, never in the package."""

import os
from pathlib import Path
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from cleanroom.encoding import Record
from cleanroom.errors import FileMissing, Usage

Kept = TypeVar("Kept", bound=Record)


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


def keep(file: Path, kept: Kept) -> Kept:
    """Return what is kept from now on, in a new file that only its owner reads.

    Raises:
        Usage: there is one already.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Usage(f"{file.name} exists already, expected a directory without one") from None
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(kept.to_bytes())
    return kept


def read_kept(file: Path, kind: type[Kept]) -> Kept:
    """What was kept in a file of secrets.

    Raises:
        FileMissing: there is none.
    """
    if not file.is_file():
        raise FileMissing(f"{file.name} is missing, expected a simulated platform")
    return kind.from_bytes(file.read_bytes())
