"""What the claims of all machines have in common, and the devices that are attached to them."""

from typing import Annotated

from pydantic import Field

from cleanroom.attestation.claims.nvidia_gpu import NvidiaGpuClaims
from cleanroom.attestation.claims.nvidia_switch import NvidiaSwitchClaims
from cleanroom.attestation.claims.vouched import Assurance, Hex, Vouched, Word
from cleanroom.attestation.evidence import MOST_DEVICES, Platform, is_empty

__all__ = ["Assurance", "Claims", "DeviceClaims", "Hex", "Word"]

DeviceClaims = Annotated[NvidiaGpuClaims | NvidiaSwitchClaims, Field(discriminator="platform")]
"""Claims of any device, told apart by `platform`."""


class Claims(Vouched):
    """What a machine says, and its devices; for both the same conversation is bound."""

    platform: Platform
    """Which platform's rules were applied."""
    attached: Annotated[list[DeviceClaims], Field(max_length=MOST_DEVICES)] = Field(
        default=[], exclude_if=is_empty
    )
    """Devices whose evidence came along, in its order; not written where there are none."""

    @property
    def hides_memory(self) -> bool:
        """Whether the platform keeps memory from the host."""
        return True

    @property
    def firmware_current(self) -> bool:
        """Whether the vendor has no objection to the firmware, where its documents say so."""
        return True
