"""How property tests spoil bytes, and what they call a refusal."""

from collections.abc import Callable

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from cleanroom.errors import NotTrusted

MODEST = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
PLACE = st.floats(0, 1, exclude_max=True)
"""Where in some bytes, as a share of their length."""
CHANGE = st.integers(1, 255)
"""What a byte is changed by; never nothing."""


def altered(raw: bytes, place: float, change: int) -> bytes:
    """The bytes with one changed."""
    changed = bytearray(raw)
    changed[int(place * len(raw))] ^= change
    return bytes(changed)


def beginning(raw: bytes, place: float) -> bytes:
    """A beginning of the bytes, never all of them and never nothing."""
    return raw[: max(1, int(place * len(raw)))]


def refused(
    call: Callable[..., object], *arguments: object, by: type[NotTrusted] = NotTrusted
) -> bool:
    """Whether the call ends in a refusal; any other exception escapes."""
    try:
        call(*arguments)
    except by:
        return True
    return False
