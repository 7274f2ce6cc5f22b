"""Are these claims what the parties accept? Every rule is compared and every finding kept.

One policy entry must hold whole: a good measurement of one entry never excuses the old firmware
that another entry would allow. What the rules are is told in `rules`; a result is minted only here.
"""

from collections.abc import Mapping
from datetime import datetime

from cleanroom.attestation.claims import Claims
from cleanroom.attestation.policy import SevSnpPolicy
from cleanroom.attestation.result import (
    VERIFIER_BUILD,
    AttestationResult,
    Finding,
    TrustVector,
)
from cleanroom.attestation.rules import compare
from cleanroom.encoding import content_digest
from cleanroom.errors import AppraisalFailed, Problem

GENESIS_LENGTH = 32
"""HOSTDATA is 32 bytes."""
HINTS = {
    "snp-assurance": "development_roots in the manifest and a simulated room belong together",
    "snp-product": "run on a listed processor, or agree on a manifest that lists this one",
    "snp-report-version": "update the host's firmware: old reports do not name the processor",
    "snp-measurement": "run the image that the manifest lists, or list this image's measurement",
    "snp-host-data": "start the machine with this room's genesis as host data",
    "snp-tcb": "update the host's firmware and microcode, then reboot it",
    "snp-tcb-safe": "update the host's firmware: this version is publicly broken",
    "snp-tcb-order": "the firmware's versions contradict each other: do not use this machine",
    "snp-guest-policy": "launch the guest with the policy bits that the manifest asks for",
    "snp-platform-info": "change the host's firmware settings, or use another host",
    "snp-vmpl": "ask for evidence from the privilege level that the manifest lists",
    "snp-signing-key": "use a machine whose own chip key (VCEK) signs",
    "snp-csp-id": "use the cloud that the manifest lists",
    "snp-chip-id": "run on a processor that the manifest lists",
    "snp-id-key": "launch with an ID block signed by a listed key",
    "snp-author-key": "launch with an ID block whose key a listed author signed",
    "snp-mitigations": "update the host's firmware until it reports these mitigations",
}
"""What usually mends a failed finding, by its code."""


def appraise(
    claims: Claims, policies: Mapping[str, SevSnpPolicy], *, genesis: bytes, now: datetime
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
    claims: Claims, name: str, policy: SevSnpPolicy, findings: list[Finding], now: datetime
) -> AttestationResult:
    simulated = claims.assurance == "simulated"
    vector = TrustVector(
        instance_identity=0 if policy.chip_ids == "any" else 2,
        configuration=2,
        executables=3,
        hardware=32 if simulated else 2,
        runtime_opaque=0 if simulated else 2,
    )
    return AttestationResult(
        profile="tag:ietf.org,2026:rats/ear#04",
        issued_at=now.replace(microsecond=0),
        verifier=VERIFIER_BUILD,
        status="warning" if simulated else "affirming",
        trust_vector=vector,
        policy=name,
        policy_digest=content_digest(policy.to_bytes()),
        evidence=claims.evidence,
        claims=claims,
        findings=findings,
        assurance=claims.assurance,
    )


def _refusal(attempts: Mapping[str, list[Finding]]) -> AppraisalFailed:
    if not attempts:
        return AppraisalFailed("there is no attestation policy, expected at least one")
    failed = {
        name: [one for one in findings if not one.passed] for name, findings in attempts.items()
    }
    name = min(failed, key=lambda entry: len(failed[entry]))
    problems = [
        Problem(
            f"{one.check} is {one.found}, expected {one.expected}",
            where=f"attestation.{name} ({one.code})",
            hint=HINTS[one.code],
        )
        for one in failed[name]
    ]
    others = f" (nor {len(attempts) - 1} other policies)" if len(attempts) > 1 else ""
    return AppraisalFailed(
        f"the machine does not meet attestation policy {name!r}{others}: {problems[0].message}",
        hint=problems[0].hint,
        problems=problems,
    )
