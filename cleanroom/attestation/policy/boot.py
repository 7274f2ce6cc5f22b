"""What the parties accept of a measured boot: values of PCRs that a TPM quotes."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic import StringConstraints as Text

from cleanroom.encoding import Record

PcrIndex = Annotated[str, Text(pattern=r"^([0-9]|1[0-9]|2[0-3])$")]
"""The number of a platform configuration register, in decimal: 0 to 23."""
PcrValue = Annotated[str, Text(pattern=r"^([0-9a-f]{64}|[0-9a-f]{96})$")]
"""What a register holds: SHA-256 or SHA-384, in lower-case hex."""
BOOT_PCRS = frozenset({"4", "7"})
"""What says which boot loader ran: its digest, or the keys that it had to be signed with."""


class BootValues(Record):
    """Accepted values of PCRs; each listed register must hold one of its values."""

    bank: Literal["sha256", "sha384"] = "sha256"
    """Which bank is quoted."""
    pcrs: dict[PcrIndex, Annotated[list[PcrValue], Field(min_length=1, max_length=64)]] = Field(
        min_length=1, max_length=24
    )
    """Accepted values by the number of the register; one that is not listed is free."""

    @model_validator(mode="after")
    def _boot_is_pinned(self) -> Self:
        if not BOOT_PCRS & self.pcrs.keys():
            raise ValueError("pcrs lists neither 4 nor 7: whoever has the disk chooses what boots")
        digits = {"sha256": 64, "sha384": 96}[self.bank]
        for index, values in self.pcrs.items():
            if any(len(value) != digits for value in values):
                raise ValueError(f"pcrs lists a value for {index} that is not of bank {self.bank}")
        return self
