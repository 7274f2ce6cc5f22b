"""Which devices prove themselves along with a worker's machine: those that the manifest asks for.

A device that no entry asks for would get the worker refused, so none is asked for evidence then. A
coordinator computes nothing and brings no device.
"""

from collections.abc import Callable, Sequence

from cleanroom.attestation.devices import asked_of
from cleanroom.attestation.evidence import Platform
from cleanroom.attestation.policy import AppraisalPolicy
from cleanroom.errors import MachineUnfit
from enclave.attester import Attester, nscq, nvml
from enclave.attester.composite import CompositeAttester, DeviceAttester

Beside = Callable[[Sequence[AppraisalPolicy]], Sequence[DeviceAttester]]
"""Gives the devices to prove, for the entries of a role."""


def nothing_beside(entries: Sequence[AppraisalPolicy]) -> Sequence[DeviceAttester]:
    """No device, as on a machine that has none."""
    del entries
    return ()


def devices_beside(
    platform: Platform,
    load_gpus: Callable[[], nvml.Call] = nvml.load_library,
    load_switches: Callable[[], nscq.Switches] = nscq.load_switches,
) -> Beside:
    """Every GPU of this guest, and every switch, where an entry for its platform asks for some.

    Args:
        platform: the machine's; entries for others are not about it.
        load_gpus: the driver's library, or a fake of it.
        load_switches: the library of switches, or a fake of it.
    """

    def beside(entries: Sequence[AppraisalPolicy]) -> Sequence[DeviceAttester]:
        ours = [asked_of(entry) for entry in entries if entry.platform == platform]
        asking = [asked for asked in ours if asked is not None]
        linked = [asked for asked in asking if asked.switches is not None]

        def gpus() -> Sequence[DeviceAttester]:
            return nvml.attached_gpus(load_gpus())

        def switches() -> Sequence[DeviceAttester]:
            return nscq.attached_switches(load_switches())

        found = _found(gpus, needed=len(asking), of=len(ours))
        return (*found, *(_found(switches, needed=len(linked), of=len(asking)) if found else ()))

    return beside


def _found(
    look: Callable[[], Sequence[DeviceAttester]], *, needed: int, of: int
) -> Sequence[DeviceAttester]:
    """Devices of a kind, or none where no entry needs them, or where one can do without."""
    if not needed:
        return ()
    try:
        return look()
    except MachineUnfit:
        if needed < of:
            return ()  # another entry takes this machine as it is
        raise


def with_devices(machine: Attester, devices: Sequence[DeviceAttester]) -> Attester:
    """The machine, together with its devices where there are some."""
    return CompositeAttester(machine, devices) if devices else machine
