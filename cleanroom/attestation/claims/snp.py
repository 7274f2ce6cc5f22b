"""What a SEV-SNP report says (AMD 56860, ATTESTATION_REPORT), whatever stands around it."""

from typing import Literal

from pydantic import Field

from cleanroom.attestation.claims.base import Claims, Hex, Word
from cleanroom.attestation.claims.revocation import RevocationStatus, is_unknown


class SnpClaims(Claims):
    """What an AMD processor reports about a guest, and AMD about the processor."""

    product: Literal["Milan", "Genoa", "Turin"]
    """The EPYC generation, by its certificates and (from version 3) its family and model."""
    report_version: int
    """Version of the attestation report: 2, 3 or 5."""
    measurement: Hex
    """The launch digest, 48 bytes."""
    host_data: Hex
    """What the launcher tied to the guest, 32 bytes."""
    tcb: dict[Literal["reported", "committed", "launch", "current"], dict[str, int]]
    """Patch levels by component; only `reported` is bound by the certificate."""
    guest_svn: int
    """The security version that the image's author gave."""
    guest_policy: dict[str, bool]
    """Each bit of the guest policy by name."""
    guest_policy_word: Word
    """The guest policy as it stands in the report."""
    platform_info: dict[str, bool]
    """Each known bit of the platform by name."""
    platform_info_unknown: list[int]
    """Numbers of set bits that have no name here; surfaced, not fatal."""
    vmpl: int
    """The privilege level that asked for the report; 0 is the highest."""
    chip_id: Hex
    """The processor, 64 bytes; zero where a cloud hides it."""
    signing_key: Literal["vcek", "vlek"]
    """Which kind of key signed the report."""
    csp_id: str
    """The cloud that a VLEK was lent to; empty for VCEK."""
    id_key_digest: Hex
    """SHA-384 of the key that signed the launch; zero without one."""
    author_key_digest: Hex
    """SHA-384 of the key that signed the ID key; zero without one."""
    family_id: Hex
    """Chosen by the image's author, 16 bytes."""
    image_id: Hex
    """Chosen by the image's author, 16 bytes."""
    launch_mitigations: Word
    """Mitigations that were on at launch (version 5), else 0."""
    current_mitigations: Word
    """Mitigations that are on now (version 5), else 0."""
    revocation: RevocationStatus | None = Field(default=None, exclude_if=is_unknown)
    """The list that cleared the certificates, if any was at hand."""
