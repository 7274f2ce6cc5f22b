"""The words that policy entries of NVIDIA's devices share."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic import StringConstraints as Text

from cleanroom.attestation.policy.base import Measurement
from cleanroom.encoding import Digest, Record

BlockIndex = Annotated[str, Text(pattern=r"^([1-9][0-9]?|1[01][0-9]|12[0-8])$")]
"""The index of a measurement in the device's response, in decimal, from 1. NVIDIA's reference
manifests (RIM) count from 0: index 9 there is `10` here."""
BlockValues = Literal["any"] | Annotated[list[Measurement], Field(min_length=1, max_length=64)]
"""Digests that a measurement may have; zeros are written as 96 zeros."""
Measured = Annotated[dict[BlockIndex, BlockValues], Field(min_length=1, max_length=128)]
"""Measurements by index, whole: one that is not listed must be zero."""
DriverVersion = Annotated[str, Text(pattern=r"^[0-9]{1,4}(\.[0-9]{1,4}){1,3}$")]
"""Such as `580.95.05`."""
VbiosVersion = Annotated[str, Text(pattern=r"^[0-9A-F]{2}(\.[0-9A-F]{2}){4}$")]
"""Such as `96.00.A5.00.01`."""
DeviceIds = Literal["any"] | Annotated[list[Digest], Field(min_length=1, max_length=4096)]
"""Devices by SHA-256 of the public key in the boot ROM's certificate, the chain's second."""


class DriverFloors(Record):
    """The lowest accepted version of each accepted branch, as NVIDIA's bulletins name them."""

    at_least: list[DriverVersion] = Field(min_length=1, max_length=16)
    """One for each branch (the first number); a branch without one is refused."""


class VbiosFloors(Record):
    """The lowest accepted version of each accepted line."""

    at_least: list[VbiosVersion] = Field(min_length=1, max_length=16)
    """One for each line (the first two numbers); a line without one is refused."""


ListedDrivers = Annotated[list[DriverVersion], Field(min_length=1, max_length=64)]
"""Drivers one by one."""
ListedVbios = Annotated[list[VbiosVersion], Field(min_length=1, max_length=64)]
"""VBIOS versions one by one."""
DriverVersions = Literal["any"] | ListedDrivers | DriverFloors
"""Listed versions, floors, or `any`."""
VbiosVersions = Literal["any"] | ListedVbios | VbiosFloors
"""Listed versions, floors, or `any`."""
