"""Sealing bytes to somebody's key, and streams under a fresh key, both bound to a context.

Suite `cr1`: HPKE base mode (RFC 9180) with ML-KEM-768 + X25519, HKDF-SHA-256 and AES-256-GCM for
keys; C2SP chunked encryption (`cobblestone-256`) for anything longer. HPKE does not say who
sealed: senders sign what they seal. Columns of tables are sealed by `cleanroom.dataset` instead.
"""

import secrets
from hashlib import sha256
from typing import BinaryIO, NewType

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from cleanroom.errors import SealBroken

ALGORITHM = "mlkem768-x25519"
"""How manifests name the key-encapsulation mechanism."""
SealKey = NewType("SealKey", bytes)
"""A public key to seal to: ML-KEM-768 encapsulation key (1184 bytes) then X25519 key (32)."""
MLKEM_PUBLIC_LENGTH = 1184
MLKEM_SEED_LENGTH = 64
PUBLIC_KEY_LENGTH = MLKEM_PUBLIC_LENGTH + 32
PRIVATE_KEY_LENGTH = MLKEM_SEED_LENGTH + 32
CONTENT_KEY_LENGTH = 32
"""A content key is 32 random bytes."""

_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class Unsealer:
    """The private half of a `SealKey`; its `repr` shows nothing."""

    def __init__(self, private_key: bytes) -> None:
        """Read a private key: the 64-byte ML-KEM seed, then the 32-byte X25519 key."""
        if len(private_key) != PRIVATE_KEY_LENGTH:
            raise ValueError(f"a private seal key has {PRIVATE_KEY_LENGTH} bytes")
        seed, scalar = private_key[:MLKEM_SEED_LENGTH], private_key[MLKEM_SEED_LENGTH:]
        self._mlkem = mlkem.MLKEM768PrivateKey.from_seed_bytes(seed)
        self._x25519 = x25519.X25519PrivateKey.from_private_bytes(scalar)
        self._key = MLKEM768X25519PrivateKey(self._mlkem, self._x25519)

    @classmethod
    def generate(cls) -> "Unsealer":
        """A fresh key from the operating system's generator."""
        return cls(secrets.token_bytes(PRIVATE_KEY_LENGTH))

    @property
    def public_key(self) -> SealKey:
        """The raw public key, 1216 bytes."""
        return SealKey(
            self._mlkem.public_key().public_bytes_raw()
            + self._x25519.public_key().public_bytes_raw()
        )

    def private_bytes(self) -> bytes:
        """The raw private key, 96 bytes: only for the identity file or sealed state."""
        return self._mlkem.private_bytes_raw() + self._x25519.private_bytes_raw()

    def open(self, sealed: bytes, *, context: bytes) -> bytes:
        """Open what `seal` made for this key and this very context.

        Raises:
            SealBroken: another key, another context, or altered bytes.
        """
        try:
            return _SUITE.decrypt(sealed, self._key, info=context)
        except (InvalidTag, ValueError):
            raise SealBroken("sealed bytes do not open with this key and context") from None

    def __repr__(self) -> str:
        return "Unsealer()"


def seal(plaintext: bytes, to: SealKey, *, context: bytes) -> bytes:
    """Seal a short secret to `to`; it opens only with the same `context`.

    Args:
        plaintext: usually a 32-byte content key.
        to: raw public key, 1216 bytes.
        context: what, for whom and for which run; becomes HPKE's `info`.

    Raises:
        SealBroken: `to` is not a public key of suite `cr1`.
    """
    if len(to) != PUBLIC_KEY_LENGTH:
        raise SealBroken(f"a seal key has {len(to)} bytes, expected {PUBLIC_KEY_LENGTH}")
    try:
        key = MLKEM768X25519PublicKey(
            mlkem.MLKEM768PublicKey.from_public_bytes(to[:MLKEM_PUBLIC_LENGTH]),
            x25519.X25519PublicKey.from_public_bytes(to[MLKEM_PUBLIC_LENGTH:]),
        )
        return _SUITE.encrypt(plaintext, key, info=context)
    except ValueError:
        raise SealBroken("the bytes are not a public key of suite cr1") from None


def encrypt_content(plaintext: bytes, key: bytes, *, context: bytes) -> bytes:
    """Encrypt bytes of any length under a fresh 32-byte content key, bound to `context`."""
    encryptor = Cobblestone256Encryptor(key, context)
    return encryptor.update(plaintext) + encryptor.finalize()


class ContentWriter:
    """Encrypts a stream on its way into a file: the bytes that `encrypt_content` would return.

    Neither plaintext nor ciphertext is ever in memory as a whole.
    """

    def __init__(self, file: BinaryIO, key: bytes, *, context: bytes) -> None:
        """Write under a fresh 32-byte content key into `file`, bound to `context`."""
        self._encryptor = Cobblestone256Encryptor(key, context)
        self._file = file
        self._digest = sha256()
        self.size = 0
        """Bytes of ciphertext so far."""

    def write(self, plaintext: bytes) -> int:
        """Encrypt the next piece; returns its length."""
        self._put(self._encryptor.update(plaintext))
        return len(plaintext)

    def finish(self) -> str:
        """Write what marks the end; the digest of all ciphertext, as `content_digest` has it."""
        self._put(self._encryptor.finalize())
        return "sha256:" + self._digest.hexdigest()

    def _put(self, ciphertext: bytes) -> None:
        self._digest.update(ciphertext)
        self.size += self._file.write(ciphertext)


def decrypt_content(ciphertext: bytes, key: bytes, *, context: bytes) -> bytes:
    """Decrypt what `encrypt_content` made; nothing is returned before the end is authentic.

    Raises:
        SealBroken: another key, another context, or altered, truncated or extended bytes.
    """
    try:
        decryptor = Cobblestone256Decryptor(key, context)
        return decryptor.update(ciphertext) + decryptor.finalize()
    except (InvalidTag, ValueError):
        raise SealBroken("encrypted content does not open with this key and context") from None
