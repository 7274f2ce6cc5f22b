"""What the parties accept from an NVIDIA GPU beside a machine: part of that machine's entry.

Every field must hold at once, for each GPU. This module is shape only; `rules.nvidia_gpu` compares.
"""

from typing import Literal

from pydantic import Field

from cleanroom.attestation.policy.base import DevelopmentRoots
from cleanroom.attestation.policy.nvidia import DeviceIds, DriverVersions, Measured, VbiosVersions
from cleanroom.encoding import Record


class NvidiaGpuPolicy(Record):
    """One accepted kind of GPU in confidential mode."""

    platform: Literal["nvidia-gpu"]
    """The kind of device."""
    architectures: list[Literal["hopper", "blackwell"]] = Field(min_length=1, max_length=2)
    """Generations that are accepted."""
    measurements: Measured
    """What firmware and configuration measure: taken from a GPU that the parties examined, or from
    NVIDIA's reference manifests for its driver and VBIOS."""
    drivers: DriverVersions
    """Drivers that are accepted, as the GPU reports them."""
    vbios: VbiosVersions
    """VBIOS versions that are accepted."""
    modes: list[Literal["single", "multi", "protected-pcie", "unsaid"]] = Field(
        default=["single", "multi"], min_length=1, max_length=4
    )
    """How GPUs may be passed through; `protected-pcie` leaves the links between them open, and
    `unsaid` is older firmware, which does not say."""
    device_ids: DeviceIds = "any"
    """GPUs that are accepted, one by one: the only answer to borrowed and relayed ones."""
    development_roots: DevelopmentRoots = None
    """SHA-256 of simulated roots. With it only simulated evidence counts, without it only real."""

    @property
    def lists_machines(self) -> bool:
        """Whether only listed GPUs are accepted."""
        return self.device_ids != "any"
