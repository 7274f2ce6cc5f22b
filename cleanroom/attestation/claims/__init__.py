"""What verified evidence says, in words and hexadecimal: one type for each platform.

Claims are minted by the modules of `platforms` only, after a vendor's chain vouched for every
byte, and leave the room through `verifier.verify` only. Claims that are read back from stored
bytes prove nothing: verify the evidence again.
"""

from cleanroom.attestation.claims.base import Assurance, Claims, Hex, Word
from cleanroom.attestation.claims.sev_snp import SevSnpClaims

__all__ = ["AnyClaims", "Assurance", "Claims", "Hex", "SevSnpClaims", "Word"]

AnyClaims = SevSnpClaims
"""Claims of any platform, told apart by `platform`."""
