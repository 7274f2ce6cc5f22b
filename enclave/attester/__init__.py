"""What the machine below can say about this guest, and the key it keeps for it.

This is the only room that touches hardware. An attester collects evidence; it never judges it.
"""

from typing import Protocol

from cleanroom.attestation.binding import Binding
from cleanroom.attestation.evidence import Evidence


class Attester(Protocol):
    """The platform under this guest."""

    @property
    def measurement(self) -> bytes:
        """The launch measurement of this guest, as the platform reports it; 48 bytes."""
        ...

    @property
    def host_data(self) -> bytes:
        """What the launcher tied to this guest (HOSTDATA): the genesis digest; 32 bytes."""
        ...

    def collect(self, binding: Binding) -> Evidence:
        """Fresh evidence that carries `binding` as its report data."""
        ...

    def derive_key(self, context: bytes) -> bytes:
        """A 32-byte secret that only this measurement and guest policy gets on this machine.

        Args:
            context: what the key is for; another context gives an unrelated key.
        """
        ...
