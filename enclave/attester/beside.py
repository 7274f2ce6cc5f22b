"""Which devices prove themselves along with a worker's machine: those that the manifest asks for.

A device that no entry asks for would get the worker refused, so none is asked for evidence then. A
coordinator computes nothing and brings no device.
"""

from collections.abc import Callable, Sequence

from cleanroom.attestation.devices import asked_of
from cleanroom.attestation.evidence import Platform
from cleanroom.attestation.policy import AppraisalPolicy
from cleanroom.errors import MachineUnfit
from enclave.attester import Attester, nvml
from enclave.attester.composite import CompositeAttester, DeviceAttester

Beside = Callable[[Sequence[AppraisalPolicy]], Sequence[DeviceAttester]]
"""Gives the devices to prove, for the entries of a role."""


def nothing_beside(entries: Sequence[AppraisalPolicy]) -> Sequence[DeviceAttester]:
    """No device, as on a machine that has none."""
    del entries
    return ()


def gpus_beside(platform: Platform, load: Callable[[], nvml.Call] = nvml.load_library) -> Beside:
    """Every GPU of this guest, where an entry for its platform asks for some.

    Args:
        platform: the machine's; entries for others are not about it.
        load: the driver's library, or a fake of it.
    """

    def beside(entries: Sequence[AppraisalPolicy]) -> Sequence[DeviceAttester]:
        ours = [entry for entry in entries if entry.platform == platform]
        asking = [entry for entry in ours if asked_of(entry) is not None]
        if not asking:
            return ()
        try:
            return nvml.attached_gpus(load())
        except MachineUnfit:
            if len(asking) < len(ours):
                return ()  # another entry takes this machine as it is
            raise

    return beside


def with_devices(machine: Attester, devices: Sequence[DeviceAttester]) -> Attester:
    """The machine, together with its devices where there are some."""
    return CompositeAttester(machine, devices) if devices else machine
