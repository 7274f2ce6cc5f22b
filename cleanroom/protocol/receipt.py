"""A receipt: what ran, on what, for whom, in one file that verifies offline.

The payload is an in-toto Statement v1 in a DSSE envelope; its subjects are the sealed outputs.
With it travel the log entry of the release, the proof that the log holds it, the workers' joins
with their evidence, and a room statement whose nonce is a digest of the payload: so the
coordinator's own platform vouches for this very receipt. A receipt holds no key and no row.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pydantic import Field

from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import is_empty
from cleanroom.attestation.pooling import pool
from cleanroom.attestation.result import AttestationResult
from cleanroom.crypto.envelope import Envelope, open_envelope, sign
from cleanroom.crypto.signing import Signer
from cleanroom.encoding import (
    Bytes,
    Record,
    content_digest,
    frame,
)
from cleanroom.errors import ReceiptInvalid
from cleanroom.ledger.checkpoint import SIGNER_KID
from cleanroom.ledger.entry import Entry, RunReleased
from cleanroom.ledger.tree import verify_inclusion
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.join import Join, appraise_join
from cleanroom.protocol.permitted import compare, of_role, permitted
from cleanroom.protocol.predicate import InTotoStatement, Predicate, compose
from cleanroom.protocol.reattestation import Reattested
from cleanroom.protocol.statement import Statement, TrustedRoom, verify_for_party

IN_TOTO_TYPE = "application/vnd.in-toto+json"
LARGEST_RECEIPT = 64 * 1024 * 1024
"""A hundred workers with the evidence of eight GPUs each take about 30 MiB; in bytes."""


class Receipt(Record):
    """One run's receipt, complete."""

    largest: ClassVar[int] = LARGEST_RECEIPT
    """See `Record.largest`."""

    envelope: Envelope
    """The in-toto Statement, signed by the room."""
    entry: Bytes
    """Canonical bytes of the log entry that released the run."""
    inclusion: list[Bytes]
    """The proof that the statement's checkpoint covers the entry."""
    joins: list[Join] = Field(min_length=1)
    """Of the workers, with their evidence."""
    reattested: list[Reattested] = Field(default=[], exclude_if=is_empty)
    """What those workers showed last that were asked since they joined, in their order."""
    results: list[AttestationResult] = Field(min_length=1)
    """How the room appraised their newest evidence: every finding, in the shape of an EAR."""
    statement: Statement
    """The room's proof; its nonce is `receipt_nonce` of the envelope's payload."""


@dataclass(frozen=True, slots=True)
class VerifiedReceipt:
    """A receipt whose every part holds; made by `verify_receipt` only."""

    predicate: Predicate
    room: TrustedRoom
    workers: tuple[AttestationResult, ...]
    """How each worker's evidence was appraised, in the predicate's order."""


def sign_receipt(statement: InTotoStatement, signer: Signer) -> Envelope:
    """Sign a receipt's statement with the room's key."""
    return sign(IN_TOTO_TYPE, statement.to_bytes(), signer)


def receipt_nonce(payload: bytes) -> bytes:
    """The nonce of the room statement that vouches for a receipt, 32 bytes."""
    return hashlib.sha256(frame("cleanroom/receipt/v1", payload)).digest()


