"""What a SEV-SNP guest says that presents its processor's report and nothing around it."""

from typing import Literal

from cleanroom.attestation.claims.snp import SnpClaims


class SevSnpClaims(SnpClaims):
    """What an AMD processor reports about a guest, and AMD about the processor."""

    platform: Literal["sev-snp"]
    """AMD SEV-SNP."""
