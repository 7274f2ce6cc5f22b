"""What a party asks for, how far it is, and what it gets: requests, events, deliveries.

A request is signed by the party's `submit` key and names everything it may influence: the
computation, its parameters and the versions of the inputs. Numbers of rows never appear here.
"""

from datetime import datetime
from typing import Literal

from pydantic import Field

from cleanroom.crypto.envelope import Envelope, open_envelope, sign
from cleanroom.crypto.signing import Signer
from cleanroom.encoding import Bytes, Digest, Instant, Name, Record, frame
from cleanroom.errors import ManifestRule, RunRefused, SignatureInvalid
from cleanroom.ledger.entry import ErrorCode, OutputRecord, RunId
from cleanroom.manifest.choices import Choice
from cleanroom.manifest.model import Lineage, Manifest

REQUEST_TYPE = "application/vnd.cleanroom.run-request.v1+json"

Phase = Literal[
    "submitted",
    "authorized",
    "provisioned",
    "running",
    "output-check",
    "release-pending",
    "released",
    "refused",
    "failed",
    "aborted",
    "timed-out",
]
"""Where a run is; the last five are final."""
FINAL: frozenset[Phase] = frozenset({"released", "refused", "failed", "aborted", "timed-out"})
Stage = Literal[
    "queued", "provision", "fetch", "read", "partition", "compute", "train", "gate", "seal"
]
"""What a running run is doing."""
MOST_MEMORY_MB = 1 << 50
"""No estimate comes near; JSON carries it exactly."""
MOST_LIVE = 64
"""Values in one message about a run's progress."""


class RunRequest(Record):
    """A party asks for one run of one computation."""

    lineage: Lineage
    manifest: Digest
    computation: Name
    submitter: Name
    parameters: dict[Name, Choice]
    """The submitter's choices; missing ones take the manifest's defaults."""
    versions: dict[Name, Digest]
    """Dataset version by input name; an input that is missing takes the newest."""
    idempotency: Bytes = Field(min_length=16, max_length=16)
    """Random; the same request sent twice is one run."""
    submitted_at: Instant
    expires_at: Instant
    """The coordinator refuses the request after this moment."""


class RunView(Record):
    """What a party may know about a run."""

    run: RunId
    computation: Name
    submitter: Name
    phase: Phase
    submitted_at: Instant
    engine: Literal["process", "ray"]
    code: ErrorCode | None
    """Why it ended without a result; null otherwise."""
    outputs: list[OutputRecord]
    """Released outputs; empty before."""
    needs_mb: int | None = Field(
        default=None, ge=1, le=MOST_MEMORY_MB, exclude_if=lambda told: told is None
    )
    """Free memory that each worker should have, in MB, where one had too little; for inputs of up
    to the next power of two of rows, so that it says no more of them."""


class LiveValue(Record):
    """One value of an output whose manifest says `live: true`, told before the run is over."""

    output: Name
    """Which of the computation's outputs it is a part of."""
    round: int = Field(ge=1)
    """Which round of the training, from 1."""
    metric: Name
    """What was measured."""
    part: Name
    """On which rows."""
    value: float
    """Rounded as the output is."""


class Telling(Record):
    """How far a run is; without values its bytes say nothing of values."""

    live: list[LiveValue] = Field(default=[], max_length=MOST_LIVE)
    """For their recipients only."""

    def to_plain(self) -> dict[str, object]:
        """Plain JSON values; no field of values where there are none."""
        plain = super().to_plain()
        return (
            plain if self.live else {name: each for name, each in plain.items() if name != "live"}
        )


class RunEvent(Telling):
    """Progress of a run, as watched."""

    run: RunId
    sequence: int = Field(ge=0)
    """Counts the events of this run, so that a watcher can go on where it was."""
    at: Instant
    phase: Phase
    stage: Stage
    percent: int = Field(ge=0, le=100)
    """How much of the stage is done."""
    code: ErrorCode | None
    """Why it ended without a result; null otherwise."""
    lost: int = Field(default=0, ge=0, exclude_if=lambda times: times == 0)
    """How often it lost a worker and began again with others."""
    resumed: int = Field(default=0, ge=0, exclude_if=lambda rounds: rounds == 0)
    """The round of its trees from which the last of them went on; 0 where it has none."""


class Delivery(Record):
    """A result's key for one recipient; the sealed bytes are a blob of this digest."""

    run: RunId
    output: OutputRecord
    sealed_key: Bytes
    """The content key, HPKE-sealed to the recipient under `delivery_context`."""


def output_context(lineage: str, manifest: str, run: str, output: str, recipient: str) -> bytes:
    """What the sealed bytes of a result are bound to."""
    fields = (lineage, manifest, run, output, recipient)
    return frame("cleanroom/result/v1", *(field.encode() for field in fields))


def delivery_context(context: bytes, digest: str) -> bytes:
    """What a result's key is bound to: the result's place and its sealed bytes.

    Args:
        context: from `output_context`.
        digest: of the sealed bytes.
    """
    return frame("cleanroom/delivery/v1", context, digest.encode())


def sign_request(request: RunRequest, signer: Signer) -> Envelope:
    """Sign a request with the party's `submit` key."""
    return sign(REQUEST_TYPE, request.to_bytes(), signer)


def open_request(envelope: Envelope, manifest: Manifest, now: datetime) -> RunRequest:
    """Return the request once its submitter signed it for this manifest and it is in time.

    Whether the computation allows it is the room's decision, not made here.

    Raises:
        RunRefused: another room or manifest, an unknown party, an invalid signature, or expired.
    """
    request = RunRequest.from_bytes(envelope.payload)
    try:
        keys = manifest.verify_keys(request.submitter, "submit")
        open_envelope(envelope, REQUEST_TYPE, keys)
    except (SignatureInvalid, ManifestRule) as invalid:
        raise RunRefused(f"the request is not {request.submitter!r}'s: {invalid}") from None
    if request.lineage != manifest.metadata.lineage or request.manifest != manifest.digest:
        raise RunRefused(
            f"the request is for manifest {request.manifest}, expected {manifest.digest}"
        )
    if now > request.expires_at:
        raise RunRefused("the request has expired; submit it again")
    return request
