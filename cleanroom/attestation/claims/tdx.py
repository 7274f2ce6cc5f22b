"""What a TDX quote says about a guest (TD report 1.0 and 1.5)."""

from typing import Annotated, Literal

from pydantic import Field

from cleanroom.attestation.claims.base import Hex, Word
from cleanroom.attestation.claims.dcap import DcapClaims
from cleanroom.encoding import Record


class MeasuredEvent(Record):
    """One event of a log that explains the registers, without the words beside it."""

    register_index: int = Field(alias="register", ge=0, le=3)
    """Which RTMR it extended."""
    kind: int
    """TCG event type."""
    digest: Hex
    """What was measured, SHA-384."""


class TdxClaims(DcapClaims):
    """What Intel's TDX module reports about a guest."""

    platform: Literal["tdx"]
    """Intel TDX."""
    td_version: Literal["1.0", "1.5"]
    """Which TD report the quote carries."""
    measurement: Hex
    """MRTD: the firmware that the guest was built from, 48 bytes."""
    rtmrs: Annotated[list[Hex], Field(min_length=4, max_length=4)]
    """The run-time registers, 48 bytes each."""
    host_data: Hex
    """MRCONFIGID: what the launcher tied to the guest, 48 bytes."""
    mr_owner: Hex
    """Chosen by the launcher, 48 bytes."""
    mr_owner_config: Hex
    """Chosen by the launcher, 48 bytes."""
    td_attributes: dict[str, bool]
    """Each known attribute of the guest by name."""
    td_attributes_word: Word
    """The attributes as they stand in the report."""
    td_attributes_unknown: list[int]
    """Numbers of set bits that have no name here."""
    xfam: Word
    """Extended features that the guest may use."""
    mr_seam: Hex
    """Digest of the TDX module, 48 bytes."""
    mr_service_td: Hex
    """Service guests bound to this one, 48 bytes; empty where the report has no such field."""
    tee_tcb_svn: Hex
    """Security versions of the module and its firmware, 16 bytes."""
    events: list[MeasuredEvent] | None
    """What was measured into the registers; none without an event log."""
