"""Lets a worker in: its evidence must hold for this very conversation and under its role's policy.

Both nonces live as long as one stream, so evidence serves one join. Whether there is a place for
the worker is decided by the room; here is only who it is.
"""

import secrets
from datetime import datetime
from functools import partial

from cleanroom.attestation.result import AttestationResult
from cleanroom.encoding import instant_text
from cleanroom.errors import AdmissionRefused
from cleanroom.manifest.model import Manifest, WorkerRole
from cleanroom.protocol.join import NONCE_LENGTH, Admit, Challenge, Hello, Join, appraise_join
from cleanroom.protocol.reattestation import Reattested
from enclave.coordinator import events
from enclave.coordinator.engine import Engine
from enclave.coordinator.outboxes import Stream
from enclave.coordinator.standing import young_enough
from enclave.coordinator.state import Room, Worker


def challenge(engine: Engine, hello: Hello) -> Challenge:
    """The room's own proof for the worker's nonce, and a nonce for the worker's.

    Raises:
        ApprovalError, ManifestOutdated: no manifest is in force.
        AdmissionRefused: the role is not in it.
    """
    _role(engine.room.in_force(engine.now()).manifest, hello.role)
    statement, _ = engine.statement(hello.nonce, 0)
    return Challenge(nonce=secrets.token_bytes(NONCE_LENGTH), statement=statement)


def admit(engine: Engine, asked: Hello, given: Challenge, join: Join, stream: Stream) -> Admit:
    """Admit the worker at the other end of `stream`.

    Args:
        engine: the room.
        asked: what the worker said first.
        given: what it was answered; its nonce is good for this join only.
        join: its proof.
        stream: where its messages go from now on.

    Raises:
        AdmissionRefused: nonces or role differ, or there is no place for it.
        NotTrusted: its evidence does not hold for this conversation or under its role's policies.
    """
    told = (join.role, join.worker_nonce, join.room_nonce)
    if told != (asked.role, asked.nonce, given.nonce):
        raise AdmissionRefused("the join is for another conversation than this one")
    manifest = engine.room.in_force(engine.now()).manifest
    role = _role(manifest, join.role)
    result = _appraised(engine, manifest, join)
    instance = f"w-{secrets.token_hex(8)}"
    token = engine.performer.connect(instance, stream, role.lease_s)
    try:
        engine.apply(partial(_joined, join, instance, result))
    except BaseException:
        engine.performer.disconnect(instance)
        raise
    _schedule(engine, instance, role)
    return Admit(instance=instance, lease_s=role.lease_s, token=token)


def reattested(engine: Engine, instance: str, shown: Reattested) -> Room:
    """Take a worker's fresh evidence.

    Raises:
        AdmissionRefused: it was not asked for, or the worker has left.
        NotTrusted: it does not hold for the room's nonce and the worker's join, or meets no policy.
    """
    manifest = engine.room.in_force(engine.now()).manifest
    worker = _here(engine, instance)
    result = _appraised(engine, manifest, worker.join, shown)
    room = engine.apply(partial(_shown, instance, shown, result))
    _schedule(engine, instance, _role(manifest, worker.join.role))
    return room


def renew(engine: Engine, instance: str) -> int:
    """Let a worker's lease go on; returns its length in seconds.

    Its evidence is appraised anew, for vendors may have spoken since: what they revoked ends it.

    Raises:
        ApprovalError, ManifestOutdated: no manifest is in force any more.
        AdmissionRefused: the worker has left, or its newest evidence is too old.
        NotTrusted: its newest evidence does not hold any more.
    """
    manifest = engine.room.in_force(engine.now()).manifest
    worker = _here(engine, instance)
    role = _role(manifest, worker.join.role)
    if not young_enough(worker, role, engine.now()):
        raise AdmissionRefused(
            f"the newest evidence of {instance} is of {instant_text(worker.attested_at)}, "
            f"expected none older than {role.max_evidence_age_s} s"
        )
    _appraised(engine, manifest, worker.join, worker.reattested)
    engine.performer.leases.renew(instance, role.lease_s)
    return role.lease_s


def _here(engine: Engine, instance: str) -> Worker:
    worker = engine.room.workers.get(instance)
    if worker is None:
        raise AdmissionRefused(f"the lease of {instance} has ended")
    return worker


def _schedule(engine: Engine, instance: str, role: WorkerRole) -> WorkerRole:
    if role.reattest_s is not None:
        engine.performer.evidence.renew(instance, role.reattest_s)
    return role


def _appraised(
    engine: Engine, manifest: Manifest, join: Join, shown: Reattested | None = None
) -> AttestationResult:
    return appraise_join(
        join,
        _role(manifest, join.role),
        manifest,
        reference_values=engine.room.reference_values,
        genesis=engine.room.genesis.digest,
        collateral=engine.supply.read(),
        now=engine.now(),
        reattested=shown,
    )


def _role(manifest: Manifest, name: str) -> WorkerRole:
    if name not in manifest.workers:
        raise AdmissionRefused(f"the role is {name!r}, expected one of {sorted(manifest.workers)}")
    return manifest.workers[name]


def _joined(
    join: Join, instance: str, result: AttestationResult, at: datetime
) -> events.WorkerJoined:
    return events.WorkerJoined(at=at, join=join, instance=instance, result=result)


def _shown(
    instance: str, shown: Reattested, result: AttestationResult, at: datetime
) -> events.EvidenceShown:
    return events.EvidenceShown(at=at, instance=instance, reattested=shown, result=result)
