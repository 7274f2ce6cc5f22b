"""What the parties accept from a platform of Intel's; the same for SGX and TDX."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic import StringConstraints as Text

from cleanroom.attestation.policy.base import Demand, DevelopmentRoots, Sentence
from cleanroom.encoding import Instant, Record

AcceptableStatus = Literal[
    "UpToDate",
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "TDRelaunchAdvised",
    "TDRelaunchAdvisedConfigurationNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
]
"""Every status of Intel's except `Revoked`, which nobody can accept."""
RiskName = Annotated[str, Text(pattern=r"^(INTEL-SA-[0-9]{5}|[A-Z][A-Za-z]{1,63})$")]
"""A status, or one of Intel's advisories."""
Ppid = Annotated[str, Text(pattern=r"^[0-9a-f]{32}$")]
"""One platform, 32 lower-case hex digits."""


class AcceptedRisk(Record):
    """Why something that Intel warns of is accepted, and until when."""

    risk: Sentence
    """What may happen, in words that the parties sign."""
    until: Instant
    """From this moment on it is refused again."""


class PlatformFlagDemands(Record):
    """What Intel knows about the configuration of a platform of several sockets."""

    smt: Demand = "any"
    """SMT is on: a sibling thread is a side channel."""
    cached_keys: Demand = "any"
    """Intel keeps the platform's root keys, so that it can be registered again."""
    dynamic_platform: Demand = "any"
    """Processors may be added to the platform or replaced in it."""


class DcapPolicy(Record):
    """What an entry says about any platform of Intel's."""

    tcb_status: list[AcceptableStatus] = Field(default=["UpToDate"], min_length=1, max_length=8)
    """Accepted statuses; each but `UpToDate` needs its entry under `accepted_risks`."""
    accepted_risks: dict[RiskName, AcceptedRisk] = Field(default={}, max_length=256)
    """Statuses and advisories that are accepted although Intel warns of them."""
    min_tcb_evaluation_number: int = Field(ge=0, le=2**31)
    """Intel's documents must know this TCB recovery: older ones may still be in force."""
    max_collateral_age_d: Annotated[int, Field(ge=1, le=3650)] | None = None
    """How long ago the oldest of Intel's lists and documents may have been issued, in days; null
    is until their own end."""
    platform_flags: PlatformFlagDemands = PlatformFlagDemands()
    """What is asked of the platform's configuration."""
    ppids: Literal["any"] | Annotated[list[Ppid], Field(min_length=1, max_length=4096)] = "any"
    """Platforms that are accepted: the only answer to interposers and relays. `any` is all."""
    development_roots: DevelopmentRoots = None
    """SHA-256 of simulated roots. With it only simulated evidence counts, without it only real."""

    @property
    def lists_machines(self) -> bool:
        """Whether only listed platforms are accepted."""
        return self.ppids != "any"

    @model_validator(mode="after")
    def _risks_are_told(self) -> Self:
        statuses = {status for status in self.tcb_status if status != "UpToDate"}
        for status in sorted(statuses - self.accepted_risks.keys()):
            raise ValueError(
                f"tcb_status lists {status}, which needs its risk and end under accepted_risks"
            )
        named = {name for name in self.accepted_risks if not name.startswith("INTEL-SA-")}
        for name in sorted(named - statuses):
            raise ValueError(f"accepted_risks names {name}, which tcb_status does not list")
        return self
