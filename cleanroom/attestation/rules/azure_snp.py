"""The rules of an entry for Azure over SEV-SNP; `compare` lists every rule."""

from collections.abc import Iterator

from cleanroom.attestation.claims import AzureSnpClaims
from cleanroom.attestation.policy import AzureSnpPolicy
from cleanroom.attestation.result import Finding
from cleanroom.attestation.rules.azure import compare_guest
from cleanroom.attestation.rules.comparing import any_or_one_of, finding, one_of
from cleanroom.attestation.rules.snp import compare_processor

HIGHEST = 0
"""The paravisor has the highest privilege level: a report from a lower one is not its own."""


def compare(claims: AzureSnpClaims, policy: AzureSnpPolicy, _genesis: bytes) -> list[Finding]:
    """Every finding of one entry, passed or not, in the order of the rules."""
    return [
        *compare_processor(claims, policy),
        *check_paravisor(claims, policy),
        *check_level(claims),
        *compare_guest(claims, policy),
    ]


def check_paravisor(claims: AzureSnpClaims, policy: AzureSnpPolicy) -> Iterator[Finding]:
    """The paravisor is signed by a listed key, new enough, and a listed one."""
    yield one_of("azure-paravisor", "ID key", claims.id_key_digest, policy.paravisor_keys)
    found, least = claims.guest_svn, policy.min_paravisor_svn
    yield finding(
        "azure-paravisor-svn",
        "security version of the paravisor",
        str(found),
        f"{least} or newer",
        passed=found >= least,
    )
    allowed = policy.paravisor_measurements
    yield any_or_one_of("azure-paravisor", "paravisor", claims.measurement, allowed)


def check_level(claims: AzureSnpClaims) -> Iterator[Finding]:
    """The report is the paravisor's own, under the chip's own key; no entry can ask for less."""
    yield one_of("snp-vmpl", "VMPL", claims.vmpl, [HIGHEST])
    yield one_of("snp-signing-key", "signing key", claims.signing_key, ["vcek"])
