"""What can be wrong with a simulated realm, as a table: tests and demonstrations choose a row."""

from dataclasses import dataclass
from typing import Literal

CcaScenarioName = Literal[
    "good",
    "wrapped",
    "legacy",
    "debug",
    "old-firmware",
    "more-firmware",
    "other-config",
    "wrong-rim",
    "extended",
    "wrong-binding",
    "other-realm-key",
    "other-platform-key",
]

SECURED, DEBUGGED = 0x3000, 0x4001
FIRMWARE = ("BL2", "BL31", "RMM")


@dataclass(frozen=True, slots=True)
class CcaScenario:
    """How a token differs from a good one."""

    form: Literal["collection", "wrapped"] = "collection"
    """Tag 399 around tokens, or tag 907 around wrappers of tokens."""
    legacy: bool = False
    """The older profiles: no realm profile, and the realm's key as a plain point."""
    lifecycle: int = SECURED
    old_firmware: str = ""
    """Which piece is of another version."""
    more_firmware: bool = False
    """There is a piece that nobody listed."""
    config: bytes = b"\x01"
    other_realm: bool = False
    """The initial measurement is another."""
    extended: bool = False
    """The realm measured something after its launch."""
    other_binding: bool = False
    other_realm_key: bool = False
    """The realm token has a key that the platform does not name."""
    other_platform_key: bool = False
    """Another platform's key signs."""


SCENARIOS: dict[CcaScenarioName, CcaScenario] = {
    "good": CcaScenario(),
    "wrapped": CcaScenario(form="wrapped"),
    "legacy": CcaScenario(legacy=True),
    "debug": CcaScenario(lifecycle=DEBUGGED),
    "old-firmware": CcaScenario(old_firmware="RMM"),
    "more-firmware": CcaScenario(more_firmware=True),
    "other-config": CcaScenario(config=b"\x02"),
    "wrong-rim": CcaScenario(other_realm=True),
    "extended": CcaScenario(extended=True),
    "wrong-binding": CcaScenario(other_binding=True),
    "other-realm-key": CcaScenario(other_realm_key=True),
    "other-platform-key": CcaScenario(other_platform_key=True),
}
"""Every scenario by name."""
