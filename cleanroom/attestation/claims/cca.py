"""What a token of Arm CCA says (DEN0137, section A7.2; draft-ffm-rats-cca-token)."""

from typing import Literal

from pydantic import Field

from cleanroom.attestation.claims.base import Claims, Hex, Word
from cleanroom.encoding import Record


class CcaSoftware(Record):
    """One piece of the platform's firmware."""

    kind: str
    """Its measurement type, such as `RMM`; empty without one."""
    measurement: Hex
    """Its digest; 32, 48 or 64 bytes."""
    signer_id: Hex
    """The digest of the key that signed it; 32, 48 or 64 bytes."""
    version: str
    """As its author calls it; empty without one."""


class CcaClaims(Claims):
    """What an Arm platform reports about itself, and its realm manager about the realm."""

    platform: Literal["cca"]
    """Arm Confidential Compute Architecture."""
    platform_profile: str
    """Which edition of the platform's claims this is."""
    realm_profile: str
    """Which edition of the realm's claims; `legacy` where none is named."""
    implementation_id: Hex
    """The kind of platform, 32 bytes."""
    instance_id: Hex
    """The very platform, 33 bytes: 01 and a digest of its key."""
    lifecycle: Literal[
        "unknown",
        "assembly-and-test",
        "rot-provisioning",
        "secured",
        "non-rot-debug",
        "recoverable-rot-debug",
        "decommissioned",
    ]
    """The state of the platform's security."""
    lifecycle_word: Word
    """The same as its number; the low byte is the implementation's own."""
    platform_config: Hex
    """The platform's configuration, as its implementation defines it."""
    platform_hash: Literal["sha-256", "sha-384", "sha-512"]
    """The algorithm of the software's measurements."""
    verification_service: str
    """Where the platform's maker says a verifier is; not asked; empty without one."""
    software: list[CcaSoftware]
    """The platform's firmware, in the token's order."""
    initial_measurement: Hex
    """RIM: the realm as it was launched; 32, 48 or 64 bytes."""
    extensible_measurements: list[Hex] = Field(min_length=4, max_length=4)
    """REM 0 to 3: what the realm measured after launch; as long as the initial one."""
    realm_hash: Literal["sha-256", "sha-384", "sha-512"]
    """The algorithm of the realm's measurements."""
    host_data: Hex
    """RPV, the personalization value that the launcher tied to the realm; 64 bytes."""
