"""The rules of an entry for Azure over SEV-SNP; `compare` lists every rule."""

from collections.abc import Iterator

from cleanroom.attestation.claims import AzureSnpClaims
from cleanroom.attestation.policy import AzureSnpPolicy
from cleanroom.attestation.result import Finding
from cleanroom.attestation.rules.azure import compare_guest
from cleanroom.attestation.rules.comparing import finding, one_of
from cleanroom.attestation.rules.snp import check_own_report, compare_processor


def compare(claims: AzureSnpClaims, policy: AzureSnpPolicy, _genesis: bytes) -> list[Finding]:
    """Every finding of one entry, passed or not, in the order of the rules."""
    return [
        *compare_processor(claims, policy),
        *check_paravisor(claims, policy),
        *check_own_report(claims),
        *compare_guest(claims, policy),
    ]


def check_paravisor(claims: AzureSnpClaims, policy: AzureSnpPolicy) -> Iterator[Finding]:
    """The paravisor is signed by a listed key, and new enough."""
    yield one_of("azure-snp-paravisor", "ID key", claims.id_key_digest, policy.paravisor_keys)
    found, least = claims.guest_svn, policy.min_paravisor_svn
    yield finding(
        "azure-snp-paravisor-svn",
        "security version of the paravisor",
        str(found),
        f"{least} or newer",
        passed=found >= least,
    )
