"""What the appraisal found, in the shape of an EAT Attestation Result (draft-ietf-rats-ear).

A result is minted by `appraisal.appraise` only. One that is read back from a log or a receipt is
a statement of whoever kept it: to rely on it again, verify the evidence it names again.
"""

from typing import Literal

from pydantic import Field

from cleanroom.attestation.claims import AnyClaims, Assurance
from cleanroom.encoding import Digest, Instant, Record

EAR_PROFILE = "tag:ietf.org,2026:rats/ear#04"
"""The draft whose words are used here."""
VERIFIER_BUILD = "attested-cleanroom/1"
"""This verifier; raised whenever a step or a rule changes its meaning."""

Tier = Literal["affirming", "warning"]
"""EAR tiers that a result can have; `contraindicated` raises instead of becoming a result."""


class Finding(Record):
    """One comparison between a claim and the policy."""

    code: str = Field(pattern=r"^[a-z0-9-]{1,64}$")
    """Stable name of the rule, such as `snp-measurement`."""
    check: str
    """What was compared, in words."""
    found: str
    """What the evidence says."""
    expected: str
    """What the policy asks."""
    passed: bool
    """Whether the one satisfies the other."""


class TrustVector(Record):
    """Trustworthiness claims (draft-ietf-rats-ar4si): 0 none, 2.. affirming, 32.. warning."""

    instance_identity: int = Field(alias="instance-identity", ge=-128, le=127)
    """Whether this very machine is one that the policy lists."""
    configuration: int = Field(ge=-128, le=127)
    """Guest policy and platform bits."""
    executables: int = Field(ge=-128, le=127)
    """The launch measurement; what runs later is not measured."""
    hardware: int = Field(ge=-128, le=127)
    """The processor and its firmware."""
    runtime_opaque: int = Field(alias="runtime-opaque", ge=-128, le=127)
    """Memory that the host cannot read."""


class AttestationResult(Record):
    """Every rule of one policy entry was appraised and holds."""

    profile: Literal["tag:ietf.org,2026:rats/ear#04"] = Field(alias="eat_profile")
    """Which words are used."""
    issued_at: Instant = Field(alias="iat")
    """When it was appraised."""
    verifier: str = Field(alias="ear.verifier-id")
    """Who appraised: a build of this program."""
    status: Tier = Field(alias="ear.status")
    """The worst tier of the trust vector."""
    trust_vector: TrustVector = Field(alias="ear.trustworthiness-vector")
    """The result in the words of AR4SI."""
    policy: str = Field(alias="ear.appraisal-policy-id")
    """Which entry of the manifest's `attestation` held, whole."""
    policy_digest: Digest
    """SHA-256 of that entry's canonical bytes, with measurements in place of a name for them."""
    evidence: Digest
    """The evidence that was verified."""
    claims: AnyClaims
    """What the evidence says."""
    findings: list[Finding]
    """Every comparison, in order."""
    assurance: Assurance
    """`simulated` never stands for hardware."""
