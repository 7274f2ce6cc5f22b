"""What the parties accept from a SEV-SNP machine: one entry of the manifest's `attestation`.

Every field of one entry must hold at once. What may be lax is a named field, so that all parties
signed it; what is omitted has the strict value, except where the clouds of today cannot satisfy it
(then `explain` says what stays open). This module is shape only; `rules.sev_snp` compares.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic import StringConstraints as Text

from cleanroom.attestation.policy.base import Measurement
from cleanroom.attestation.policy.devices import GuestWithDevices
from cleanroom.attestation.policy.reference import NamesImage
from cleanroom.attestation.policy.snp import KeyDigest, SnpPolicy

CspId = Annotated[str, Text(pattern=r"^[ -~]{1,128}$")]
"""A cloud's name in its VLEK certificates, such as `CN=cc-us-east-2.amazonaws.com`."""
HostData = Annotated[str, Text(pattern=r"^(genesis|any|[0-9a-f]{64})$")]
"""`genesis`, `any` or 64 lower-case hex digits."""


class SevSnpPolicy(GuestWithDevices, NamesImage, SnpPolicy):
    """One accepted kind of SEV-SNP machine; all fields must hold together, never mix and match."""

    platform: Literal["sev-snp"]
    """The platform this entry is for."""
    measurements: Annotated[list[Measurement], Field(min_length=1, max_length=64)] | None = Field(
        default=None, exclude_if=lambda listed: listed is None
    )
    """Launch digests of the images that are accepted, unless `reference_values` names them."""
    host_data: HostData
    """What the launcher must have tied to the guest: `genesis` (this room's), a value, or `any`."""
    vmpl: list[Annotated[int, Field(ge=0, le=3)]] = Field(default=[0], min_length=1, max_length=4)
    """Privilege levels the report may come from; above 0 somebody else runs inside the guest."""
    signing_keys: list[Literal["vcek", "vlek"]] = Field(
        default=["vcek"], min_length=1, max_length=2
    )
    """`vcek` is the chip's own key; `vlek` is lent to a cloud and names no chip."""
    csp_ids: list[CspId] = Field(default=[], max_length=16)
    """Clouds whose `vlek` is accepted; needed with `vlek`, without meaning otherwise."""
    id_key_digests: (
        Literal["any"] | Annotated[list[KeyDigest], Field(min_length=1, max_length=16)]
    ) = "any"
    """Keys that may have signed the launch (ID block); `any` also accepts none."""
    author_key_digests: (
        Literal["any"] | Annotated[list[KeyDigest], Field(min_length=1, max_length=16)]
    ) = "any"
    """Keys that may have signed the ID key; `any` also accepts none."""
    min_mitigation_vector: int = Field(default=0, ge=0, le=2**53 - 1)
    """Bits that both mitigation vectors must have set; not 0 needs report version 5."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        self.require_one_image(self.measurements)
        if "vlek" in self.signing_keys and not self.csp_ids:
            raise ValueError("signing_keys lists vlek while csp_ids is empty: name the clouds")
        if self.min_mitigation_vector and self.min_report_version < 5:
            raise ValueError("min_mitigation_vector needs min_report_version 5")
        return self
