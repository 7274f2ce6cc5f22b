"""The rules of an entry for Azure Container Instances; `compare` lists every rule."""

from collections.abc import Iterator

from cleanroom.attestation.claims import AzureAciClaims
from cleanroom.attestation.policy import AzureAciPolicy
from cleanroom.attestation.result import Finding
from cleanroom.attestation.rules.comparing import finding, one_of
from cleanroom.attestation.rules.snp import compare_processor


def compare(claims: AzureAciClaims, policy: AzureAciPolicy, _genesis: bytes) -> list[Finding]:
    """Every finding of one entry, passed or not, in the order of the rules."""
    return [
        *compare_processor(claims, policy),
        *check_host_data(claims, policy),
        *check_uvm(claims, policy),
        *check_level(claims),
    ]


def check_host_data(claims: AzureAciClaims, policy: AzureAciPolicy) -> Iterator[Finding]:
    """The group was started with the listed container policy."""
    yield one_of("aci-host-data", "container policy", claims.host_data, [policy.host_data])


def check_uvm(claims: AzureAciClaims, policy: AzureAciPolicy) -> Iterator[Finding]:
    """A listed issuer endorses the utility VM, as a listed kind of image, new enough."""
    yield one_of("aci-uvm-issuer", "issuer", claims.uvm_issuer, policy.uvm_issuers)
    yield one_of("aci-uvm-feed", "feed", claims.uvm_feed, policy.uvm_feeds)
    found, least = claims.uvm_svn, policy.min_uvm_svn
    yield finding(
        "aci-uvm-svn",
        "security version of the utility VM",
        str(found),
        f"{least} or newer",
        passed=found >= least,
    )


def check_level(claims: AzureAciClaims) -> Iterator[Finding]:
    """The report is from the highest level, under the chip's own key; no entry asks for less."""
    yield one_of("snp-vmpl", "VMPL", claims.vmpl, [0])
    yield one_of("snp-signing-key", "signing key", claims.signing_key, ["vcek"])
