"""What a policy entry accepts and leaves open, in words: shown before a party signs.

What stays open is only what the entry does *not* ask for; what it asks for is enforced by `rules`.
"""

from cleanroom.attestation.devices import asked_of
from cleanroom.attestation.policy import AppraisalPolicy
from cleanroom.attestation.table import PLATFORMS
from cleanroom.attestation.words import devices


def described(policy: AppraisalPolicy) -> list[str]:
    """What this entry accepts, one phrase each; never empty.

    Args:
        policy: an entry of the manifest's `attestation`.
    """
    beside = asked_of(policy)
    roots = [f"simulated root {root}" for root in policy.development_roots or ()]
    return [
        *PLATFORMS[policy.platform].described(policy),
        *([] if beside is None else devices.described(beside)),
        *roots,
        f"host data: {policy.host_data}",
    ]


def left_open(policy: AppraisalPolicy) -> list[str]:
    """One sentence for each thing that this entry does not close; never empty.

    Args:
        policy: an entry of the manifest's `attestation`.
    """
    beside = asked_of(policy)
    simulated = "the machine is simulated: whoever runs it can read everything"
    return [
        *([] if policy.development_roots is None else [simulated]),
        *PLATFORMS[policy.platform].left_open(policy),
        *([] if beside is None else devices.left_open(beside)),
        "what the image does after launch is not measured: read what the measurement stands for",
    ]
