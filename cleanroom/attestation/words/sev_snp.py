"""A SEV-SNP entry in words: what it accepts, what it leaves open, what mends a finding."""

from cleanroom.attestation.policy import SevSnpPolicy
from cleanroom.attestation.words.reference import described_name
from cleanroom.attestation.words.snp import described_processor, open_processor, processor_hints

FREE_HOST_DATA = "host data is free: somebody else may set up a first manifest of their own"
HINTS = processor_hints("snp") | {
    "snp-host-data": "start the machine with this room's genesis as host data",
    "snp-csp-id": "use the cloud that the manifest lists",
    "snp-id-key": "launch with an ID block signed by a listed key",
    "snp-author-key": "launch with an ID block whose key a listed author signed",
    "snp-mitigations": "update the host's firmware until it reports these mitigations",
}
"""What usually mends a failed finding, by its code."""


def described(policy: SevSnpPolicy) -> list[str]:
    """What this entry accepts, one phrase each."""
    measured = (f"measurement {measurement}" for measurement in policy.measurements or ())
    return [*described_processor(policy), *measured, *described_name(policy)]


def left_open(policy: SevSnpPolicy) -> list[str]:
    """One sentence for each thing that this entry does not close."""
    said = open_processor(policy)
    if "vlek" in policy.signing_keys:
        said.append("a cloud's lent key may sign: the report does not prove which chip it is")
    if set(policy.vmpl) != {0}:
        said.append("the guest may run below another layer of software, which sees its memory")
    if policy.host_data == "any":
        said.append(FREE_HOST_DATA)
    if policy.id_key_digests == "any":
        said.append("no ID key is asked for: the measurement alone says which image it is")
    return said
