"""What happens to a room, as records: the journal is a list of them, and replaying it is the room.

An event carries its time, every random value and every byte that `step` needs, so `step` reads
no clock, draws no randomness and opens nothing. An event is accepted whole or not at all.
"""

from typing import Annotated, Literal

from pydantic import Field

from cleanroom.attestation.result import AttestationResult
from cleanroom.crypto.envelope import Envelope
from cleanroom.encoding import Bytes, Digest, Instant, Name, Record
from cleanroom.ledger.entry import ErrorCode, Instance, RunId
from cleanroom.protocol.dataset import DatasetOffer
from cleanroom.protocol.join import Join
from cleanroom.protocol.reattestation import REATTEST_NONCE_LENGTH, Reattested
from cleanroom.protocol.run import Delivery
from cleanroom.protocol.snapshot import Snapshot
from cleanroom.protocol.work import Check, SealedOutput


class _Event(Record):
    at: Instant
    """The room's clock; never earlier than the event before."""


class Booted(_Event):
    """The coordinator started: every worker's stream is gone."""

    kind: Literal["booted"] = "booted"
    sign_key: Bytes = Field(min_length=32, max_length=32)
    epoch: int = Field(ge=1)


class Proposed(_Event):
    """Somebody brought a manifest with approvals, or more approvals of the same manifest."""

    kind: Literal["proposed"] = "proposed"
    manifest: Bytes
    approvals: list[Envelope]
    reference_values: list[Envelope] = Field(default=[], exclude_if=lambda brought: not brought)
    """What builders signed about the images that the manifest names."""


class DatasetOffered(_Event):
    """A party offers a version of its dataset."""

    kind: Literal["dataset-offered"] = "dataset-offered"
    party: Name
    """Who called."""
    offer: DatasetOffer
    missing: list[int]
    """Indices of parts that are not stored completely at their size."""


class WorkerJoined(_Event):
    """A worker's evidence was verified and appraised for this very join."""

    kind: Literal["worker-joined"] = "worker-joined"
    join: Join
    instance: Instance
    result: AttestationResult
    """How the evidence was appraised; one entry of the attestation policies held, whole."""


class EvidenceDue(_Event):
    """It is time that a worker shows fresh evidence, or that it had answered."""

    kind: Literal["evidence-due"] = "evidence-due"
    instance: Instance
    nonce: Bytes = Field(min_length=REATTEST_NONCE_LENGTH, max_length=REATTEST_NONCE_LENGTH)
    """Fresh; what it is asked with."""


class EvidenceShown(_Event):
    """A worker's fresh evidence was verified and appraised for its join and the nonce inside."""

    kind: Literal["evidence-shown"] = "evidence-shown"
    instance: Instance
    reattested: Reattested
    result: AttestationResult


class WorkerLeft(_Event):
    """A worker's lease or stream ended."""

    kind: Literal["worker-left"] = "worker-left"
    instance: Instance


class RunRequested(_Event):
    """A party asks for a run."""

    kind: Literal["run-requested"] = "run-requested"
    party: Name
    """Who called."""
    request: Envelope
    run: RunId
    """The name it gets if it is new."""


class WorkerEquipped(_Event):
    """A node of a gang made its key and found its ports."""

    kind: Literal["worker-equipped"] = "worker-equipped"
    run: RunId
    instance: Instance
    request: Bytes
    """PKCS#10, DER."""
    port_base: int = Field(ge=1024, le=65_000)


class WorkerReady(_Event):
    """A node of a gang is part of its cluster."""

    kind: Literal["worker-ready"] = "worker-ready"
    run: RunId
    instance: Instance
    preflight: list[Check]


class SnapshotTaken(_Event):
    """The head of a gang has stored what its training has heard so far."""

    kind: Literal["snapshot-taken"] = "snapshot-taken"
    instance: Instance
    snapshot: Snapshot
    stored: int = Field(ge=0)
    """Size of the complete blob, in bytes; 0 if there is none."""

    @property
    def run(self) -> str:
        """Whose snapshot it is."""
        return self.snapshot.run


class OutputsReported(_Event):
    """The head of a gang says that the results are stored."""

    kind: Literal["outputs-reported"] = "outputs-reported"
    run: RunId
    instance: Instance
    report: Digest
    """Of the worker's signed message."""
    outputs: list[SealedOutput] = Field(min_length=1)


class OutputsChecked(_Event):
    """The reported outputs were looked up and their keys opened."""

    kind: Literal["outputs-checked"] = "outputs-checked"
    run: RunId
    stored: dict[Digest, int]
    """Sizes of the complete blobs among the reported ones, in bytes."""
    deliveries: list[Delivery]
    """One for each key that opened in its own context, re-sealed to the recipient."""
    kept: list[Envelope] = Field(default=[])
    """The versions that models become which stay in the room, signed by it."""


class ReleaseDue(_Event):
    """Everything about a run's outputs holds: its receipt is composed with this event."""

    kind: Literal["release-due"] = "release-due"
    run: RunId


class RunFailed(_Event):
    """A worker says that its run cannot go on."""

    kind: Literal["run-failed"] = "run-failed"
    run: RunId
    instance: Instance
    code: ErrorCode


class RunTimedOut(_Event):
    """A run's deadline has passed."""

    kind: Literal["run-timed-out"] = "run-timed-out"
    run: RunId


class RunCancelled(_Event):
    """Its submitter does not want a run any more."""

    kind: Literal["run-cancelled"] = "run-cancelled"
    party: Name
    """Who called."""
    run: RunId


Event = (
    Booted
    | Proposed
    | DatasetOffered
    | WorkerJoined
    | EvidenceDue
    | EvidenceShown
    | WorkerLeft
    | RunRequested
    | WorkerEquipped
    | WorkerReady
    | SnapshotTaken
    | OutputsReported
    | OutputsChecked
    | ReleaseDue
    | RunFailed
    | RunTimedOut
    | RunCancelled
)


class Journalled(Record):
    """One event as the journal keeps it."""

    event: Annotated[Event, Field(discriminator="kind")]
