"""What the parties accept from an Arm CCA realm: one entry of the manifest's `attestation`.

No vendor publishes a root for these platforms: the parties register the public key of each one
(CPAK), and it vouches for that platform only. This module is shape only; `rules.cca` compares.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic import StringConstraints as Text

from cleanroom.attestation.policy.base import DevelopmentRoots
from cleanroom.encoding import Digest, Record

RealmDigest = Annotated[str, Text(pattern=r"^([0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})$")]
"""SHA-256, SHA-384 or SHA-512 in lower-case hex."""
RealmHostData = Annotated[str, Text(pattern=r"^(genesis|any|[0-9a-f]{128})$")]
"""`genesis`, `any` or 128 lower-case hex digits."""
ComponentKind = Annotated[str, Text(pattern=r"^[!-~]([ -~]{0,62}[!-~])?$")]
"""A component's measurement type, such as `RMM`."""
ConfigHex = Annotated[str, Text(pattern=r"^([0-9a-f]{2}){1,1024}$")]
"""A platform configuration in lower-case hex."""
Extended = Literal["zero", "any"] | Annotated[list[RealmDigest], Field(min_length=1, max_length=16)]
"""What is asked of an extensible measurement: untouched, anything, or a listed value."""

PUBLISHED_TEST_KEYS = frozenset(
    {
        "sha256:0928f896cb02326566530a62a1e36329a12d0a4a308f4fc81e8ff5560bca6bca",
        "sha256:51b944cdfa544d4c3273aa6bf350625a7dd53bbb6a71723274f538b19a207760",
    }
)
"""CPAKs whose private halves are public: tf-rmm's and Veraison's. They vouch for nothing."""


class RegisteredPlatform(Record):
    """One platform that the parties trust to sign."""

    public_key: Digest
    """SHA-256 of its attestation key (CPAK): SubjectPublicKeyInfo, DER."""
    implementation_id: Annotated[str, Text(pattern=r"^[0-9a-f]{64}$")]
    """The kind of platform, 64 lower-case hex digits."""
    instance_id: Annotated[str, Text(pattern=r"^01[0-9a-f]{64}$")]
    """The very platform, 66 lower-case hex digits that start with 01."""


class AcceptedSoftware(Record):
    """One piece of firmware that is accepted."""

    measurements: list[RealmDigest] = Field(min_length=1, max_length=64)
    """Digests of its accepted versions."""
    signer_ids: list[RealmDigest] = Field(min_length=1, max_length=16)
    """Digests of the keys that may have signed it."""


class ExtendedMeasurements(Record):
    """What a realm may have measured after its launch."""

    rem0: Extended = "zero"
    """Extensible measurement 0."""
    rem1: Extended = "zero"
    """Extensible measurement 1."""
    rem2: Extended = "zero"
    """Extensible measurement 2."""
    rem3: Extended = "zero"
    """Extensible measurement 3."""


class CcaPolicy(Record):
    """One accepted kind of CCA realm; all fields must hold together, never mix and match."""

    platform: Literal["cca"]
    """The platform this entry is for."""
    platforms: list[RegisteredPlatform] = Field(min_length=1, max_length=4096)
    """Platforms that are accepted, each with the key that vouches for it."""
    initial_measurements: list[RealmDigest] = Field(min_length=1, max_length=64)
    """Initial measurements (RIM) of the realms that are accepted."""
    extended_measurements: ExtendedMeasurements = ExtendedMeasurements()
    """What is asked of each extensible measurement (REM)."""
    host_data: RealmHostData
    """The personalization value (RPV): `genesis` (this room's and zeros), a value, or `any`."""
    software: (
        Literal["any"]
        | Annotated[dict[ComponentKind, AcceptedSoftware], Field(min_length=1, max_length=64)]
    )
    """The platform's firmware by measurement type, whole: nothing missing, nothing else."""
    platform_configs: (
        Literal["any"] | Annotated[list[ConfigHex], Field(min_length=1, max_length=16)]
    )
    """Configurations of the platform that are accepted, as its implementation defines them."""
    lifecycles: list[Literal["secured", "non-rot-debug", "recoverable-rot-debug"]] = Field(
        default=["secured"], min_length=1, max_length=3
    )
    """States of the platform that are accepted; in all but `secured` somebody may debug it."""
    development_roots: DevelopmentRoots = None
    """SHA-256 of simulated keys. With it only simulated evidence counts, without it only real."""

    @property
    def lists_machines(self) -> bool:
        """Only registered platforms are accepted."""
        return True

    @model_validator(mode="after")
    def _fits(self) -> Self:
        keys = {registered.public_key for registered in self.platforms}
        if self.development_roots is None and keys & PUBLISHED_TEST_KEYS:
            raise ValueError(
                "platforms lists a key whose private half is public: it can only stand in "
                "development_roots"
            )
        if self.development_roots is not None and not keys <= set(self.development_roots):
            raise ValueError("platforms lists a key that development_roots does not")
        return self
