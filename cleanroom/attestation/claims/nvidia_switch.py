"""What an NVIDIA switch (NVSwitch) says in its signed measurements, and NVIDIA about it."""

from typing import Literal

from pydantic import Field

from cleanroom.attestation.claims.vouched import Hex, Vouched
from cleanroom.encoding import Digest


class NvidiaSwitchClaims(Vouched):
    """What a switch between GPUs reports."""

    platform: Literal["nvidia-switch"]
    """A switch of NVIDIA."""
    architecture: Literal["ls10"]
    """Its generation."""
    chip: str
    """Its chip, such as `LS_10`."""
    device_id: Digest
    """The very switch: SHA-256 of the public key that NVIDIA certified for its boot ROM."""
    pdi: Hex = Field(min_length=16, max_length=16)
    """Its public identifier, by which GPUs name it; 8 bytes."""
    measurements: dict[str, Hex]
    """Digests of 48 bytes by their index in decimal, from 1; those that are zero are left out."""
    vbios_version: str
    """Its firmware, such as `96.10.73.00.01`."""
    locked: bool
    """Whether its routes can be changed no more."""
    position: int = Field(ge=0, le=65535)
    """Its place on the board."""
    disabled_ports: Hex
    """Ports that are off, a bit each, as the report writes them."""
    gpu_pdis: list[Hex]
    """GPUs at the other end of its links."""
    unnamed_fields: list[int]
    """Types of opaque fields that have no name here; shown, not judged."""
