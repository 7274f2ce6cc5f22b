"""What Intel says about the platform under a quote; the same for SGX and TDX."""

from typing import Literal

from pydantic import Field

from cleanroom.attestation.claims.base import Claims, Hex
from cleanroom.attestation.claims.revocation import is_unknown
from cleanroom.encoding import Instant, Record

TcbStatus = Literal[
    "UpToDate",
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "TDRelaunchAdvised",
    "TDRelaunchAdvisedConfigurationNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
    "Revoked",
]
"""What Intel says about a platform as a whole."""


class IntelHost(Record):
    """The machine under a quote, by its PCK certificate and Intel's documents."""

    quote_version: Literal[3, 4, 5]
    """Version of the quote."""
    tcb_status: TcbStatus
    """Converged over platform, TDX module and quoting enclave."""
    tcb_date: Instant
    """What was public before this moment is mended in this TCB."""
    advisory_ids: list[str]
    """Intel's advisories that apply to this TCB, sorted."""
    tcb_evaluation_number: int
    """Which TCB recovery Intel's documents know; the lower of both documents."""
    collateral_until: Instant
    """When Intel's documents end."""
    collateral_issued_at: Instant | None = Field(default=None, exclude_if=is_unknown)
    """When the oldest of Intel's lists and documents was issued; None in results of old builds."""
    ppid: Hex
    """The platform, 16 bytes."""
    platform_instance: Hex
    """The instance of a platform of several sockets, 16 bytes; empty for one socket."""
    fmspc: Hex
    """Kind of the platform: family, model, stepping and custom SKU; 6 bytes."""
    sgx_type: Literal["standard", "scalable", "scalable-with-integrity"]
    """How memory is encrypted."""
    platform_flags: dict[str, bool]
    """What Intel knows about the platform's configuration, by name."""


class DcapClaims(Claims):
    """What every quote gives."""

    host: IntelHost
    """The machine, and what Intel says about it at `verified_at`."""

    @property
    def firmware_current(self) -> bool:
        """Whether Intel has no objection to the machine."""
        return self.host.tcb_status == "UpToDate"
