"""One conversation with the platform at a time, where the platform can hold only one.

A TPM answers on one connection; two threads that ask at once would read each other's answers.
"""

import threading

from cleanroom.attestation.binding import Binding
from cleanroom.attestation.evidence import Evidence
from enclave.attester import Attester


class QueuedAttester:
    """An `Attester` that lets others wait while it asks.

    Args:
        machine: the platform under this guest.
    """

    def __init__(self, machine: Attester) -> None:
        self._machine = machine
        self._turn = threading.Lock()

    @property
    def measurement(self) -> bytes:
        """What the platform says was launched, 48 bytes."""
        with self._turn:
            return self._machine.measurement

    @property
    def host_data(self) -> bytes:
        """What the launcher tied to the machine, 32 bytes."""
        with self._turn:
            return self._machine.host_data

    def collect(self, binding: Binding) -> Evidence:
        """Fresh evidence, once it is this caller's turn."""
        with self._turn:
            return self._machine.collect(binding)

    def derive_key(self, context: bytes) -> bytes:
        """The platform's key, once it is this caller's turn."""
        with self._turn:
            return self._machine.derive_key(context)