def verify_receipt(
    receipt: Receipt, own: Manifest, *, allow_simulated: bool, collateral: Collateral
) -> VerifiedReceipt:
    """Return what the receipt proves, with nothing but the manifest and the vendors' roots.

    Certificates and lists are checked at the time the receipt was made, so it verifies years later:
    it brings what was said about its machines by then. What is in `collateral` beside that counts
    as far as it was issued by then.

        1  the room's statement holds for this very payload, at the time of release
        2  the room's attested key signed the payload
        3  the payload is about this manifest and these approvals, and says what it allows
        4  the log that the statement shows holds the release of exactly these outputs
        5  each worker's evidence holds for the keys it worked with
        6  no part is simulated where the receipt says hardware

    Raises:
        ReceiptInvalid: parts do not fit each other.
        NotTrusted: a signature, evidence or the log does not hold.
        ApprovalError: an approval does not hold.
    """
    payload = receipt.envelope.payload
    predicate = _read(payload).predicate
    # 1
    room = verify_for_party(
        receipt.statement,
        own,
        nonce=receipt_nonce(payload),
        remembered=None,
        consistency=(),
        allow_simulated=allow_simulated,
        collateral=collateral,
        now=predicate.released_at,
    )
    # 2
    open_envelope(receipt.envelope, IN_TOTO_TYPE, {SIGNER_KID: room.sign_key})
    # 3
    compare("manifest", predicate.manifest, own.digest)
    compare("lineage", str(predicate.lineage), str(own.metadata.lineage))
    compare("approvals", predicate.approvals, room.in_force.approvals_digest)
    computation = permitted(predicate, own)
    # 4
    _logged(receipt, predicate, room)
    # 5
    beside = pool((collateral, receipt.statement.evidence.collateral), predicate.released_at)
    workers = _workers(receipt, predicate, own, room, beside)
    of_role(receipt.joins, computation)
    # 6
    everything = {room.result.assurance, *(worker.assurance for worker in workers)}
    compare(
        "assurance", predicate.assurance, "simulated" if "simulated" in everything else "hardware"
    )
    return VerifiedReceipt(predicate=predicate, room=room, workers=workers)


def _read(payload: bytes) -> InTotoStatement:
    statement = InTotoStatement.from_bytes(payload)
    if statement != compose(statement.predicate):
        raise ReceiptInvalid("the subjects are not the outputs that the predicate names")
    return statement


def _logged(receipt: Receipt, predicate: Predicate, room: TrustedRoom) -> RunReleased:
    entry = Entry.from_bytes(receipt.entry)
    verify_inclusion(
        receipt.entry, entry.sequence, room.head.size, receipt.inclusion, room.head.root
    )
    released = entry.content
    if not isinstance(released, RunReleased):
        raise ReceiptInvalid(f"the log entry is a {released.kind}, expected run-released")
    compare("time in the log", entry.at, predicate.released_at)
    compare("run in the log", released.run, predicate.run)
    compare("outputs in the log", released.outputs, predicate.outputs)
    compare("receipt in the log", released.receipt, content_digest(receipt.envelope.payload))
    return released


def _workers(
    receipt: Receipt, predicate: Predicate, own: Manifest, room: TrustedRoom, beside: Collateral
) -> tuple[AttestationResult, ...]:
    compare("workers", [part.join for part in predicate.workers], [j.digest for j in receipt.joins])
    shown = _newest(receipt, predicate)
    _recorded(receipt, predicate, shown)
    genesis, now = room.genesis.digest, predicate.released_at
    for join in receipt.joins:
        compare("manifest of a worker", join.manifest, own.digest)
    role = own.workers[own.computations[predicate.computation].workers.role]
    signed = receipt.statement.reference_values
    results = [
        appraise_join(
            join,
            role,
            own,
            reference_values=signed,
            genesis=genesis,
            collateral=beside,
            now=now,
            reattested=again,
        )
        for join, again in zip(receipt.joins, shown, strict=True)
    ]
    held = [result.policy for result in results]
    compare("workers' policies", [part.policy for part in predicate.workers], held)
    return tuple(results)


def _newest(receipt: Receipt, predicate: Predicate) -> list[Reattested | None]:
    """What each worker showed last, where that is not in its join."""
    named = [part.reattested for part in predicate.workers if part.reattested is not None]
    travelling = [one.digest for one in receipt.reattested]
    compare("newest evidence of workers", named, travelling)
    by_digest = dict(zip(travelling, receipt.reattested, strict=True))
    return [
        None if part.reattested is None else by_digest[part.reattested]
        for part in predicate.workers
    ]


def _recorded(
    receipt: Receipt, predicate: Predicate, newest: Sequence[Reattested | None]
) -> list[AttestationResult]:
    """What the room found about the workers; a verifier finds it again by itself."""
    digests = [content_digest(result.to_bytes()) for result in receipt.results]
    compare("workers' results", [part.result for part in predicate.workers], digests)
    shown = [
        (join if again is None else again).evidence.digest
        for join, again in zip(receipt.joins, newest, strict=True)
    ]
    compare("evidence of the results", [result.evidence for result in receipt.results], shown)
    return receipt.results
