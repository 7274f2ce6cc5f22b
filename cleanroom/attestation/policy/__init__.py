"""What the parties accept: one type of entry of the manifest's `attestation` for each platform.

Every field of one entry must hold at once. What may be lax is a named field, so that all parties
signed it. Entries are shape only; the module of the same name in `rules` compares.
"""

from typing import Annotated

from pydantic import Field

from cleanroom.attestation.policy.azure_aci import AzureAciPolicy
from cleanroom.attestation.policy.azure_snp import AzureSnpPolicy
from cleanroom.attestation.policy.azure_tdx import AzureTdxPolicy
from cleanroom.attestation.policy.base import Demand
from cleanroom.attestation.policy.cca import CcaPolicy
from cleanroom.attestation.policy.gcp_vtpm import GcpVtpmPolicy
from cleanroom.attestation.policy.nitro import NitroPolicy
from cleanroom.attestation.policy.sev_snp import SevSnpPolicy
from cleanroom.attestation.policy.sgx import SgxPolicy
from cleanroom.attestation.policy.snp import Product
from cleanroom.attestation.policy.tdx import TdxPolicy
from cleanroom.attestation.policy.tpm import TpmPolicy

__all__ = [
    "AppraisalPolicy",
    "AzureAciPolicy",
    "AzureSnpPolicy",
    "AzureTdxPolicy",
    "CcaPolicy",
    "Demand",
    "GcpVtpmPolicy",
    "NitroPolicy",
    "Product",
    "SevSnpPolicy",
    "SgxPolicy",
    "TdxPolicy",
    "TpmPolicy",
]

AppraisalPolicy = Annotated[
    SevSnpPolicy
    | TdxPolicy
    | SgxPolicy
    | NitroPolicy
    | CcaPolicy
    | AzureSnpPolicy
    | AzureTdxPolicy
    | AzureAciPolicy
    | GcpVtpmPolicy
    | TpmPolicy,
    Field(discriminator="platform"),
]
"""Any entry of `attestation`, told apart by `platform`."""
