"""The table of devices that may be beside a machine: which code verifies each of them.

A device is no machine: it has no entry of its own in a manifest, and its evidence counts only as
`attached` to a machine's (`composite` tells how they are bound). What is asked of devices is part
of the machine's entry; `rules.devices` compares.
"""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Protocol

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.claims import DeviceClaims
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Device, DeviceEvidence
from cleanroom.attestation.platforms import nvidia_gpu, nvidia_switch
from cleanroom.attestation.policy import AppraisalPolicy
from cleanroom.attestation.policy.devices import AttachedDevices, GuestWithDevices


class AuthenticateDevice(Protocol):
    """The claims in some evidence, once a vendor's chain vouches for them; raises at a fault."""

    def __call__(
        self, evidence: DeviceEvidence, *, anchors: Anchors, collateral: Collateral, now: datetime
    ) -> DeviceClaims:
        """Cryptography only; the binding is compared by the caller."""
        ...


DEVICES: Mapping[Device, AuthenticateDevice] = MappingProxyType(
    {
        "nvidia-gpu": nvidia_gpu.authenticate,
        "nvidia-switch": nvidia_switch.authenticate,
    }
)
"""Every device by its name in evidence, claims and policies."""


def asked_of(policy: AppraisalPolicy) -> AttachedDevices | None:
    """What an entry for a machine asks of devices; None where it says nothing."""
    return policy.devices if isinstance(policy, GuestWithDevices) else None
