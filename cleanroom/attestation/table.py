"""The one table of platforms: which code verifies, appraises and explains each of them.

A platform that is not here does not exist: `verifier`, `appraisal` and `explain` look it up here
and know no platform by name. How to add a row is told in `docs/spec/attestation-platforms.md`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeVar

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.binding import Binding
from cleanroom.attestation.claims import (
    AzureAciClaims,
    AzureSnpClaims,
    AzureTdxClaims,
    CcaClaims,
    Claims,
    GcpVtpmClaims,
    NitroClaims,
    SevSnpClaims,
    SgxClaims,
    TdxClaims,
    TpmClaims,
)
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.devices import asked_of
from cleanroom.attestation.evidence import Evidence, Platform
from cleanroom.attestation.platforms import azure_aci as azure_aci_platform
from cleanroom.attestation.platforms import azure_snp as azure_snp_platform
from cleanroom.attestation.platforms import azure_tdx as azure_tdx_platform
from cleanroom.attestation.platforms import cca as cca_platform
from cleanroom.attestation.platforms import gcp_vtpm as gcp_vtpm_platform
from cleanroom.attestation.platforms import nitro as nitro_platform
from cleanroom.attestation.platforms import sev_snp as sev_snp_platform
from cleanroom.attestation.platforms import sgx as sgx_platform
from cleanroom.attestation.platforms import tdx as tdx_platform
from cleanroom.attestation.platforms import tpm as tpm_platform
from cleanroom.attestation.policy import (
    AppraisalPolicy,
    AzureAciPolicy,
    AzureSnpPolicy,
    AzureTdxPolicy,
    CcaPolicy,
    GcpVtpmPolicy,
    NitroPolicy,
    SevSnpPolicy,
    SgxPolicy,
    TdxPolicy,
    TpmPolicy,
)
from cleanroom.attestation.result import Finding
from cleanroom.attestation.rules import azure_aci as azure_aci_rules
from cleanroom.attestation.rules import azure_snp as azure_snp_rules
from cleanroom.attestation.rules import azure_tdx as azure_tdx_rules
from cleanroom.attestation.rules import cca as cca_rules
from cleanroom.attestation.rules import devices as device_rules
from cleanroom.attestation.rules import gcp_vtpm as gcp_vtpm_rules
from cleanroom.attestation.rules import nitro as nitro_rules
from cleanroom.attestation.rules import sev_snp as sev_snp_rules
from cleanroom.attestation.rules import sgx as sgx_rules
from cleanroom.attestation.rules import tdx as tdx_rules
from cleanroom.attestation.rules import tpm as tpm_rules
from cleanroom.attestation.rules.comparing import finding
from cleanroom.attestation.silicon.tpm import carried
from cleanroom.attestation.words import azure_aci as azure_aci_words
from cleanroom.attestation.words import azure_snp as azure_snp_words
from cleanroom.attestation.words import azure_tdx as azure_tdx_words
from cleanroom.attestation.words import cca as cca_words
from cleanroom.attestation.words import gcp_vtpm as gcp_vtpm_words
from cleanroom.attestation.words import nitro as nitro_words
from cleanroom.attestation.words import sev_snp as sev_snp_words
from cleanroom.attestation.words import sgx as sgx_words
from cleanroom.attestation.words import tdx as tdx_words
from cleanroom.attestation.words import tpm as tpm_words

ClaimsT = TypeVar("ClaimsT", bound=Claims)
ClaimsT_co = TypeVar("ClaimsT_co", bound=Claims, covariant=True)
PolicyT = TypeVar(
    "PolicyT",
    bound=SevSnpPolicy
    | TdxPolicy
    | SgxPolicy
    | NitroPolicy
    | CcaPolicy
    | AzureSnpPolicy
    | AzureTdxPolicy
    | AzureAciPolicy
    | GcpVtpmPolicy
    | TpmPolicy,
)


class Authenticate(Protocol[ClaimsT_co]):
    """The claims in some evidence, once a vendor's chain vouches for them; raises at a fault."""

    def __call__(
        self, evidence: Evidence, *, anchors: Anchors, collateral: Collateral, now: datetime
    ) -> ClaimsT_co:
        """Cryptography only; the binding is compared by the caller."""
        ...


def whole(binding: Binding) -> bytes:
    """How most platforms carry a binding: as it is."""
    return binding


