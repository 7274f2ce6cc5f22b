"""The room's statement: what it says about itself at one moment, with the platform's evidence.

It says the same to everybody: the nonce is all that a caller adds.
"""

from datetime import datetime

from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.ledger.checkpoint import LogHead, sign_checkpoint
from cleanroom.manifest.checks import in_force
from cleanroom.protocol.statement import Statement, statement_binding
from enclave.attester import Attester
from enclave.coordinator.keys import RoomKeys
from enclave.coordinator.state import Room

_NOT_YET = Evidence(platform="sev-snp", report=b"\x00", endorsements=[])
"""Stands where the evidence will be; the binding covers everything else."""


def make_statement(
    nonce: bytes,
    room: Room,
    head: LogHead,
    *,
    keys: RoomKeys,
    attester: Attester,
    collateral: Collateral,
    now: datetime,
) -> Statement:
    """The statement for a nonce.

    Args:
        nonce: the verifier's, 32 bytes.
        room: the room at this moment.
        head: the log at this moment.
        keys: the room's own.
        attester: the platform below.
        collateral: what vendors say, sent along for every machine of the room.
        now: the room's clock.

    Raises:
        ManifestOutdated: the room's manifest is too early or too late.
    """
    manifest = None if room.manifest is None else in_force(room.manifest, now).to_bytes()
    bare = Statement(
        nonce=nonce,
        genesis=room.genesis,
        phase=room.phase_at(now),
        manifest=manifest,
        approvals=list(room.approvals()),
        reference_values=list(room.reference_values),
        checkpoint=sign_checkpoint(head, keys.signer),
        root_certificate=keys.root_certificate,
        seal_key=keys.seal_key,
        sign_key=keys.sign_key,
        evidence=_NOT_YET,
    )
    evidence = attester.collect(statement_binding(bare)).carrying(collateral)
    return bare.model_copy(update={"evidence": evidence})
