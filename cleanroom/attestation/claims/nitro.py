"""What a Nitro enclave's document says (aws-nitro-enclaves-nsm-api, attestation_process.md)."""

from typing import Literal

from pydantic import Field

from cleanroom.attestation.claims.base import Claims, Hex
from cleanroom.encoding import Instant


class NitroClaims(Claims):
    """What AWS's Nitro Secure Module reports about an enclave."""

    platform: Literal["nitro"]
    """An AWS Nitro enclave."""
    module_id: str
    """The enclave: its parent instance's id and its own, new with every launch."""
    signed_at: Instant
    """When the module made the document, by the host's clock; shown, not judged."""
    certified_until: Instant
    """When the certificate of the module's key ends: about three hours after it began."""
    pcrs: dict[str, Hex]
    """Every register that the document holds, 48 bytes each, by its number in decimal."""
    debug: bool
    """PCR0, PCR1 or PCR2 is zero: in debug mode the host reads the console and nothing counts."""
    public_key: Hex
    """What the enclave put into `public_key`; shown, not judged; empty without one."""
    nonce: Hex
    """What the enclave put into `nonce`; shown, not judged; empty without one."""
    report_data: Hex = Field(max_length=2048)
    """What the enclave put into `user_data`: the 64 bytes of the binding, or evidence for somebody
    else, up to 1024 bytes, which `verify` refuses."""
