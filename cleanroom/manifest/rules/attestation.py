"""Rules about what is trusted: policies, simulation, worker roles."""

from collections.abc import Iterator

from cleanroom.errors import Problem
from cleanroom.manifest.model import Manifest


def simulation_is_development(manifest: Manifest) -> Iterator[Problem]:
    """Simulated roots are trusted in development mode only."""
    if manifest.metadata.mode == "production":
        for name in _simulated(manifest):
            yield Problem(
                f"policy {name!r} trusts simulated roots in production mode, expected none",
                where=f"attestation.{name}.development_roots",
                hint="remove the entry; real machines are vouched for by their vendor's root",
            )


def simulation_is_not_mixed(manifest: Manifest) -> Iterator[Problem]:
    """Either every policy is for simulated machines or none is."""
    simulated = _simulated(manifest)
    if simulated and len(simulated) < len(manifest.attestation):
        for name in simulated:
            yield Problem(
                f"policy {name!r} is for simulated machines while others are for real ones",
                where=f"attestation.{name}.development_roots",
                hint="write one manifest for development and another for real machines",
            )


def policies_are_used(manifest: Manifest) -> Iterator[Problem]:
    """Every policy is accepted for the coordinator or some worker role."""
    used = set(manifest.coordinator.policies)
    used |= {name for role in manifest.workers.values() for name in role.policies}
    for name in manifest.attestation:
        if name not in used:
            yield Problem(
                f"policy {name!r} is used by neither the coordinator nor a worker role",
                where=f"attestation.{name}",
            )


def workers_are_used(manifest: Manifest) -> Iterator[Problem]:
    """Every worker role is used by a computation."""
    used = {computation.workers.role for computation in manifest.computations.values()}
    for name in manifest.workers:
        if name not in used:
            yield Problem(
                f"worker role {name!r} is used by no computation", where=f"workers.{name}"
            )


def evidence_is_renewed_in_time(manifest: Manifest) -> Iterator[Problem]:
    """Workers are asked for fresh evidence before the newest is too old."""
    for name, role in manifest.workers.items():
        asked, most = role.reattest_s, role.max_evidence_age_s
        if asked is not None and most is not None and asked >= most:
            yield Problem(
                f"reattest_s is {asked}, expected less than max_evidence_age_s, {most}",
                where=f"workers.{name}.reattest_s",
                hint="leave a worker time to answer: half of the age is a good time to ask",
            )


def gangs_fit(manifest: Manifest) -> Iterator[Problem]:
    """A computation needs no more workers than its role may have."""
    for name, computation in manifest.computations.items():
        gang = computation.workers
        role = manifest.workers.get(gang.role)
        if role is not None and gang.count > role.max_live:
            yield Problem(
                f"count is {gang.count}, expected at most max_live of {gang.role!r}, "
                f"which is {role.max_live}",
                where=f"computations.{name}.workers.count",
            )


def _simulated(manifest: Manifest) -> list[str]:
    return [name for name, policy in manifest.attestation.items() if policy.development_roots]
