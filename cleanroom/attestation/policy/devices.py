"""What an entry for a machine asks of the devices beside it: how many, and which.

The devices are part of the machine's entry, so that one entry still holds whole: a good machine of
one entry never excuses the GPUs of another. Shape only; `rules.devices` compares.
"""

from typing import Self

from pydantic import Field, model_validator

from cleanroom.attestation.evidence import MOST_DEVICES
from cleanroom.attestation.policy.base import DevelopmentRoots
from cleanroom.attestation.policy.nvidia_gpu import NvidiaGpuPolicy
from cleanroom.attestation.policy.nvidia_switch import NvidiaSwitchPolicy
from cleanroom.encoding import Digest, Record


class GpuDemands(Record):
    """GPUs that must be there."""

    count: int = Field(ge=1, le=MOST_DEVICES)
    """Exactly so many."""
    policy: NvidiaGpuPolicy
    """What each of them must meet."""


class SwitchDemands(Record):
    """Switches that must be there."""

    count: int = Field(ge=1, le=MOST_DEVICES)
    """Exactly so many."""
    policy: NvidiaSwitchPolicy
    """What each of them must meet."""


class AttachedDevices(Record):
    """What must be beside the machine; without it nothing may be."""

    gpus: GpuDemands
    """GPUs whose evidence is bound to the machine's."""
    switches: SwitchDemands | None = Field(default=None, exclude_if=lambda asked: asked is None)
    """Switches between the GPUs; needed where their links are open (`protected-pcie`)."""

    @property
    def development_roots(self) -> list[list[Digest] | None]:
        """What each kind of device pins, as `Anchors.of` asks it of every entry."""
        asked: list[GpuDemands | SwitchDemands | None] = [self.gpus, self.switches]
        return [one.policy.development_roots for one in asked if one is not None]

    @property
    def lists_machines(self) -> bool:
        """Whether only listed devices are accepted."""
        switches = self.switches is None or self.switches.policy.lists_machines
        return self.gpus.policy.lists_machines and switches

    @model_validator(mode="after")
    def _links_are_covered(self) -> Self:
        if "protected-pcie" in self.gpus.policy.modes and self.switches is None:
            raise ValueError(
                "gpus lists the mode protected-pcie while no switches are asked for: the links "
                "between the GPUs are open there, so the switches must be attested"
            )
        return self


class GuestWithDevices(Record):
    """The part of an entry that machines with devices share."""

    devices: AttachedDevices | None = Field(default=None, exclude_if=lambda asked: asked is None)
    """GPUs and switches that must be beside the machine; without it none may be."""
    development_roots: DevelopmentRoots = None
    """SHA-256 of simulated roots. With it only simulated evidence counts, without it only real."""

    @model_validator(mode="after")
    def _devices_fit(self) -> Self:
        asked = [] if self.devices is None else self.devices.development_roots
        if any((roots is None) != (self.development_roots is None) for roots in asked):
            raise ValueError("devices mixes simulated devices with real machines, or the reverse")
        return self
