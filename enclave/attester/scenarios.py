"""What can be wrong with a simulated machine, as a table: tests and demonstrations choose a row."""

from dataclasses import dataclass
from typing import Literal

from cleanroom.attestation.formats.snp import TCB_BYTES, TCB_SIZE
from cleanroom.attestation.policy import Product

ScenarioName = Literal[
    "good",
    "debug",
    "old-tcb",
    "rollback",
    "wrong-measurement",
    "wrong-binding",
    "masked-chip",
    "hidden-chip",
    "vlek",
    "expired",
    "product-confusion",
    "unknown-bit",
    "no-alias-check",
    "report-v2",
    "report-v3",
]

GOOD_TCB: dict[Product, dict[str, int]] = {
    "Milan": {"bl": 4, "tee": 0, "snp": 24, "ucode": 219},
    "Genoa": {"bl": 10, "tee": 0, "snp": 27, "ucode": 84},
    "Turin": {"fmc": 1, "bl": 1, "tee": 1, "snp": 4, "ucode": 81},
}
"""Patch levels that machines in the field report."""
CPUID: dict[Product, tuple[int, int, int]] = {
    "Milan": (0x19, 0x01, 1),
    "Genoa": (0x19, 0x11, 1),
    "Turin": (0x1A, 0x02, 1),
}
"""Family, model and stepping."""
CONFUSED: dict[Product, Product] = {"Milan": "Genoa", "Genoa": "Turin", "Turin": "Milan"}
"""Which other processor the report names in `product-confusion`."""
POLICY = 0x30000
"""SMT allowed and the bit that is always one: what today's clouds launch with."""
PLATFORM_INFO = 0x25
"""SMT, ECC and a complete alias check: what today's clouds report."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """How a report, and the certificate under it, differ from a good one."""

    version: Literal[2, 3, 5] = 5
    policy: int = POLICY
    platform_info: int = PLATFORM_INFO
    signing_key: Literal["vcek", "vlek"] = "vcek"
    masked_key: bool = False
    """The firmware signs nothing: MASK_CHIP_KEY and a zero signature."""
    hidden_chip: bool = False
    """CHIP_ID is zero."""
    other_measurement: bool = False
    other_binding: bool = False
    other_product: bool = False
    """The report names another processor than the certificates."""
    old_firmware: bool = False
    """Every TCB has an SNP firmware of level 1."""
    committed_below_reported: bool = False
    leaf_days: tuple[int, int] = (-1, 365)
    """The leaf's validity, in days from when the platform was made."""

    def reported_tcb(self, product: Product) -> bytes:
        """Reported, current and launch TCB, which the certificate carries; 8 bytes."""
        return _tcb(product, {"snp": 1} if self.old_firmware else {})

    def committed_tcb(self, product: Product) -> bytes:
        """Committed TCB; 8 bytes."""
        if self.committed_below_reported:
            return _tcb(product, {"bl": 0})
        return self.reported_tcb(product)

    @property
    def key_info(self) -> int:
        """KEY_INFO: which key signs, and whether it is masked."""
        return (4 if self.signing_key == "vlek" else 0) | (2 if self.masked_key else 0)


def _tcb(product: Product, changed: dict[str, int]) -> bytes:
    levels = GOOD_TCB[product] | changed
    packed = bytearray(TCB_SIZE)
    for component, at in TCB_BYTES[product].items():
        packed[at] = levels[component]
    return bytes(packed)


SCENARIOS: dict[ScenarioName, Scenario] = {
    "good": Scenario(),
    "debug": Scenario(policy=POLICY | 1 << 19),
    "old-tcb": Scenario(old_firmware=True),
    "rollback": Scenario(committed_below_reported=True),
    "wrong-measurement": Scenario(other_measurement=True),
    "wrong-binding": Scenario(other_binding=True),
    "masked-chip": Scenario(masked_key=True),
    "hidden-chip": Scenario(hidden_chip=True),
    "vlek": Scenario(signing_key="vlek", hidden_chip=True),
    "expired": Scenario(leaf_days=(-400, -35)),
    "product-confusion": Scenario(other_product=True),
    "unknown-bit": Scenario(platform_info=PLATFORM_INFO | 1 << 6),
    "no-alias-check": Scenario(platform_info=PLATFORM_INFO & ~(1 << 5)),
    "report-v2": Scenario(version=2),
    "report-v3": Scenario(version=3),
}
"""Every scenario by name."""
