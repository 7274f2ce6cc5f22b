"""The room statement: what a coordinator proves about itself, and the steps that check it.

A party or a worker verifies it before a byte leaves. The steps are numbered as in the protocol:

    1  the nonce is the one just sent           6  the chain of versions holds
    2  the evidence is authentic                7  every approval holds, none is missing
    3  it meets the coordinator's policy        8  the log extends the one remembered
    4  host data is this room's genesis         9  only now may keys be sealed or runs submitted
    5  the manifest is the verifier's own

Steps 2 to 4 are made by `cleanroom.attestation`; step 9 is made by types: what seals or submits
takes a `TrustedRoom`, which is made here only.
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import Field

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.appraisal import appraise
from cleanroom.attestation.binding import Binding, bind
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.policy import AppraisalPolicy
from cleanroom.attestation.reference_values import ReferenceValues
from cleanroom.attestation.resolving import envelopes_digest, filled, verify_named
from cleanroom.attestation.result import AttestationResult
from cleanroom.attestation.verifier import verify
from cleanroom.crypto.certificates import spki_digest
from cleanroom.crypto.envelope import Envelope
from cleanroom.crypto.sealing import SealKey
from cleanroom.crypto.signing import VerifyKey
from cleanroom.encoding import Bytes, Record
from cleanroom.errors import (
    ApprovalMissing,
    LogInconsistent,
    SimulationRefused,
    StatementRejected,
)
from cleanroom.ledger.checkpoint import LogHead, extend_head, open_checkpoint
from cleanroom.manifest.approval import ApprovedManifest, approvals_digest, approve
from cleanroom.manifest.checks import check, in_force
from cleanroom.manifest.genesis import Genesis
from cleanroom.manifest.model import Manifest

NONCE_LENGTH = 32

RoomPhase = Literal["waiting", "proposed", "active"]
"""No manifest yet; a manifest without all approvals; in force."""


class Statement(Record):
    """What the coordinator says about itself, bound to its evidence."""

    nonce: Bytes = Field(min_length=NONCE_LENGTH, max_length=NONCE_LENGTH)
    """The verifier's, fresh."""
    genesis: Genesis
    """What the room was launched for."""
    phase: RoomPhase
    manifest: Bytes | None
    """Canonical bytes of the newest manifest; null while waiting."""
    approvals: list[Envelope]
    """Approvals of that manifest that were accepted so far."""
    reference_values: list[Envelope] = Field(default=[], exclude_if=lambda shown: not shown)
    """What builders signed about the images that the manifest names; none while waiting."""
    checkpoint: Envelope
    """The signed head of the log."""
    root_certificate: Bytes
    """The room's certificate authority, DER; issues its TLS leaf."""
    seal_key: Bytes = Field(min_length=1216, max_length=1216)
    """Where data keys are sealed to."""
    sign_key: Bytes = Field(min_length=32, max_length=32)
    """Signs heads and receipts."""
    evidence: Evidence
    """Its report data is `statement_binding`."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a client keeps about a room between calls."""

    head: LogHead
    """The last log head it accepted."""


@dataclass(frozen=True, slots=True)
class TrustedRoom:
    """A coordinator that proved to be the one this verifier expects; made by this module only."""

    phase: RoomPhase
    genesis: Genesis
    approved: ApprovedManifest | None
    """The manifest in force with all its approvals; None before the room is active."""
    head: LogHead
    """The log head to remember."""
    images: Mapping[str, ReferenceValues]
    """What each attestation entry that names reference values stands for."""
    root_certificate: bytes
    seal_key: SealKey
    sign_key: VerifyKey
    result: AttestationResult
    """How the evidence was appraised."""
    statement: Statement
    """Kept as receipt number 0."""

    @property
    def in_force(self) -> ApprovedManifest:
        """The approved manifest.

        Raises:
            ApprovalMissing: the room is not active yet.
        """
        if self.approved is None:
            raise ApprovalMissing(f"the room is {self.phase}, not every party has approved yet")
        return self.approved


def statement_binding(statement: Statement) -> Binding:
    """The report data that a statement's evidence must carry: all of it but the evidence."""
    values = statement.reference_values
    return bind(
        "cleanroom/statement/v1",
        statement.nonce,
        statement.genesis.digest,
        statement.manifest or b"",
        approvals_digest(statement.approvals).encode(),
        statement.checkpoint.payload,
        spki_digest(statement.root_certificate),
        statement.seal_key,
        statement.sign_key,
        statement.phase.encode(),
        *([envelopes_digest(values).encode()] if values else []),
    )


def verify_for_party(  # noqa: PLR0913 - all of it is the party's, and only its files may be none
    statement: Statement,
    own: Manifest,
    *,
    nonce: bytes,
    remembered: LogHead | None,
    consistency: Sequence[bytes],
    allow_simulated: bool,
    collateral: Collateral,
    now: datetime,
    reference_values: Sequence[Envelope] = (),
) -> TrustedRoom:
    """Return the room once its statement holds for a party that has a manifest of its own.

    Args:
        statement: as received.
        own: the party's own copy of the manifest; its policies and genesis are what counts.
        nonce: what the party sent, 32 bytes.
        remembered: the last log head this party accepted; None only at its first contact.
        consistency: the proof from `remembered` to the statement's head; empty without one.
        allow_simulated: whether this party accepts a room of simulated platforms.
        collateral: the party's own; the room's counts as well, and of two the fresher one.
        now: the party's clock, aware.
        reference_values: the party's own envelopes, for a room that has no manifest yet and so
            none of them; later the room must show them all.

    Raises:
        ReferenceValuesRefused: what an attestation entry names is missing or does not hold.
        StatementRejected: nonce, genesis, manifest or phase are not what this party expects.
        SimulationRefused: the room is simulated and that was not allowed.
        NotTrusted: evidence, appraisal or log does not hold.
        ApprovalError: an approval is missing or does not hold.
        ManifestOutdated: the manifest is not in force at `now`.
    """
    genesis = _own_genesis(statement, own)
    if statement.manifest is not None and statement.manifest != own.to_bytes():
        # 5: never the statement's copy: the party's own file decides.
        found = Manifest.from_bytes(statement.manifest).digest
        raise StatementRejected(f"the room's manifest is {found}, expected {own.digest}")
    return _verify(
        statement,
        in_force(own, now),
        genesis,
        values=reference_values if statement.manifest is None else statement.reference_values,
        nonce=nonce,
        remembered=remembered,
        consistency=consistency,
        allow_simulated=allow_simulated,
        collateral=collateral,
        now=now,
    )


