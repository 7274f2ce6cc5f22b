"""What the parties accept from a SEV-SNP processor, whatever stands around its report.

What is omitted has the strict value, except where the clouds of today cannot satisfy it (then
`explain` says what stays open). This module is shape only; `rules.snp` compares.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic import StringConstraints as Text

from cleanroom.attestation.policy.base import Demand, DevelopmentRoots, Measurement
from cleanroom.encoding import Record

Product = Literal["Milan", "Genoa", "Turin"]
"""An EPYC generation by its certificate chain; Bergamo and Siena use Genoa's."""
ChipId = Annotated[str, Text(pattern=r"^([0-9a-f]{128}|[0-9a-f]{16})$")]
"""One processor: 128 lower-case hex digits; for Turin also the 16 of its hardware id."""
KeyDigest = Annotated[str, Text(pattern=r"^[0-9a-f]{96}$")]
"""SHA-384 of an ID or author key, 96 lower-case hex digits."""
Spl = Annotated[int, Field(ge=0, le=255)]
"""A security patch level: one byte."""


class Tcb(Record):
    """Security patch levels of Milan and Genoa (VCEK specification, 57230)."""

    bl: Spl
    """Boot loader of the secure processor."""
    tee: Spl
    """Operating system of the secure processor."""
    snp: Spl
    """SNP firmware."""
    ucode: Spl
    """Lowest microcode of all cores."""


class TurinTcb(Tcb):
    """Security patch levels of Turin: one component more."""

    fmc: Spl
    """Firmware of the secure processor's first mutable code."""


class TcbFloors(Record):
    """The lowest patch levels that are accepted, per product; a floor holds for every component."""

    Milan: Tcb | None = None
    """Floors for Milan."""
    Genoa: Tcb | None = None
    """Floors for Genoa, Bergamo and Siena."""
    Turin: TurinTcb | None = None
    """Floors for Turin."""

    def of(self, product: Product) -> Tcb | None:
        """The floors of one product, if the entry has any."""
        return {"Milan": self.Milan, "Genoa": self.Genoa, "Turin": self.Turin}[product]


class GuestPolicyDemands(Record):
    """Bits of the guest policy: the launcher chose, the firmware enforces (56860, GUEST_POLICY)."""

    smt: Demand = "any"
    """SMT may be on: a sibling thread is a side channel."""
    migrate_ma: Demand = "forbid"
    """A migration agent may move the guest, and so read its state."""
    debug: Demand = "forbid"
    """The host may read and write the guest's memory."""
    single_socket: Demand = "any"
    """The guest may run on one socket only."""
    cxl: Demand = "any"
    """CXL devices and memory may be attached."""
    aes256_xts: Demand = "any"
    """Memory must be encrypted with AES-256-XTS."""
    rapl_dis: Demand = "any"
    """Power readings (RAPL) must be off: against PLATYPUS."""
    ciphertext_hiding: Demand = "any"
    """The host must not see ciphertext: against ciphertext side channels."""
    page_swap_disable: Demand = "any"
    """The host must not move or swap pages: against Heracles."""


class PlatformDemands(Record):
    """Bits of the platform, as they were when the report was made (56860, PLATFORM_INFO)."""

    smt: Demand = "any"
    """SMT is on."""
    tsme: Demand = "any"
    """Transparent memory encryption is on."""
    ecc: Demand = "any"
    """Memory has error correction."""
    rapl_dis: Demand = "any"
    """Power readings (RAPL) are off."""
    ciphertext_hiding: Demand = "any"
    """Ciphertext hiding is on for DRAM."""
    alias_check_complete: Demand = "require"
    """The firmware found no aliased memory since the last reset: against BadRAM."""
    tio: Demand = "any"
    """Trusted I/O is on."""


class SnpPolicy(Record):
    """What an entry says about any SEV-SNP processor."""

    platform: Literal["sev-snp", "azure-snp", "azure-aci"]
    """The platform this entry is for."""
    products: list[Product] = Field(min_length=1, max_length=3)
    """EPYC generations that are accepted; Milan only together with a list of `chip_ids`."""
    measurements: (
        Literal["any"] | Annotated[list[Measurement], Field(min_length=1, max_length=64)] | None
    )
    """Launch digests that are accepted; null accepts nothing."""
    host_data: str
    """What the launcher must have tied to the guest."""
    min_tcb: TcbFloors
    """Patch levels below which a machine is refused; every listed product needs its floors."""
    tcb_applies_to: list[Literal["reported", "committed", "launch", "current"]] = Field(
        default=["reported", "committed", "launch"], min_length=1, max_length=4
    )
    """Which of the report's TCB versions the floors hold for; `reported` is always needed."""
    guest_policy: GuestPolicyDemands = GuestPolicyDemands()
    """What is asked of each bit of the guest policy."""
    platform_info: PlatformDemands = PlatformDemands()
    """What is asked of each bit of the platform."""
    min_report_version: Literal[2, 3, 5] = 3
    """Version 2 does not name the processor; version 5 carries mitigation vectors."""
    chip_ids: Literal["any"] | Annotated[list[ChipId], Field(min_length=1, max_length=4096)] = "any"
    """Processors that are accepted: the only answer to interposers and relays. `any` is all."""
    revocation: Literal["require", "if-present"] = "if-present"
    """Whether a machine needs AMD's revocation list; where one is at hand, it always counts."""
    max_crl_age_d: Annotated[int, Field(ge=1, le=3650)] | None = None
    """How long ago the list may have been issued, in days; null is until its own end."""
    crl_grace_d: int = Field(default=0, ge=0, le=30)
    """How long after its own end a list still clears, in days; it revokes for ever."""
    development_roots: DevelopmentRoots = None
    """SHA-256 of simulated roots. With it only simulated evidence counts, without it only real."""

    @property
    def lists_machines(self) -> bool:
        """Whether only listed processors are accepted."""
        return self.chip_ids != "any"

    @model_validator(mode="after")
    def _processors_fit(self) -> Self:
        for product in self.products:
            if self.min_tcb.of(product) is None:
                raise ValueError(f"min_tcb has no floors for {product}, which products lists")
        if "Milan" in self.products and self.chip_ids == "any":
            raise ValueError(
                "products lists Milan while chip_ids is any: Milan's chip secrets can be extracted "
                "by software, so its chips must be listed"
            )
        if self.chip_ids != "any" and any(not chip.strip("0") for chip in self.chip_ids):
            raise ValueError("chip_ids lists a chip id of zeros, which is what hidden chips report")
        if "reported" not in self.tcb_applies_to:
            raise ValueError("tcb_applies_to must hold reported: only it is bound by a certificate")
        return self
