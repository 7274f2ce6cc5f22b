"""The rules of an entry for Azure Container Instances; `compare` lists every rule."""

from collections.abc import Iterator

from cleanroom.attestation.claims import AzureAciClaims
from cleanroom.attestation.policy import AzureAciPolicy
from cleanroom.attestation.result import Finding
from cleanroom.attestation.rules.comparing import finding, one_of
from cleanroom.attestation.rules.snp import check_own_report, compare_processor


def compare(claims: AzureAciClaims, policy: AzureAciPolicy, _genesis: bytes) -> list[Finding]:
    """Every finding of one entry, passed or not, in the order of the rules."""
    return [
        *compare_processor(claims, policy),
        *check_host_data(claims, policy),
        *check_uvm(claims, policy),
        *check_own_report(claims),
    ]


def check_host_data(claims: AzureAciClaims, policy: AzureAciPolicy) -> Iterator[Finding]:
    """The group was started with the listed container policy."""
    yield one_of("azure-aci-host-data", "container policy", claims.host_data, [policy.host_data])


def check_uvm(claims: AzureAciClaims, policy: AzureAciPolicy) -> Iterator[Finding]:
    """A listed issuer endorses the utility VM, as a listed kind of image, new enough."""
    yield one_of("azure-aci-uvm-issuer", "issuer", claims.uvm_issuer, policy.uvm_issuers)
    yield one_of("azure-aci-uvm-feed", "feed", claims.uvm_feed, policy.uvm_feeds)
    found, least = claims.uvm_svn, policy.min_uvm_svn
    yield finding(
        "azure-aci-uvm-svn",
        "security version of the utility VM",
        str(found),
        f"{least} or newer",
        passed=found >= least,
    )