def verify_for_worker(
    statement: Statement,
    genesis: Genesis,
    *,
    nonce: bytes,
    collateral: Collateral,
    now: datetime,
) -> TrustedRoom:
    """Return the room once its statement holds for a worker that was launched for `genesis`.

    A worker has no manifest of its own: it takes the room's, once every party of the genesis has
    approved it. Simulation is not its decision: the approved manifest pins its roots. A worker
    keeps no head: it lives shorter than the room.

    Raises:
        StatementRejected: nonce or genesis differ, or no manifest is in force.
        ReferenceValuesRefused: what an attestation entry names is missing or does not hold.
        NotTrusted: evidence or appraisal does not hold.
        ApprovalError: an approval is missing or does not hold.
    """
    if statement.manifest is None or statement.phase != "active":
        raise StatementRejected(f"the room is {statement.phase}, expected active")
    manifest = check(Manifest.from_bytes(statement.manifest)).manifest
    _same_genesis(Genesis.of(manifest), genesis)
    return _verify(
        statement,
        in_force(manifest, now),
        genesis,
        values=statement.reference_values,
        nonce=nonce,
        remembered=None,
        consistency=(),
        allow_simulated=manifest.metadata.mode == "development",
        collateral=collateral,
        now=now,
    )


def _verify(  # noqa: PLR0913 - each is needed and none may have a default
    statement: Statement,
    manifest: Manifest,
    genesis: Genesis,
    *,
    values: Sequence[Envelope],
    nonce: bytes,
    remembered: LogHead | None,
    consistency: Sequence[bytes],
    allow_simulated: bool,
    collateral: Collateral,
    now: datetime,
) -> TrustedRoom:
    # 1
    _fresh(statement, nonce)
    _same_genesis(statement.genesis, genesis)
    # 2, 3, 4
    images = verify_named(manifest.attestation, values, now=now)
    resolved = filled(manifest.attestation, images)
    policies = {name: resolved[name] for name in manifest.coordinator.policies}
    result = _attested(statement, policies, genesis, collateral, now)
    _simulation_allowed(result, allow_simulated=allow_simulated)
    # 5: made by the caller, which knows whose copy of the manifest counts.
    # 6, 7
    approved = _approved(statement, manifest, now)
    # 8
    sign_key = VerifyKey(statement.sign_key)
    head = _extended(
        open_checkpoint(statement.checkpoint, sign_key), genesis, remembered, consistency
    )
    return TrustedRoom(
        phase=statement.phase,
        genesis=genesis,
        approved=approved,
        head=head,
        images=images,
        root_certificate=statement.root_certificate,
        seal_key=SealKey(statement.seal_key),
        sign_key=sign_key,
        result=result,
        statement=statement,
    )


def _own_genesis(statement: Statement, own: Manifest) -> Genesis:
    genesis = Genesis.of(check(own).manifest)
    _same_genesis(statement.genesis, genesis)
    return genesis


def _same_genesis(found: Genesis, expected: Genesis) -> Genesis:
    if not hmac.compare_digest(found.digest, expected.digest):
        raise StatementRejected(
            f"the genesis is {found.digest.hex()[:16]}…, expected {expected.digest.hex()[:16]}…: "
            "another lineage or other approve keys"
        )
    return expected


def _fresh(statement: Statement, nonce: bytes) -> Statement:
    if len(nonce) != NONCE_LENGTH or not hmac.compare_digest(statement.nonce, nonce):
        raise StatementRejected("the statement was not made for the nonce just sent")
    return statement


def _attested(
    statement: Statement,
    policies: Mapping[str, AppraisalPolicy],
    genesis: Genesis,
    collateral: Collateral,
    now: datetime,
) -> AttestationResult:
    claims = verify(
        statement.evidence,
        binding=statement_binding(statement),
        anchors=Anchors.of(policies.values()),
        collateral=collateral,
        now=now,
    )
    return appraise(claims, policies, genesis=genesis.digest, now=now)


def _simulation_allowed(result: AttestationResult, *, allow_simulated: bool) -> AttestationResult:
    if result.assurance == "simulated" and not allow_simulated:
        raise SimulationRefused("the coordinator runs on a simulated platform")
    return result


def _approved(statement: Statement, manifest: Manifest, now: datetime) -> ApprovedManifest | None:
    if statement.phase != "active":
        return None
    if statement.manifest is None:
        raise StatementRejected("the room says it is active but shows no manifest")
    return approve(manifest, statement.approvals, now)


def _extended(
    head: LogHead, genesis: Genesis, remembered: LogHead | None, consistency: Sequence[bytes]
) -> LogHead:
    if head.lineage != str(genesis.lineage):
        raise LogInconsistent(f"the log is of lineage {head.lineage}, expected {genesis.lineage}")
    return extend_head(remembered, head, list(consistency)) if remembered else head
