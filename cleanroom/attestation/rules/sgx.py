"""The rules of an SGX policy entry, one function each; `compare` lists every rule."""

from collections.abc import Iterator

from cleanroom.attestation.claims import SgxClaims
from cleanroom.attestation.policy import Demand, SgxPolicy
from cleanroom.attestation.result import Finding
from cleanroom.attestation.rules.comparing import any_or_one_of, bits_as_asked, finding, one_of
from cleanroom.attestation.rules.dcap import check_launch_data, compare_platform


def compare(claims: SgxClaims, policy: SgxPolicy, genesis: bytes) -> list[Finding]:
    """Every finding of one entry, passed or not, in the order of the rules."""
    return [
        *compare_platform(claims, policy),
        *check_measurement(claims, policy),
        *check_signer(claims, policy),
        *check_isv_svn(claims, policy),
        *check_host_data(claims, policy, genesis),
        *check_enclave_attributes(claims, policy),
    ]


def check_measurement(claims: SgxClaims, policy: SgxPolicy) -> Iterator[Finding]:
    """The enclave is a listed one."""
    yield one_of("sgx-measurement", "MRENCLAVE", claims.measurement, policy.measurements)


def check_signer(claims: SgxClaims, policy: SgxPolicy) -> Iterator[Finding]:
    """The enclave was signed by a listed key."""
    yield any_or_one_of("sgx-signer", "MRSIGNER", claims.signer, policy.signers)


def check_isv_svn(claims: SgxClaims, policy: SgxPolicy) -> Iterator[Finding]:
    """The enclave's own security version is new enough."""
    found, least = claims.isv_svn, policy.min_isv_svn
    yield finding("sgx-svn", "ISV SVN", str(found), f"{least} or newer", passed=found >= least)


def check_host_data(claims: SgxClaims, policy: SgxPolicy, genesis: bytes) -> Iterator[Finding]:
    """The launcher tied the enclave to this room."""
    yield from check_launch_data(claims, claims.host_data, policy.host_data, genesis)


def check_enclave_attributes(claims: SgxClaims, policy: SgxPolicy) -> Iterator[Finding]:
    """Each attribute of the enclave is as asked."""
    demands: dict[str, Demand] = policy.enclave_attributes.model_dump()
    yield from bits_as_asked("sgx-attributes", "enclave attribute", claims.attributes, demands)
