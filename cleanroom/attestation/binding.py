"""The 64 bytes that tie evidence to one conversation.

A platform signs 64 bytes of our choice (report data). They are always a SHA-512 over a frame, so
they name the nonces, keys and manifest that the evidence speaks for. This module decides nothing
about what belongs into a frame: the protocols do.
"""

import hashlib
import hmac
from typing import NewType

from cleanroom.encoding import frame
from cleanroom.errors import BindingMismatch

BINDING_LENGTH = 64
"""Report data of SEV-SNP, TDX and CCA; in bytes."""
Binding = NewType("Binding", bytes)
"""Exactly 64 bytes; never padded, never cut."""


def bind(domain: str, *fields: bytes) -> Binding:
    """The binding of `fields`: SHA-512 over `frame(domain, *fields)`.

    Args:
        domain: what the evidence is for, such as `cleanroom/join/v1`.
        fields: nonces, digests and public keys, in the protocol's order.
    """
    return Binding(hashlib.sha512(frame(domain, *fields)).digest())


def binding_of(raw: bytes) -> Binding:
    """Accept bytes from elsewhere as a binding.

    Raises:
        BindingMismatch: they are not exactly 64 bytes.
    """
    if len(raw) != BINDING_LENGTH:
        raise BindingMismatch(
            f"the expected report data is {len(raw)} bytes, expected {BINDING_LENGTH} bytes",
            hint="make it with `bind`; report data is never padded or cut",
        )
    return Binding(raw)


def check_binding(found: bytes, expected: bytes) -> bytes:
    """Return `expected` once the evidence carries it, compared in constant time.

    Args:
        found: what the platform signed.
        expected: a binding, as the platform carries it.

    Raises:
        BindingMismatch: the evidence was made for another conversation.
    """
    if not hmac.compare_digest(found, expected):
        raise BindingMismatch(
            f"report data is {found.hex()[:16]}…, expected {expected.hex()[:16]}…"
        )
    return expected
