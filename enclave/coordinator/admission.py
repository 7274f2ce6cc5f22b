"""Lets a worker in: its evidence must hold for this very conversation and under its role's policy.

Both nonces live as long as one stream, so evidence serves one join. Whether there is a place for
the worker is decided by the room; here is only who it is.
"""

import secrets
from datetime import datetime
from functools import partial

from cleanroom.attestation.result import AttestationResult
from cleanroom.errors import AdmissionRefused
from cleanroom.manifest.model import Manifest, WorkerRole
from cleanroom.protocol.join import NONCE_LENGTH, Admit, Challenge, Hello, Join, appraise_join
from enclave.coordinator import events
from enclave.coordinator.engine import Engine
from enclave.coordinator.outboxes import Stream


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
    return Admit(instance=instance, lease_s=role.lease_s, token=token)


def renew(engine: Engine, instance: str) -> int:
    """Let a worker's lease go on; returns its length in seconds.

    Its evidence is appraised anew, for vendors may have spoken since: what they revoked ends it.

    Raises:
        ApprovalError, ManifestOutdated: no manifest is in force any more.
        AdmissionRefused: the worker has left.
        NotTrusted: its evidence does not hold any more.
    """
    manifest = engine.room.in_force(engine.now()).manifest
    worker = engine.room.workers.get(instance)
    if worker is None:
        raise AdmissionRefused(f"the lease of {instance} has ended")
    lease_s = _role(manifest, worker.join.role).lease_s
    _appraised(engine, manifest, worker.join)
    engine.performer.leases.renew(instance, lease_s)
    return lease_s


def _appraised(engine: Engine, manifest: Manifest, join: Join) -> AttestationResult:
    return appraise_join(
        join,
        _role(manifest, join.role),
        manifest,
        reference_values=engine.room.reference_values,
        genesis=engine.room.genesis.digest,
        collateral=engine.supply.read(),
        now=engine.now(),
    )


def _role(manifest: Manifest, name: str) -> WorkerRole:
    if name not in manifest.workers:
        raise AdmissionRefused(f"the role is {name!r}, expected one of {sorted(manifest.workers)}")
    return manifest.workers[name]


def _joined(
    join: Join, instance: str, result: AttestationResult, at: datetime
) -> events.WorkerJoined:
    return events.WorkerJoined(at=at, join=join, instance=instance, result=result)
