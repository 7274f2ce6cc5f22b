"""What a TPM quotes about a boot."""

from typing import Literal

from cleanroom.attestation.claims.base import Hex, Word
from cleanroom.encoding import Record


class MeasuredBoot(Record):
    """The PCRs of a quote."""

    bank: Literal["sha256", "sha384"]
    """Which bank is quoted."""
    pcrs: dict[str, Hex]
    """The quoted values by the number of the register, in decimal."""
    explained: list[int]
    """Registers whose values the event log explains; empty without a log."""
    firmware_version: Word
    """The TPM's firmware, in its maker's own way of counting."""
    resets: int
    """How often the TPM was reset."""
    restarts: int
    """How often it was restarted or resumed since its last reset."""
