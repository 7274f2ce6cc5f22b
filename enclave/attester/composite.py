"""Collects evidence of a machine and of the devices beside it, in the order that binds them.

The devices are asked first, each with a nonce of its own; then the machine, which carries their
digests. How that is bound is told in `cleanroom.attestation.composite`.
"""

from collections.abc import Sequence
from typing import Protocol

from cleanroom.attestation.binding import Binding, binding_of
from cleanroom.attestation.composite import device_nonce, machine_binding
from cleanroom.attestation.evidence import Device, DeviceEvidence, Evidence
from enclave.attester import Attester


class DeviceAttester(Protocol):
    """A device beside this guest."""

    @property
    def kind(self) -> Device:
        """Which kind of device it is."""
        ...

    def collect(self, nonce: bytes) -> DeviceEvidence:
        """Fresh evidence that carries `nonce`, 32 bytes."""
        ...


class CompositeAttester:
    """An `Attester` of a machine with devices.

    Args:
        machine: the platform under this guest.
        devices: what is beside it, in the order in which its evidence will travel.
    """

    def __init__(self, machine: Attester, devices: Sequence[DeviceAttester]) -> None:
        self._machine = machine
        self._devices = tuple(devices)

    @property
    def measurement(self) -> bytes:
        """The launch measurement of the machine, 48 bytes."""
        return self._machine.measurement

    @property
    def host_data(self) -> bytes:
        """What the launcher tied to the machine, 32 bytes."""
        return self._machine.host_data

    def collect(self, binding: Binding) -> Evidence:
        """Fresh evidence of the machine and of all devices, bound to each other and to `binding`.

        Raises:
            MachineUnfit: the machine or a device gives none.
        """
        base = binding_of(binding)
        attached = [
            device.collect(device_nonce(base, device.kind, index))
            for index, device in enumerate(self._devices)
        ]
        evidence = self._machine.collect(machine_binding(base, attached))
        return evidence.model_copy(update={"attached": attached})

    def derive_key(self, context: bytes) -> bytes:
        """The machine's key; devices have none."""
        return self._machine.derive_key(context)
