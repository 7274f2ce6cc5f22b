"""What the parties agreed to and who may take part: manifest, approvals, datasets, admissions.

Pure rules: each takes the room and an event and gives the next room with what the log says about
it, or raises. A room that comes back as the same object means: nothing new was said.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from ipaddress import ip_address

from cleanroom.attestation.resolving import needed, resolve, verify_named
from cleanroom.crypto.envelope import Envelope
from cleanroom.encoding import content_digest, instant_text
from cleanroom.errors import (
    AdmissionRefused,
    ApprovalInvalid,
    ApprovalMissing,
    CallerRefused,
    DatasetRefused,
    ManifestConflict,
    ManifestOutdated,
)
from cleanroom.ledger import entry as log
from cleanroom.manifest.approval import approve, open_approval, tally
from cleanroom.manifest.checks import check
from cleanroom.manifest.genesis import Genesis
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.dataset import DatasetVersion, open_version
from cleanroom.protocol.join import Join
from enclave.coordinator import events
from enclave.coordinator.state import HeldVersion, Room, Worker


@dataclass(frozen=True, slots=True)
class Change:
    """The next room, and what the log says about it."""

    room: Room
    contents: tuple[log.Content, ...] = ()


def propose(room: Room, event: events.Proposed) -> Change:
    """Take a manifest for this genesis, and every approval of it that is new.

    A proposal needs one valid approval at least, so that a stranger cannot occupy the room. The
    first one brings everything that builders signed; later ones cannot change it.

    Raises:
        ManifestConflict: another genesis, or the room holds another manifest already.
        ManifestRule: the manifest breaks a rule.
        ManifestOutdated: its time is over.
        ApprovalInvalid: one of the approvals does not hold.
        ApprovalMissing: there is no approval at all.
        ReferenceValuesRefused: what builders signed about an image is missing or does not hold.
    """
    manifest = _for_this_room(room, event)
    counted = _counted(manifest, event)
    held = dict(room.envelopes)
    fresh = {party: one for party, one in counted.items() if _adds(manifest, held.get(party), one)}
    if room.manifest is not None and not fresh:
        return Change(room)
    contents: list[log.Content] = []
    if room.manifest is None:
        room = replace(room, reference_values=_images(manifest, event))
        version = manifest.metadata.version
        contents.append(log.ManifestProposed(manifest=manifest.digest, version=version))
    contents += [_approved_entry(manifest, party, one) for party, one in fresh.items()]
    next_room = _activated(replace(room, manifest=manifest, envelopes=held | fresh), event.at)
    if room.approved is None and next_room.approved is not None:
        contents.append(log.ManifestActivated(manifest=manifest.digest))
    return Change(next_room, tuple(contents))


def add_version(room: Room, event: events.DatasetOffered) -> Change:
    """Take a dataset version from its owner, once every part of it is stored.

    Raises:
        ApprovalError, ManifestOutdated: no manifest is in force.
        DatasetRefused: it is not this room's, not whole, or reuses another version's context.
        CallerRefused: the caller is not its owner.
        SignatureInvalid: the owner did not sign it.
    """
    version = open_version(event.offer, room.in_force(event.at).manifest)
    if event.party != version.owner:
        raise CallerRefused(
            f"{event.party!r} may not add a version of {version.dataset!r}, "
            f"expected its owner {version.owner!r}"
        )
    digest = version.digest
    if digest in room.versions:
        return Change(room)
    if event.missing:
        raise DatasetRefused(
            f"{len(event.missing)} of {len(version.parts)} parts are not stored completely, "
            f"the first is part {event.missing[0]}"
        )
    _fresh_context(room, version)
    held = HeldVersion(version, event.offer.version, digest, event.offer.sealed_key, event.at)
    added = log.DatasetAdded(dataset=version.dataset, owner=version.owner, version=digest)
    return Change(replace(room, versions={**room.versions, digest: held}), (added,))


def admit(room: Room, event: events.WorkerJoined) -> Change:
    """Let a worker in whose evidence holds under one of its role's policies.

    Raises:
        ApprovalError, ManifestOutdated: no manifest is in force.
        AdmissionRefused: the role is unknown, full, or the join does not fit it.
    """
    manifest, join = room.in_force(event.at).manifest, event.join
    role = manifest.workers.get(join.role)
    if role is None:
        raise AdmissionRefused(
            f"the role is {join.role!r}, expected one of {sorted(manifest.workers)}"
        )
    if event.result.policy not in role.policies or join.manifest != manifest.digest:
        raise AdmissionRefused(f"the join is not one for role {join.role!r} of this manifest")
    live = sum(worker.join.role == join.role for worker in room.workers.values())
    if live >= role.max_live:
        raise AdmissionRefused(f"{live} workers of role {join.role!r} are live, the most there are")
    _own_keys(room.workers, join, event.instance)
    _reachable(join)
    worker = Worker(event.instance, join, event.result, attested_at=event.at)
    entry = log.WorkerAdmitted(
        instance=event.instance,
        role=join.role,
        policy=event.result.policy,
        join=join.digest,
        result=content_digest(event.result.to_bytes()),
    )
    return Change(replace(room, workers={**room.workers, event.instance: worker}), (entry,))


def _for_this_room(room: Room, event: events.Proposed) -> Manifest:
    manifest = check(Manifest.from_bytes(event.manifest)).manifest
    genesis = Genesis.of(manifest)
    if genesis.digest != room.genesis.digest:
        raise ManifestConflict(
            f"the manifest's genesis is {genesis.digest.hex()[:16]}…, expected "
            f"{room.genesis.digest.hex()[:16]}…: another lineage or other approve keys",
            hint="use the coordinator that was started for this manifest's parties",
        )
    if room.manifest is not None and room.manifest.digest != manifest.digest:
        raise ManifestConflict(
            f"the manifest is {manifest.digest}, the room already holds {room.manifest.digest}"
        )
    if event.at > manifest.metadata.not_after:
        ended = instant_text(manifest.metadata.not_after)
        raise ManifestOutdated(f"the manifest held until {ended}")
    return manifest


def _counted(manifest: Manifest, event: events.Proposed) -> dict[str, Envelope]:
    count = tally(manifest, event.approvals, event.at)
    if count.refused:
        raise ApprovalInvalid(count.refused[0].message, problems=count.refused)
    if not count.counted:
        raise ApprovalMissing(
            "the proposal carries no approval, expected one at least",
            hint="approve the manifest before you propose it",
        )
    return count.counted


def _images(manifest: Manifest, event: events.Proposed) -> tuple[Envelope, ...]:
    """What builders signed about the images that the manifest names, once all of it holds."""
    brought = needed(manifest.attestation, event.reference_values)
    resolve(manifest.attestation, brought, now=event.at)
    return tuple(brought)


def _adds(manifest: Manifest, held: Envelope | None, offered: Envelope) -> bool:
    if held is None:
        return True
    return open_approval(manifest, offered).not_after > open_approval(manifest, held).not_after


def _approved_entry(manifest: Manifest, party: str, envelope: Envelope) -> log.ManifestApproved:
    approval = content_digest(envelope.to_bytes())
    return log.ManifestApproved(manifest=manifest.digest, party=party, approval=approval)


def _activated(room: Room, at: datetime) -> Room:
    manifest = room.manifest
    if manifest is None or tally(manifest, room.envelopes.values(), at).missing:
        return room
    approved = approve(manifest, room.envelopes.values(), at)
    ends = [open_approval(manifest, one).not_after for one in approved.approvals]
    images = verify_named(manifest.attestation, room.reference_values, now=at).values()
    return replace(
        room,
        approved=approved,
        consent_until=min(ends),
        images_until=min((one.statement.predicate.valid_until for one in images), default=None),
    )


def _fresh_context(room: Room, version: DatasetVersion) -> DatasetVersion:
    for held in room.versions.values():
        if (held.version.dataset, held.version.version) == (version.dataset, version.version):
            raise DatasetRefused(
                f"another version of {version.dataset!r} has the name {version.version} already"
            )
    return version


def _own_keys(workers: Mapping[str, Worker], join: Join, instance: str) -> Join:
    if instance in workers:
        raise AdmissionRefused(f"the instance {instance} is taken")
    for worker in workers.values():
        if join.seal_key == worker.join.seal_key or join.sign_key == worker.join.sign_key:
            raise AdmissionRefused(f"the join has a key of {worker.instance}, which is still here")
    return join


def _reachable(join: Join) -> Join:
    try:
        ip_address(join.node_ip)
    except ValueError:
        raise AdmissionRefused("the join's node_ip is not an IP address") from None
    return join