@dataclass(frozen=True, slots=True)
class Row(Generic[ClaimsT, PolicyT]):
    """Everything that is particular to one platform."""

    claims: type[ClaimsT]
    """What its evidence says."""
    policy: type[PolicyT]
    """What a manifest may accept of it."""
    authenticate: Authenticate[ClaimsT]
    """From `platforms`."""
    compare: Callable[[ClaimsT, PolicyT, bytes], list[Finding]]
    """From `rules`; the last argument is the room's genesis."""
    described: Callable[[PolicyT], list[str]]
    """From `words`: what an entry accepts."""
    left_open: Callable[[PolicyT], list[str]]
    """From `words`: what an entry does not close."""
    hints: Mapping[str, str]
    """From `words`: what mends a finding, by its code."""
    carried: Callable[[Binding], bytes] = whole
    """How the 64 bytes of a binding stand in the claim `report_data`."""
    takes_event_log: bool = False
    """Whether evidence may come with a log of what was measured; a log elsewhere is refused."""


PLATFORMS: Mapping[Platform, Row[Any, Any]] = MappingProxyType(
    {
        "sev-snp": Row(
            claims=SevSnpClaims,
            policy=SevSnpPolicy,
            authenticate=sev_snp_platform.authenticate,
            compare=sev_snp_rules.compare,
            described=sev_snp_words.described,
            left_open=sev_snp_words.left_open,
            hints=sev_snp_words.HINTS,
        ),
        "tdx": Row(
            claims=TdxClaims,
            policy=TdxPolicy,
            authenticate=tdx_platform.authenticate,
            compare=tdx_rules.compare,
            described=tdx_words.described,
            left_open=tdx_words.left_open,
            hints=tdx_words.HINTS,
            takes_event_log=True,
        ),
        "sgx": Row(
            claims=SgxClaims,
            policy=SgxPolicy,
            authenticate=sgx_platform.authenticate,
            compare=sgx_rules.compare,
            described=sgx_words.described,
            left_open=sgx_words.left_open,
            hints=sgx_words.HINTS,
        ),
        "nitro": Row(
            claims=NitroClaims,
            policy=NitroPolicy,
            authenticate=nitro_platform.authenticate,
            compare=nitro_rules.compare,
            described=nitro_words.described,
            left_open=nitro_words.left_open,
            hints=nitro_words.HINTS,
        ),
        "cca": Row(
            claims=CcaClaims,
            policy=CcaPolicy,
            authenticate=cca_platform.authenticate,
            compare=cca_rules.compare,
            described=cca_words.described,
            left_open=cca_words.left_open,
            hints=cca_words.HINTS,
        ),
        "azure-snp": Row(
            claims=AzureSnpClaims,
            policy=AzureSnpPolicy,
            authenticate=azure_snp_platform.authenticate,
            compare=azure_snp_rules.compare,
            described=azure_snp_words.described,
            left_open=azure_snp_words.left_open,
            hints=azure_snp_words.HINTS,
            carried=carried,
            takes_event_log=True,
        ),
        "azure-tdx": Row(
            claims=AzureTdxClaims,
            policy=AzureTdxPolicy,
            authenticate=azure_tdx_platform.authenticate,
            compare=azure_tdx_rules.compare,
            described=azure_tdx_words.described,
            left_open=azure_tdx_words.left_open,
            hints=azure_tdx_words.HINTS,
            carried=carried,
            takes_event_log=True,
        ),
        "azure-aci": Row(
            claims=AzureAciClaims,
            policy=AzureAciPolicy,
            authenticate=azure_aci_platform.authenticate,
            compare=azure_aci_rules.compare,
            described=azure_aci_words.described,
            left_open=azure_aci_words.left_open,
            hints=azure_aci_words.HINTS,
        ),
        "gcp-vtpm": Row(
            claims=GcpVtpmClaims,
            policy=GcpVtpmPolicy,
            authenticate=gcp_vtpm_platform.authenticate,
            compare=gcp_vtpm_rules.compare,
            described=gcp_vtpm_words.described,
            left_open=gcp_vtpm_words.left_open,
            hints=gcp_vtpm_words.HINTS,
            carried=carried,
            takes_event_log=True,
        ),
        "tpm": Row(
            claims=TpmClaims,
            policy=TpmPolicy,
            authenticate=tpm_platform.authenticate,
            compare=tpm_rules.compare,
            described=tpm_words.described,
            left_open=tpm_words.left_open,
            hints=tpm_words.HINTS,
            carried=carried,
            takes_event_log=True,
        ),
    }
)
"""Every platform by its name in evidence, claims and policies."""


def compare(claims: Claims, policy: AppraisalPolicy, genesis: bytes) -> list[Finding]:
    """Every finding of one entry, passed or not.

    An entry for another platform is one finding that fails: nothing of it is compared.

    Args:
        claims: from `verify`.
        policy: one entry of the manifest's `attestation`.
        genesis: this room's genesis digest, 32 bytes.
    """
    if claims.platform != policy.platform:
        return [finding("platform", "platform", claims.platform, policy.platform, passed=False)]
    findings = PLATFORMS[claims.platform].compare(claims, policy, genesis)
    return [*findings, *device_rules.compare(claims.attached, asked_of(policy))]
