"""The rules of a SEV-SNP policy entry, one function each; `compare` lists every rule."""

from collections.abc import Iterator

from cleanroom.attestation.claims import SevSnpClaims
from cleanroom.attestation.policy import SevSnpPolicy
from cleanroom.attestation.result import Finding
from cleanroom.attestation.rules.comparing import any_or_one_of, finding, one_of
from cleanroom.attestation.rules.snp import compare_processor


def compare(claims: SevSnpClaims, policy: SevSnpPolicy, genesis: bytes) -> list[Finding]:
    """Every finding of one entry, passed or not, in the order of the rules."""
    return [
        *compare_processor(claims, policy),
        *check_host_data(claims, policy, genesis),
        *check_vmpl(claims, policy),
        *check_signing_key(claims, policy),
        *check_id_key(claims, policy),
        *check_author_key(claims, policy),
        *check_mitigations(claims, policy),
    ]


def check_host_data(
    claims: SevSnpClaims, policy: SevSnpPolicy, genesis: bytes
) -> Iterator[Finding]:
    """The launcher tied the guest to this room."""
    expected = genesis.hex() if policy.host_data == "genesis" else policy.host_data
    yield finding(
        "snp-host-data",
        "host data",
        claims.host_data,
        expected,
        passed=expected in ("any", claims.host_data),
    )


def check_vmpl(claims: SevSnpClaims, policy: SevSnpPolicy) -> Iterator[Finding]:
    """The report was asked for from a listed privilege level."""
    yield one_of("snp-vmpl", "VMPL", claims.vmpl, policy.vmpl)


def check_signing_key(claims: SevSnpClaims, policy: SevSnpPolicy) -> Iterator[Finding]:
    """The report is signed by a listed kind of key, and a lent key by a listed cloud's."""
    yield one_of("snp-signing-key", "signing key", claims.signing_key, policy.signing_keys)
    if claims.signing_key == "vlek":
        yield one_of("snp-csp-id", "cloud of the VLEK", claims.csp_id, policy.csp_ids)


def check_id_key(claims: SevSnpClaims, policy: SevSnpPolicy) -> Iterator[Finding]:
    """The launch was signed by a listed key."""
    yield any_or_one_of("snp-id-key", "ID key", claims.id_key_digest, policy.id_key_digests)


def check_author_key(claims: SevSnpClaims, policy: SevSnpPolicy) -> Iterator[Finding]:
    """The ID key was signed by a listed author."""
    found, allowed = claims.author_key_digest, policy.author_key_digests
    yield any_or_one_of("snp-author-key", "author key", found, allowed)


def check_mitigations(claims: SevSnpClaims, policy: SevSnpPolicy) -> Iterator[Finding]:
    """Both mitigation vectors hold every bit that is asked for."""
    asked = policy.min_mitigation_vector
    for when, word in (
        ("launch", claims.launch_mitigations),
        ("current", claims.current_mitigations),
    ):
        yield finding(
            "snp-mitigations",
            f"{when} mitigations",
            word,
            f"every bit of {asked:#x}",
            passed=int(word, 16) & asked == asked,
        )
