"""What the parties accept from an NVIDIA switch beside a machine: part of that machine's entry.

Every field must hold at once, for each switch. Shape only; `rules.nvidia_switch` compares.
"""

from typing import Literal

from pydantic import Field

from cleanroom.attestation.policy.base import DevelopmentRoots
from cleanroom.attestation.policy.nvidia import DeviceIds, Measured, VbiosVersions
from cleanroom.encoding import Record


class NvidiaSwitchPolicy(Record):
    """One accepted kind of switch."""

    platform: Literal["nvidia-switch"]
    """The kind of device."""
    architectures: list[Literal["ls10"]] = Field(default=["ls10"], min_length=1, max_length=1)
    """Generations that are accepted."""
    measurements: Measured
    """What firmware and configuration measure; some differ with the switch's place on the board."""
    vbios: VbiosVersions
    """Firmware versions that are accepted."""
    lock: Literal["require", "any"] = "require"
    """Whether the switch's routes must be locked."""
    device_ids: DeviceIds = "any"
    """Switches that are accepted, one by one."""
    development_roots: DevelopmentRoots = None
    """SHA-256 of simulated roots. With it only simulated evidence counts, without it only real."""

    @property
    def lists_machines(self) -> bool:
        """Whether only listed switches are accepted."""
        return self.device_ids != "any"
