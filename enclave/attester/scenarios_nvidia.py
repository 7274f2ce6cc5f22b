"""What can be wrong with a simulated GPU or switch, as a table: tests choose a row."""

from dataclasses import dataclass
from typing import Literal

NvidiaScenarioName = Literal[
    "good",
    "wrong-measurement",
    "wrong-nonce",
    "debug",
    "masked",
    "stolen-chain",
    "other-firmware",
    "no-firmware",
    "unsaid",
    "contradiction",
    "unnamed-field",
    "newer-format",
    "unlocked",
    "wrong-kind",
    "long-chain",
    "blackwell",
    "stranger",
]


@dataclass(frozen=True, slots=True)
class NvidiaScenario:
    """How measurements, and the certificates over them, differ from good ones."""

    spoiled_block: int | None = None
    """Which measurement holds another value."""
    other_nonce: bool = False
    debug: bool = False
    """Developer tools are on: two more measurements, and the video decoder runs."""
    masked: bool = False
    """The signature is zeros."""
    other_signer: bool = False
    """Another device's key signs than the chain's."""
    other_firmware: bool = False
    """The report names firmware that the certificate does not."""
    no_firmware: bool = False
    unsaid: bool = False
    """Older firmware, without the feature flag."""
    contradiction: bool = False
    """Protected PCIe is on while the feature flag says something else."""
    unnamed_field: bool = False
    newer_format: bool = False
    unlocked: bool = False
    """The switch's routes are open."""
    wrong_kind: bool = False
    """The chain of a GPU for a switch, and the reverse."""
    long_chain: bool = False
    """The boot ROM vouches for another boot ROM."""
    blackwell: bool = False
    """A GB100, whose certificates tell the firmware in another way."""
    stranger: bool = False
    """Linked to a device that is not attested."""


SCENARIOS: dict[NvidiaScenarioName, NvidiaScenario] = {
    "good": NvidiaScenario(),
    "wrong-measurement": NvidiaScenario(spoiled_block=10),
    "wrong-nonce": NvidiaScenario(other_nonce=True),
    "debug": NvidiaScenario(debug=True),
    "masked": NvidiaScenario(masked=True),
    "stolen-chain": NvidiaScenario(other_signer=True),
    "other-firmware": NvidiaScenario(other_firmware=True),
    "no-firmware": NvidiaScenario(no_firmware=True),
    "unsaid": NvidiaScenario(unsaid=True),
    "contradiction": NvidiaScenario(contradiction=True),
    "unnamed-field": NvidiaScenario(unnamed_field=True),
    "newer-format": NvidiaScenario(newer_format=True),
    "unlocked": NvidiaScenario(unlocked=True),
    "wrong-kind": NvidiaScenario(wrong_kind=True),
    "long-chain": NvidiaScenario(long_chain=True),
    "blackwell": NvidiaScenario(blackwell=True),
    "stranger": NvidiaScenario(stranger=True),
}
"""Every scenario by name."""
