"""How a worker joins: it verifies the room, the room verifies it, both for fresh nonces.

    worker                                   coordinator
      Hello{role, nonce_w}           ->
                                     <-      Challenge{nonce_c, statement over nonce_w}
      Join{keys, evidence}           ->      (report data binds both nonces, manifest, keys)
                                     <-      Admit{instance, lease, token}; no key, no secret

After that every message of the worker is signed by the key it proved, with a counter; it may be
asked for fresh evidence at any time, see `reattestation`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import Field

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.appraisal import appraise
from cleanroom.attestation.binding import Binding, bind
from cleanroom.attestation.claims.revocation import is_unknown
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.resolving import resolve
from cleanroom.attestation.result import AttestationResult
from cleanroom.attestation.verifier import verify
from cleanroom.crypto.envelope import Envelope, open_envelope, sign
from cleanroom.crypto.signing import Signer, VerifyKey
from cleanroom.encoding import Bytes, Digest, Instant, Name, Record, content_digest, raw_digest
from cleanroom.errors import CallerRefused
from cleanroom.ledger.entry import Instance
from cleanroom.manifest.model import Manifest, WorkerRole
from cleanroom.protocol.reattestation import Reattested, reattest_binding
from cleanroom.protocol.statement import Statement

REPORT_TYPE = "application/vnd.cleanroom.worker-report.v1+json"
NONCE_LENGTH = 32
WORKER_KID = "worker-sign"
"""The name of a worker's signing key in everything it signs."""


class Hello(Record):
    """A worker asks to join."""

    kind: Literal["hello"] = "hello"
    role: Name
    """An entry under the manifest's `workers`."""
    nonce: Bytes = Field(min_length=NONCE_LENGTH, max_length=NONCE_LENGTH)
    """Fresh; the room's statement must cover it."""


class Challenge(Record):
    """The room answers with its own proof and asks for the worker's."""

    kind: Literal["challenge"] = "challenge"
    nonce: Bytes = Field(min_length=NONCE_LENGTH, max_length=NONCE_LENGTH)
    """Fresh; good for one join."""
    statement: Statement
    """Made for the worker's nonce."""


class Join(Record):
    """A worker proves what it is and names its keys."""

    kind: Literal["join"] = "join"
    role: Name
    manifest: Digest
    worker_nonce: Bytes = Field(min_length=NONCE_LENGTH, max_length=NONCE_LENGTH)
    room_nonce: Bytes = Field(min_length=NONCE_LENGTH, max_length=NONCE_LENGTH)
    node_ip: str = Field(max_length=45)
    """The address at which other workers of a gang reach it."""
    seal_key: Bytes = Field(min_length=1216, max_length=1216)
    """Where its key grants are sealed to."""
    sign_key: Bytes = Field(min_length=32, max_length=32)
    """Signs all its later messages, and its certificate requests."""
    evidence: Evidence

    @property
    def digest(self) -> str:
        """The name of this join in the log and in receipts."""
        return content_digest(self.to_bytes())


class Admit(Record):
    """The room lets the worker in."""

    kind: Literal["admit"] = "admit"
    instance: Instance
    lease_s: int = Field(ge=1)
    """Renew within this many seconds; a third of it is a good time."""
    token: Bytes = Field(min_length=32, max_length=32)
    """For fetching and storing ciphertext; opens nothing."""

    def __repr__(self) -> str:
        return f"Admit(instance={self.instance!r})"

    __str__ = __repr__


class Admitted(Record):
    """A worker that holds a lease, as parties see it: they appraise its evidence themselves."""

    instance: Instance
    join: Join
    reattested: Reattested | None = Field(default=None, exclude_if=is_unknown)
    """What it showed last, if it was asked since it joined."""
    attested_at: Instant
    """The room's clock when its newest evidence was verified."""

    @property
    def evidence(self) -> Evidence:
        """Its newest."""
        return self.join.evidence if self.reattested is None else self.reattested.evidence


class WorkerReport(Record):
    """The signed frame of every message a worker sends after it was admitted."""

    instance: Instance
    counter: int = Field(ge=1)
    """1, then one more with each message of this join."""
    message: Bytes
    """Canonical bytes of one of the messages in `work`."""


def join_binding(join: Join) -> Binding:
    """The report data that a join's evidence must carry.

    `evidence` itself is left out; everything else that the join says is bound.
    """
    return bind(
        "cleanroom/join/v1",
        join.room_nonce,
        join.worker_nonce,
        raw_digest(join.manifest),
        join.role.encode(),
        join.node_ip.encode(),
        join.seal_key,
        join.sign_key,
    )


def sign_report(report: WorkerReport, signer: Signer) -> Envelope:
    """Sign a message with the worker's attested key."""
    return sign(REPORT_TYPE, report.to_bytes(), signer)


def open_report(envelope: Envelope, key: VerifyKey, *, instance: str, after: int) -> WorkerReport:
    """Return the report once this worker signed it and it is its next message.

    Args:
        envelope: as received.
        key: the signing key of the worker's join.
        instance: the worker that the stream belongs to.
        after: the counter of its previous message, 0 at first.

    Raises:
        SignatureInvalid: it is not signed by `key`.
        CallerRefused: it is another worker's, or out of sequence.
    """
    payload, _ = open_envelope(envelope, REPORT_TYPE, {WORKER_KID: key})
    report = WorkerReport.from_bytes(payload)
    if report.instance != instance or report.counter != after + 1:
        raise CallerRefused(
            f"message {report.counter} of {report.instance} is out of sequence, "
            f"expected {after + 1} of {instance}"
        )
    return report


def appraise_join(  # noqa: PLR0913 - only what the worker showed since may be none
    join: Join,
    role: WorkerRole,
    manifest: Manifest,
    *,
    reference_values: Sequence[Envelope],
    genesis: bytes,
    collateral: Collateral,
    now: datetime,
    reattested: Reattested | None = None,
) -> AttestationResult:
    """Appraise a worker's evidence, for the keys it named, under the policies of a role.

    Args:
        join: as the worker sent it; that it is for this manifest and role is the caller's to see.
        role: an entry under the manifest's `workers`.
        manifest: the verifier's own copy.
        reference_values: what builders signed, from anybody; the manifest says which count.
        genesis: digest of the room's genesis, 32 bytes.
        collateral: the verifier's own; the worker's counts as well, and of two the fresher one.
        now: when certificates are checked at, aware.
        reattested: what it showed since; its evidence counts in place of the join's.

    Raises:
        NotTrusted: its evidence does not hold for the keys it named, or no policy is met.
        ReferenceValuesRefused: what a policy of the role names is missing or does not hold.
    """
    accepted = {name: manifest.attestation[name] for name in role.policies}
    policies = resolve(accepted, reference_values, now=now)
    evidence, binding = join.evidence, join_binding(join)
    if reattested is not None:
        evidence = reattested.evidence
        binding = reattest_binding(reattested.nonce, join.digest)
    claims = verify(
        evidence,
        binding=binding,
        anchors=Anchors.of(policies.values()),
        collateral=collateral,
        now=now,
    )
    return appraise(claims, policies, genesis=genesis, now=now)
