"""Derives keys from a secret of the machine, bound to what they are for."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from cleanroom.encoding import frame


def derived(seed: bytes, label: str, *bound: bytes) -> bytes:
    """A key of 32 bytes (HKDF, RFC 5869).

    Args:
        seed: the machine's secret.
        label: what kind of key it is; keys of two kinds never meet.
        bound: what the key is tied to; other bytes give another key.
    """
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=frame(label, *bound)).derive(seed)
