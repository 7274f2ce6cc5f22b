"""A receipt: what ran, on what, for whom, in one file that verifies offline.

The payload is an in-toto Statement v1 in a DSSE envelope; its subjects are the sealed outputs.
With it travel the log entry of the release, the proof that the log holds it, the workers' joins
with their evidence, and a room statement whose nonce is a digest of the payload: so the
coordinator's own platform vouches for this very receipt. A receipt holds no key and no row.
"""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import Field

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.appraisal import appraise
from cleanroom.attestation.claims import Assurance
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.result import AttestationResult
from cleanroom.attestation.verifier import verify
from cleanroom.crypto.envelope import Envelope, open_envelope, sign
from cleanroom.crypto.signing import Signer
from cleanroom.encoding import (
    Bytes,
    Digest,
    Instant,
    Name,
    Record,
    content_digest,
    frame,
    raw_digest,
)
from cleanroom.errors import ReceiptInvalid
from cleanroom.ledger.checkpoint import SIGNER_KID
from cleanroom.ledger.entry import Entry, Instance, OutputRecord, RunId, RunReleased
from cleanroom.ledger.tree import verify_inclusion
from cleanroom.manifest.model import Lineage, Manifest
from cleanroom.protocol.join import Join, join_binding
from cleanroom.protocol.permitted import compare, of_role, permitted
from cleanroom.protocol.statement import Statement, TrustedRoom, verify_for_party
from cleanroom.protocol.work import Check

IN_TOTO_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "https://cleanroom.dev/receipt/v1"


class SubjectDigest(Record):
    """A digest in in-toto's form."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Subject(Record):
    """One sealed output."""

    name: str
    """`<output>/<recipient>`."""
    digest: SubjectDigest


class WorkerPart(Record):
    """One worker of the run."""

    instance: Instance
    join: Digest
    """Of the worker's join, which travels with the receipt."""
    policy: Name
    """The attestation entry that held."""
    preflight: list[Check]
    """What the node checked about itself before the run; empty for the process engine."""


class InputPart(Record):
    """One input of the run."""

    dataset: Name
    owner: Name
    version: Digest
    columns: list[str]
    """What the workers could decrypt."""


class Predicate(Record):
    """What the receipt says."""

    lineage: Lineage
    manifest: Digest
    approvals: Digest
    """Digest over all approvals of the manifest."""
    run: RunId
    computation: Name
    submitter: Name
    request: Digest
    """Of the signed request's envelope."""
    parameters: dict[Name, int]
    engine: Literal["process", "ray"]
    inputs: dict[Name, InputPart]
    workers: list[WorkerPart] = Field(min_length=1)
    outputs: list[OutputRecord] = Field(min_length=1)
    submitted_at: Instant
    released_at: Instant
    runs_used: int = Field(ge=1)
    """Of the computation's `max_runs`, this one included."""
    runs_allowed: int = Field(ge=1)
    """The computation's `max_runs`."""
    assurance: Assurance
    """`simulated` when any platform of this run was."""


class InTotoStatement(Record):
    """The in-toto Statement v1 around the predicate."""

    type_: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: list[Subject] = Field(min_length=1)
    predicate_type: Literal["https://cleanroom.dev/receipt/v1"] = Field(alias="predicateType")
    predicate: Predicate


class Receipt(Record):
    """One run's receipt, complete."""

    envelope: Envelope
    """The in-toto Statement, signed by the room."""
    entry: Bytes
    """Canonical bytes of the log entry that released the run."""
    inclusion: list[Bytes]
    """The proof that the statement's checkpoint covers the entry."""
    joins: list[Join] = Field(min_length=1)
    """Of the workers, with their evidence."""
    statement: Statement
    """The room's proof; its nonce is `receipt_nonce` of the envelope's payload."""


@dataclass(frozen=True, slots=True)
class VerifiedReceipt:
    """A receipt whose every part holds; made by `verify_receipt` only."""

    predicate: Predicate
    room: TrustedRoom
    workers: tuple[AttestationResult, ...]
    """How each worker's evidence was appraised, in the predicate's order."""


def compose(predicate: Predicate) -> InTotoStatement:
    """The in-toto Statement for a predicate; its subjects are the sealed outputs."""
    subjects = [
        Subject(
            name=f"{output.output}/{output.recipient}",
            digest=SubjectDigest(sha256=output.digest.removeprefix("sha256:")),
        )
        for output in predicate.outputs
    ]
    return InTotoStatement(
        type_=STATEMENT_TYPE,
        subject=subjects,
        predicate_type=PREDICATE_TYPE,
        predicate=predicate,
    )


def sign_receipt(statement: InTotoStatement, signer: Signer) -> Envelope:
    """Sign a receipt's statement with the room's key."""
    return sign(IN_TOTO_TYPE, statement.to_bytes(), signer)


def receipt_nonce(payload: bytes) -> bytes:
    """The nonce of the room statement that vouches for a receipt, 32 bytes."""
    return hashlib.sha256(frame("cleanroom/receipt/v1", payload)).digest()


def verify_receipt(receipt: Receipt, own: Manifest, *, allow_simulated: bool) -> VerifiedReceipt:
    """Return what the receipt proves, with nothing but the manifest and the vendors' roots.

    Certificates are checked at the time the receipt was made, so it verifies years later.

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
    workers = _workers(receipt, predicate, own, room)
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
    receipt: Receipt, predicate: Predicate, own: Manifest, room: TrustedRoom
) -> tuple[AttestationResult, ...]:
    compare("workers", [part.join for part in predicate.workers], [j.digest for j in receipt.joins])
    role = own.workers[own.computations[predicate.computation].workers.role]
    policies = {name: own.attestation[name] for name in role.policies}
    results = []
    for join in receipt.joins:
        if not hmac.compare_digest(raw_digest(join.manifest), raw_digest(own.digest)):
            raise ReceiptInvalid("a worker joined under another manifest")
        claims = verify(
            join.evidence,
            binding=join_binding(join),
            anchors=Anchors.of(policies.values()),
            collateral=Collateral(),
            now=predicate.released_at,
        )
        results.append(
            appraise(claims, policies, genesis=room.genesis.digest, now=predicate.released_at)
        )
    held = [result.policy for result in results]
    compare("workers' policies", [part.policy for part in predicate.workers], held)
    return tuple(results)
