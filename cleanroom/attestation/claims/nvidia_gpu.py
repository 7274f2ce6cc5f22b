"""What an NVIDIA GPU says in its signed measurements, and NVIDIA about the GPU."""

from typing import Literal

from pydantic import Field

from cleanroom.attestation.claims.vouched import Hex, Vouched
from cleanroom.encoding import Digest

GpuMode = Literal["multi", "single", "protected-pcie", "unsaid"]
"""How GPUs are passed through: several by encrypted links, one, or several through switches whose
links are not encrypted (`protected-pcie`); older firmware does not say."""


class NvidiaGpuClaims(Vouched):
    """What a GPU in confidential mode reports."""

    platform: Literal["nvidia-gpu"]
    """A graphics processor of NVIDIA."""
    architecture: Literal["hopper", "blackwell"]
    """Its generation."""
    chip: str
    """Its chip, such as `GH100`."""
    device_id: Digest
    """The very GPU: SHA-256 of the public key that NVIDIA certified for its boot ROM."""
    pdi: Hex = Field(min_length=16, max_length=16)
    """Its public identifier, by which switches name it; 8 bytes."""
    measurements: dict[str, Hex]
    """Digests of 48 bytes by their index in decimal, from 1; those that are zero are left out."""
    driver_version: str
    """The driver that set the GPU up, such as `580.95.05`."""
    vbios_version: str
    """Its VBIOS, such as `96.00.A5.00.01`."""
    fwid: Hex
    """The first firmware, as report and certificate name it; SHA-384."""
    mode: GpuMode
    """How it is passed through (feature flag)."""
    protected_pcie: bool
    """Whether its links to switches are open; never together with mode `single` or `multi`."""
    video_decoder: Literal["enabled", "disabled", "unsaid"]
    """NVDEC0; shown, not judged: its measurement is."""
    board_id: Hex
    """The board; empty where the report does not say."""
    chip_sku: str
    """The chip's product code, such as `885`."""
    project: str
    """The board's project and its code, such as `G520-0200`."""
    switch_pdis: list[Hex]
    """Switches at the other end of its links; empty without any."""
    unnamed_fields: list[int]
    """Types of opaque fields that have no name here; shown, not judged."""
