"""Cases of rules about who is accepted, and on how many machines."""

from tests.support.manifests import simulated_policy
from tests.support.rule_changes import REAL

# rule, change, where, words of the message
BROKEN = [
    (
        "simulation_is_development",
        {"metadata__mode": "production"},
        "attestation.worker-snp.development_roots",
        "trusts simulated roots in production mode",
    ),
    (
        "simulation_is_not_mixed",
        {"attestation__worker-snp": REAL},
        "attestation.coordinator-snp.development_roots",
        "is for simulated machines while others are for real ones",
    ),
    (
        "policies_are_used",
        {"attestation__spare": simulated_policy()},
        "attestation.spare",
        "policy 'spare' is used by neither",
    ),
    (
        "workers_are_used",
        {"workers__gpu": {"policies": ["worker-snp"], "max_live": 1}},
        "workers.gpu",
        "worker role 'gpu' is used by no computation",
    ),
    (
        "evidence_is_renewed_in_time",
        {"workers__cpu__reattest_s": 600, "workers__cpu__max_evidence_age_s": 600},
        "workers.cpu.reattest_s",
        "reattest_s is 600, expected less than max_evidence_age_s, 600",
    ),
    (
        "gangs_fit",
        {"computations__overlap__workers__count": 5},
        "computations.overlap.workers.count",
        "count is 5, expected at most max_live of 'cpu', which is 4",
    ),
]
