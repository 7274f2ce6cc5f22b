"""Approvals: each party's signature under one version of the manifest, kept for ever.

`approve` is the only place where an `ApprovedManifest` is made: every party signed these very
bytes with its `approve` key. An approval that does not hold is never counted, and never stands in
the way of one that does. This module stores nothing; it prints nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import Field

from cleanroom.crypto.envelope import Envelope, open_envelope, sign
from cleanroom.crypto.signing import Signer, VerifyKey
from cleanroom.encoding import Bytes, Digest, Instant, Name, Record, digest, instant_text
from cleanroom.errors import ApprovalInvalid, ApprovalMissing, CleanroomError, Problem
from cleanroom.manifest.checks import check
from cleanroom.manifest.model import Lineage, Manifest

PAYLOAD_TYPE = "application/vnd.cleanroom.approval.v1+json"
DIGEST_DOMAIN = "cleanroom/approvals/v1"


class Approval(Record):
    """What a party signs: that it agrees to one version of one room's manifest."""

    party: Name
    """Who agrees."""
    kid: Name
    """The party's approve key."""
    manifest: Digest
    """The manifest, by its digest."""
    previous: Digest | None
    """The version before, by its digest; null for version 1."""
    lineage: Lineage
    """The room."""
    scope: Literal["activate"]
    """What the signature is for."""
    not_after: Instant
    """The consent ends at this moment."""
    nonce: Bytes = Field(min_length=16, max_length=32)
    """Random bytes, 16 to 32: two approvals are never the same bytes."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Who has approved so far, who has not, and what did not count."""

    counted: dict[str, Envelope]
    """One approval for each party that has approved, by party."""
    missing: tuple[str, ...]
    """Parties whose approval is missing, sorted."""
    refused: tuple[Problem, ...]
    """Approvals that do not hold, and why."""

    def __str__(self) -> str:
        """Such as `1 of 2 approvals`."""
        return f"{len(self.counted)} of {len(self.counted) + len(self.missing)} approvals"


@dataclass(frozen=True, slots=True)
class ApprovedManifest:
    """A manifest that every party signed; made by `approve` only."""

    manifest: Manifest
    """The manifest that was approved."""
    approvals: tuple[Envelope, ...]
    """One envelope for each party, sorted by party."""

    @property
    def approvals_digest(self) -> str:
        """The name of exactly these approvals."""
        return approvals_digest(self.approvals)


def sign_approval(
    manifest: Manifest, party: str, signer: Signer, not_after: datetime, nonce: bytes
) -> Envelope:
    """Approve `manifest` in the name of `party`.

    Args:
        manifest: the version to approve; its rules are checked first.
        party: who approves.
        signer: the party's `approve` key.
        not_after: when the consent ends, aware, in whole seconds.
        nonce: 16 to 32 fresh random bytes.

    Raises:
        ManifestRule: the manifest breaks a rule, or has no such party or key.
        ApprovalInvalid: the signer is not the party's approve key in this manifest.
    """
    check(manifest)
    kid = manifest.key_of(party, "approve").kid
    approval = Approval(
        party=party,
        kid=kid,
        manifest=manifest.digest,
        previous=manifest.metadata.previous,
        lineage=manifest.metadata.lineage,
        scope="activate",
        not_after=not_after,
        nonce=nonce,
    )
    envelope = sign(PAYLOAD_TYPE, approval.to_bytes(), signer)
    open_approval(manifest, envelope)
    return envelope


def open_approval(manifest: Manifest, envelope: Envelope) -> Approval:
    """Return what the envelope says, once a party of `manifest` signed it for these very bytes.

    The time is not checked here: `tally` does.

    Raises:
        ApprovalInvalid: signature, key, party, manifest, previous version or lineage differ.
    """
    try:
        payload, kid = open_envelope(envelope, PAYLOAD_TYPE, _approve_keys(manifest))
        approval = Approval.from_bytes(payload)
    except CleanroomError as refused:
        raise ApprovalInvalid(f"an approval does not hold: {refused.message}") from None
    pairs = {
        "kid": (approval.kid, kid),
        "key of the party": (_kid_of(manifest, approval.party), kid),
        "manifest": (approval.manifest, manifest.digest),
        "previous": (approval.previous, manifest.metadata.previous),
        "lineage": (approval.lineage, manifest.metadata.lineage),
    }
    for what, (found, expected) in pairs.items():
        if found != expected:
            raise ApprovalInvalid(
                f"the approval by {approval.party!r} has {what} {found}, expected {expected}"
            )
    return approval


def tally(manifest: Manifest, envelopes: Iterable[Envelope], now: datetime) -> Tally:
    """Count approvals: one for each party, the one that lasts longest.

    Args:
        manifest: what was to be approved.
        envelopes: approvals as received, in any order.
        now: the time to check their end at, aware.
    """
    standing: dict[str, tuple[datetime, bytes, Envelope]] = {}
    refused: list[Problem] = []
    for envelope in envelopes:
        try:
            approval = _unexpired(open_approval(manifest, envelope), now)
        except ApprovalInvalid as invalid:
            refused.append(Problem(invalid.message, where=envelope.signatures[0].keyid))
            continue
        candidate = (approval.not_after, envelope.to_bytes(), envelope)
        known = standing.get(approval.party, candidate)
        standing[approval.party] = max(known, candidate, key=lambda entry: entry[:2])
    return Tally(
        counted={party: standing[party][2] for party in sorted(standing)},
        missing=tuple(sorted(set(manifest.parties) - set(standing))),
        refused=tuple(refused),
    )


def approve(manifest: Manifest, envelopes: Iterable[Envelope], now: datetime) -> ApprovedManifest:
    """Return the manifest as approved, once every party has approved it.

    Args:
        manifest: a manifest; its rules are checked first.
        envelopes: approvals as received, in any order; duplicates count once.
        now: the time to check their end at, aware. Whether the manifest itself is in force at
            this time is asked by `checks.in_force`.

    Raises:
        ManifestRule: the manifest breaks a rule.
        ApprovalMissing: some party has not approved.
        ApprovalInvalid: some party has not approved, and some approval does not hold.
    """
    check(manifest)
    count = tally(manifest, envelopes, now)
    if count.missing:
        kind = ApprovalInvalid if count.refused else ApprovalMissing
        reasons = "".join(f"; {problem.message}" for problem in count.refused)
        raise kind(
            f"{count}: missing is {', '.join(count.missing)}{reasons}", problems=count.refused
        )
    return ApprovedManifest(manifest, tuple(count.counted.values()))


def approvals_digest(envelopes: Iterable[Envelope]) -> str:
    """Name a set of approvals, whatever their order; one that is there twice counts once."""
    return digest(DIGEST_DOMAIN, *sorted({envelope.to_bytes() for envelope in envelopes}))


def _approve_keys(manifest: Manifest) -> dict[str, VerifyKey]:
    keys: dict[str, VerifyKey] = {}
    for party in manifest.parties:
        keys |= manifest.verify_keys(party, "approve")
    return keys


def _kid_of(manifest: Manifest, party: str) -> str:
    if party not in manifest.parties:
        raise ApprovalInvalid(f"{party!r} is not a party of this manifest")
    return manifest.key_of(party, "approve").kid


def _unexpired(approval: Approval, now: datetime) -> Approval:
    if now > approval.not_after:
        raise ApprovalInvalid(
            f"the approval by {approval.party!r} ended at {instant_text(approval.not_after)}"
        )
    return approval
