"""An SGX entry in words: what it accepts, what it leaves open, what mends a finding."""

from cleanroom.attestation.policy import SgxPolicy
from cleanroom.attestation.words.dcap import (
    FREE_HOST_DATA,
    described_platform,
    open_platform,
    platform_hints,
)

HINTS = platform_hints("sgx") | {
    "sgx-measurement": "run the enclave that the manifest lists, or list this one's MRENCLAVE",
    "sgx-signer": "run an enclave that a listed key signed",
    "sgx-svn": "run a newer build of the enclave",
    "sgx-attributes": "build and launch the enclave with the attributes that the manifest asks for",
}
"""What usually mends a failed finding, by its code."""
OPEN_ATTRIBUTES = {
    "debug": ("forbid", "the host may read and write the enclave: nothing is confidential"),
    "provision_key": ("forbid", "the enclave may derive a key that identifies the platform"),
    "einittoken_key": ("forbid", "the enclave may launch others"),
    "aex_notify": ("require", "the host may single-step the enclave: side channels stay open"),
}
"""The demand that closes each attribute, and what it means when it is not made."""


def described(policy: SgxPolicy) -> list[str]:
    """What this entry accepts, one phrase each."""
    signers = [] if policy.signers == "any" else [f"signer {one}" for one in policy.signers]
    enclaves = [f"measurement {measurement}" for measurement in policy.measurements]
    return ["sgx", *described_platform(policy), *enclaves, *signers]


def left_open(policy: SgxPolicy) -> list[str]:
    """One sentence for each thing that this entry does not close."""
    asked: dict[str, str] = policy.enclave_attributes.model_dump()
    said = open_platform(policy)
    said += [words for name, (safe, words) in OPEN_ATTRIBUTES.items() if asked[name] != safe]
    if policy.host_data == "any":
        said.append(FREE_HOST_DATA)
    return said
