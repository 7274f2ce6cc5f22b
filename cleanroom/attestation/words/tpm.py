"""A TPM entry in words: what it accepts, what it leaves open, what mends a finding."""

from cleanroom.attestation.policy import TpmPolicy
from cleanroom.attestation.words.boot import (
    NO_HOST_DATA,
    OPEN_MEMORY,
    boot_hints,
    described_boot,
    open_boot,
)

HINTS = boot_hints("tpm") | {
    "tpm-assurance": "development_roots in the manifest and a simulated room belong together",
    "tpm-key": "attest with a key that the manifest lists",
}
"""What usually mends a failed finding, by its code."""
OWN_WORD = "that the listed keys are in TPMs is the word of whoever registered them"


def described(policy: TpmPolicy) -> list[str]:
    """What this entry accepts, one phrase each."""
    keys = (f"attestation key {key}" for key in policy.keys)
    return ["tpm", f"memory: {policy.memory}", *keys, *described_boot(policy.boot)]


def left_open(policy: TpmPolicy) -> list[str]:
    """One sentence for each thing that this entry does not close."""
    return [OPEN_MEMORY, OWN_WORD, *open_boot(policy.boot), NO_HOST_DATA]
