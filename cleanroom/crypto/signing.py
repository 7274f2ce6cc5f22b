"""Ed25519 signatures behind two small roles: something that signs, and a key that verifies.

Where a private key lives (file, HSM, KMS) is the business of whoever implements `Signer`.
"""

from typing import NewType, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cleanroom.errors import SignatureInvalid

VerifyKey = NewType("VerifyKey", bytes)
"""A raw Ed25519 public key, 32 bytes (RFC 8032)."""
PUBLIC_KEY_LENGTH = 32
SIGNATURE_LENGTH = 64


class Signer(Protocol):
    """Signs bytes under one named key."""

    @property
    def kid(self) -> str:
        """The key's name, `<party>-<use>` for a party's key."""
        ...

    def sign(self, content: bytes) -> bytes:
        """The 64-byte Ed25519 signature of `content`."""
        ...


class Ed25519Signer:
    """A signer whose private key is in memory; its `repr` shows the name only."""

    def __init__(self, kid: str, private_key: bytes) -> None:
        self._kid = kid
        self._key = Ed25519PrivateKey.from_private_bytes(private_key)

    @classmethod
    def generate(cls, kid: str) -> "Ed25519Signer":
        """A fresh key from the operating system's generator."""
        return cls(kid, Ed25519PrivateKey.generate().private_bytes_raw())

    @property
    def kid(self) -> str:
        """The key's name."""
        return self._kid

    @property
    def public_key(self) -> VerifyKey:
        """The raw public key, 32 bytes."""
        return VerifyKey(self._key.public_key().public_bytes_raw())

    def private_bytes(self) -> bytes:
        """The raw private key, 32 bytes: only for the identity file or sealed state."""
        return self._key.private_bytes_raw()

    def sign(self, content: bytes) -> bytes:
        """The 64-byte Ed25519 signature of `content` (RFC 8032)."""
        return self._key.sign(content)

    def __repr__(self) -> str:
        return f"Ed25519Signer({self._kid!r})"


def verify_signature(key: VerifyKey, signature: bytes, content: bytes, *, of: str) -> bytes:
    """Return `content` once `signature` verifies under `key`.

    Args:
        key: raw Ed25519 public key, 32 bytes.
        signature: 64 bytes.
        content: what was signed.
        of: what the content is, for the message.

    Raises:
        SignatureInvalid: the key is no Ed25519 key or the signature does not verify.
    """
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, content)
    except (InvalidSignature, ValueError):
        raise SignatureInvalid(f"the signature of {of} does not verify") from None
    return content
