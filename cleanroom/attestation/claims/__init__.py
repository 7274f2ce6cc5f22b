"""What verified evidence says, in words and hexadecimal: one type for each platform.

Claims are minted by the modules of `platforms` only, after a vendor's chain vouched for every
byte, and leave the room through `verifier.verify` only. Claims that are read back from stored
bytes prove nothing: verify the evidence again.
"""

from typing import Annotated

from pydantic import Field

from cleanroom.attestation.claims.azure_aci import AzureAciClaims
from cleanroom.attestation.claims.azure_snp import AzureSnpClaims
from cleanroom.attestation.claims.azure_tdx import AzureTdxClaims
from cleanroom.attestation.claims.base import Assurance, Claims, DeviceClaims, Hex, Word
from cleanroom.attestation.claims.cca import CcaClaims
from cleanroom.attestation.claims.gcp_vtpm import GcpVtpmClaims
from cleanroom.attestation.claims.nitro import NitroClaims
from cleanroom.attestation.claims.nvidia_gpu import NvidiaGpuClaims
from cleanroom.attestation.claims.nvidia_switch import NvidiaSwitchClaims
from cleanroom.attestation.claims.sev_snp import SevSnpClaims
from cleanroom.attestation.claims.sgx import SgxClaims
from cleanroom.attestation.claims.tdx import TdxClaims
from cleanroom.attestation.claims.tpm import TpmClaims
from cleanroom.attestation.claims.vouched import Vouched

__all__ = [
    "AnyClaims",
    "Assurance",
    "AzureAciClaims",
    "AzureSnpClaims",
    "AzureTdxClaims",
    "CcaClaims",
    "Claims",
    "DeviceClaims",
    "GcpVtpmClaims",
    "Hex",
    "NitroClaims",
    "NvidiaGpuClaims",
    "NvidiaSwitchClaims",
    "SevSnpClaims",
    "SgxClaims",
    "TdxClaims",
    "TpmClaims",
    "Vouched",
    "Word",
]

AnyClaims = Annotated[
    SevSnpClaims
    | TdxClaims
    | SgxClaims
    | NitroClaims
    | CcaClaims
    | AzureSnpClaims
    | AzureTdxClaims
    | AzureAciClaims
    | GcpVtpmClaims
    | TpmClaims,
    Field(discriminator="platform"),
]
"""Claims of any platform, told apart by `platform`."""
