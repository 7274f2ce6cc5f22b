"""What the parties accept from a Nitro enclave: one entry of the manifest's `attestation`.

Every field of one entry must hold at once. This module is shape only; `rules.nitro` compares.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic import StringConstraints as Text

from cleanroom.attestation.policy.base import DevelopmentRoots, Measurement
from cleanroom.encoding import Record

ModuleId = Annotated[str, Text(pattern=r"^i-[0-9a-f]{8,17}-enc[0-9a-f]{8,20}$")]
"""One enclave of one launch, such as `i-04fd167167daacf3b-enc01845e97d0b3eb4e`."""
Registers = Annotated[list[Measurement], Field(min_length=1, max_length=64)]
"""Values that a register may have."""
DEBUG_MODE = "0" * 96
"""What PCR0, PCR1 and PCR2 are in debug mode."""


class NitroPolicy(Record):
    """One accepted kind of Nitro enclave; all fields must hold together, never mix and match."""

    platform: Literal["nitro"]
    """The platform this entry is for."""
    pcr0: Registers
    """The enclave image file that is accepted."""
    pcr1: Registers
    """Its kernel and boot ramdisk."""
    pcr2: Registers
    """Its application, without the boot ramdisk."""
    pcr3: Literal["any"] | Registers = "any"
    """SHA-384 of 48 zero bytes and the role (IAM) of the parent instance's ARN."""
    pcr4: Literal["any"] | Registers = "any"
    """SHA-384 of 48 zero bytes and the parent instance's id: it lists machines."""
    pcr8: Literal["any"] | Registers = "any"
    """The certificate that signed the image file; zero without one."""
    module_ids: Literal["any"] | Annotated[list[ModuleId], Field(min_length=1, max_length=4096)] = (
        "any"
    )
    """Enclaves that are accepted, one by one: each launch has a new id."""
    debug: Literal["forbid", "any"] = "forbid"
    """Whether the enclave may run in debug mode, where its registers are zero."""
    host_data: Literal["any"]
    """An enclave has no field that its launcher fills, so `any` is all that can be asked."""
    development_roots: DevelopmentRoots = None
    """SHA-256 of simulated roots. With it only simulated evidence counts, without it only real."""

    @property
    def lists_machines(self) -> bool:
        """Whether only listed parent instances or enclaves are accepted."""
        return self.pcr4 != "any" or self.module_ids != "any"

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for name in ("pcr0", "pcr1", "pcr2"):
            if self.debug == "forbid" and DEBUG_MODE in getattr(self, name):
                raise ValueError(f"{name} lists zeros, which is debug mode, while debug is forbid")
        return self
