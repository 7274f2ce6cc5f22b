"""What the parties accept from a TDX guest: one entry of the manifest's `attestation`.

Every field of one entry must hold at once. MRTD covers the firmware only, so each accepted image
also pins what was booted: RTMR1 and RTMR2, or the events that explain them.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic import StringConstraints as Text

from cleanroom.attestation.policy.base import Demand, Measurement
from cleanroom.attestation.policy.dcap import DcapPolicy
from cleanroom.attestation.policy.devices import GuestWithDevices
from cleanroom.attestation.policy.reference import NamesImage
from cleanroom.encoding import Record

Register = Annotated[str, Text(pattern=r"^(any|zero|[0-9a-f]{96})$")]
"""`any`, `zero` or 96 lower-case hex digits."""
HostData = Annotated[str, Text(pattern=r"^(genesis|any|[0-9a-f]{96})$")]
"""`genesis`, `any` or 96 lower-case hex digits."""


class EventRule(Record):
    """What may have been measured into one register, event by event."""

    register_index: Annotated[int, Field(ge=0, le=3)] = Field(alias="register")
    """Which RTMR."""
    allowed: list[Measurement] = Field(min_length=1, max_length=1024)
    """Every event of this register has one of these digests."""
    required: list[Measurement] = Field(min_length=1, max_length=1024)
    """Each of these digests was measured at least once."""


class TdImage(Record):
    """One accepted image: all of these registers together, never mix and match."""

    mrtd: Measurement
    """The firmware that the guest was built from."""
    rtmr0: Register = "any"
    """The guest's configuration and ACPI tables: differs with memory size and processors."""
    rtmr1: Register = "any"
    """Boot loader and kernel."""
    rtmr2: Register = "any"
    """Kernel command line and initial file system."""
    rtmr3: Register = "zero"
    """What runs later measures itself; nothing does by default."""
    events: list[EventRule] = Field(default=[], max_length=4)
    """Rules for registers that are not pinned; needs evidence with an event log."""

    @model_validator(mode="after")
    def _boot_is_pinned(self) -> Self:
        ruled = [rule.register_index for rule in self.events]
        if len(set(ruled)) != len(ruled):
            raise ValueError("events has several rules for one register")
        for index, value in ((1, self.rtmr1), (2, self.rtmr2)):
            if value == "any" and index not in ruled:
                raise ValueError(
                    f"rtmr{index} is any without a rule in events: MRTD alone lets the host "
                    "choose the kernel"
                )
        return self


class TdAttributeDemands(Record):
    """Attributes of the guest (TDX module ABI, ATTRIBUTES): the launcher chose them."""

    debug: Demand = "forbid"
    """The host may read and write the guest's memory and state."""
    hgs_plus_prof: Demand = "forbid"
    """The host may watch the guest's scheduling classes."""
    perf_prof: Demand = "forbid"
    """The host may watch the guest's performance counters."""
    pmt_prof: Demand = "forbid"
    """The host may watch the guest's telemetry."""
    icssd: Demand = "any"
    """Instructions that count slots are disabled."""
    lass: Demand = "any"
    """Linear address space separation is on."""
    sept_ve_disable: Demand = "require"
    """A page that the host takes away ends the guest instead of surprising it."""
    migratable: Demand = "forbid"
    """The guest may be moved by a migration guest, which sees its keys."""
    pks: Demand = "any"
    """Supervisor protection keys may be used."""
    kl: Demand = "any"
    """Key Locker may be used."""
    tpa: Demand = "any"
    """The TD partitioning of nested guests may be attested."""
    perfmon: Demand = "forbid"
    """Performance counters may be used inside, and so as a side channel."""
    unnamed: Literal["forbid", "any"] = "forbid"
    """Attributes that have no name here, which may weaken the guest."""


class TdxPolicy(GuestWithDevices, NamesImage, DcapPolicy):
    """One accepted kind of TDX guest; all fields must hold together, never mix and match."""

    platform: Literal["tdx"]
    """The platform this entry is for."""
    measurements: Annotated[list[TdImage], Field(min_length=1, max_length=64)] | None = Field(
        default=None, exclude_if=lambda listed: listed is None
    )
    """Images of which one must hold whole, unless `reference_values` names them."""
    host_data: HostData
    """What MRCONFIGID must hold: `genesis` (this room's, then zeros), a value, or `any`."""
    td_attributes: TdAttributeDemands = TdAttributeDemands()
    """What is asked of each attribute."""
    mr_service_td: Register = "zero"
    """Service guests that may be bound to the guest; a TD report 1.0 does not say which."""
    mr_owner: Register = "any"
    """MROWNER, chosen by the launcher."""
    mr_owner_config: Register = "any"
    """MROWNERCONFIG, chosen by the launcher."""
    mr_seam: Literal["any"] | Annotated[list[Measurement], Field(min_length=1, max_length=64)] = (
        "any"
    )
    """Digests of TDX modules; `any` is every module that Intel signed and calls current."""

    @model_validator(mode="after")
    def _images_are_said_once(self) -> Self:
        self.require_one_image(self.measurements)
        return self
