"""Are these claims what the parties accept? Every rule is compared and every finding kept.

One policy entry must hold whole: a good measurement of one entry never excuses the old firmware
that another entry would allow. What the rules are is told in `rules`, one module for each platform;
a result is minted only here.
"""

from collections.abc import Mapping
from datetime import datetime

from cleanroom.attestation.claims import AnyClaims
from cleanroom.attestation.devices import asked_of
from cleanroom.attestation.policy import AppraisalPolicy
from cleanroom.attestation.result import (
    VERIFIER_BUILD,
    AttestationResult,
    Finding,
    TrustVector,
)
from cleanroom.attestation.table import PLATFORMS, compare
from cleanroom.attestation.words import devices as device_words
from cleanroom.encoding import content_digest
from cleanroom.errors import AppraisalFailed, Problem

GENESIS_LENGTH = 32
"""HOSTDATA is 32 bytes."""
OTHER_PLATFORM = "run on the platform of this entry, or agree on a manifest that lists this one"


def appraise(
    claims: AnyClaims, policies: Mapping[str, AppraisalPolicy], *, genesis: bytes, now: datetime
) -> AttestationResult:
    """The result for the first entry that holds whole.

    Args:
        claims: from `verify`.
        policies: the accepted entries of the manifest's `attestation`, by name.
        genesis: this room's genesis digest, 32 bytes; what `host_data: genesis` stands for.
        now: when the result is issued.

    Raises:
        AppraisalFailed: no entry holds; its problems are those of the entry that fails least.
    """
    if len(genesis) != GENESIS_LENGTH:
        raise AppraisalFailed(f"genesis is {len(genesis)} bytes, expected {GENESIS_LENGTH} bytes")
    attempts: dict[str, list[Finding]] = {}
    for name, policy in policies.items():
        attempts[name] = findings = compare(claims, policy, genesis)
        if all(finding.passed for finding in findings):
            return _mint(claims, name, policy, findings, now)
    raise _refusal(attempts)


def _mint(
    claims: AnyClaims, name: str, policy: AppraisalPolicy, findings: list[Finding], now: datetime
) -> AttestationResult:
    simulated = claims.assurance == "simulated"
    doubtful = simulated or not claims.firmware_current
    opaque = 2 if claims.hides_memory else 32
    vector = TrustVector(
        instance_identity=2 if _lists_machines(policy) else 0,
        configuration=2,
        executables=3,
        hardware=32 if doubtful else 2,
        runtime_opaque=0 if simulated else opaque,
    )
    return AttestationResult(
        profile="tag:ietf.org,2026:rats/ear#04",
        issued_at=now.replace(microsecond=0),
        verifier=VERIFIER_BUILD,
        status="warning" if doubtful or not claims.hides_memory else "affirming",
        trust_vector=vector,
        policy=name,
        policy_digest=content_digest(policy.to_bytes()),
        evidence=claims.evidence,
        claims=claims,
        findings=findings,
        assurance=claims.assurance,
    )


def _lists_machines(policy: AppraisalPolicy) -> bool:
    """Whether only listed machines are accepted, and only listed devices beside them."""
    beside = asked_of(policy)
    return policy.lists_machines and (beside is None or beside.lists_machines)


def _refusal(attempts: Mapping[str, list[Finding]]) -> AppraisalFailed:
    if not attempts:
        return AppraisalFailed("there is no attestation policy, expected at least one")
    failed = {
        name: [one for one in findings if not one.passed] for name, findings in attempts.items()
    }
    name = min(failed, key=lambda entry: _distance(failed[entry]))
    problems = [
        Problem(
            f"{one.check} is {one.found}, expected {one.expected}",
            where=f"attestation.{name} ({one.code})",
            hint=_hint(one.code),
        )
        for one in failed[name]
    ]
    others = f" (nor {len(attempts) - 1} other policies)" if len(attempts) > 1 else ""
    return AppraisalFailed(
        f"the machine does not meet attestation policy {name!r}{others}: {problems[0].message}",
        hint=problems[0].hint,
        problems=problems,
    )


def _distance(failed: list[Finding]) -> tuple[bool, int]:
    """How far the claims are from an entry: one for another platform is farthest."""
    return any(one.code == "platform" for one in failed), len(failed)


def _hint(code: str) -> str:
    for row in PLATFORMS.values():
        if code in row.hints:
            return row.hints[code]
    return device_words.HINTS.get(code, OTHER_PLATFORM)
