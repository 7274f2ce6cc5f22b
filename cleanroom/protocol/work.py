"""What coordinator and admitted workers say to each other about leases and runs.

A run on one worker:   Order -> Progress* -> Finished | Failed
A run on a gang:       Provision -> Equipped (all) -> Credentials -> Ready (all) -> Order -> …
The head of a training's gang says `Snapshot` now and then.

Key grants travel in the `Order` only, after the log entry for them is durable: a gang that does
not form spends nothing. The head (node 0) drives the run and reports it.
"""

from typing import Literal

from pydantic import Field

from cleanroom.crypto.envelope import Envelope
from cleanroom.encoding import Bytes, Digest, Instant, Name, Record, frame, parse_json
from cleanroom.errors import RecordMalformed
from cleanroom.ledger.entry import ErrorCode, Instance, OutputRecord, RunId
from cleanroom.manifest.choices import Choice
from cleanroom.protocol.dataset import DatasetVersion
from cleanroom.protocol.grant import KeyGrant
from cleanroom.protocol.reattestation import Reattest, Reattested
from cleanroom.protocol.run import Stage, Telling
from cleanroom.protocol.snapshot import Snapshot


class Peer(Record):
    """One node of a gang."""

    instance: Instance
    node: int = Field(ge=0)
    """Its place; 0 is the head."""
    node_ip: str = Field(max_length=45)
    port_base: int = Field(ge=0, le=65_000)
    """First of the 100 ports it keeps for this run; 0 while unknown."""


# --- from the coordinator -------------------------------------------------------------------------


class Renewed(Record):
    """The lease goes on."""

    kind: Literal["renewed"] = "renewed"
    lease_s: int = Field(ge=1)


class Provision(Record):
    """Prepare to be one node of a gang: make a fresh TLS key and find free ports."""

    kind: Literal["provision"] = "provision"
    run: RunId
    node: int = Field(ge=0)
    nodes: int = Field(ge=2)


class Credentials(Record):
    """What the node needs to form the gang's cluster; opens no data."""

    kind: Literal["credentials"] = "credentials"
    run: RunId
    gang: list[Peer] = Field(min_length=2)
    certificate: Bytes
    """Leaf for this node, DER; valid for this run only."""
    authority: Bytes
    """The run's own certificate authority, DER."""
    sealed_token: Bytes
    """The cluster's token, HPKE-sealed to this worker under `token_context`."""


class OrderedInput(Record):
    """One input of a run, with the grant for it."""

    signed: Envelope
    """The `DatasetVersion`, signed by its owner; the worker checks that itself."""
    grant: KeyGrant

    @property
    def version(self) -> DatasetVersion:
        """What the owner signed; trusted once `open_signed` has returned it."""
        return DatasetVersion.from_bytes(self.signed.payload)


class Order(Record):
    """Run this."""

    kind: Literal["order"] = "order"
    run: RunId
    manifest: Digest
    computation: Name
    parameters: dict[Name, Choice]
    """Complete: defaults are filled in."""
    inputs: dict[Name, OrderedInput]
    gang: list[Peer] = Field(min_length=1)
    deadline: Instant
    snapshot: Snapshot | None = Field(default=None, exclude_if=lambda given: given is None)
    """What the head of a training's gang goes on from, if the run had a gang before."""


class Stop(Record):
    """End the run, forget its keys, report nothing more about it."""

    kind: Literal["stop"] = "stop"
    run: RunId


# --- from a worker --------------------------------------------------------------------------------


class Renew(Record):
    """Keep my lease."""

    kind: Literal["renew"] = "renew"


class Equipped(Record):
    """Ready to get credentials."""

    kind: Literal["equipped"] = "equipped"
    run: RunId
    request: Bytes
    """PKCS#10 certificate request of the node's fresh key, DER."""
    port_base: int = Field(ge=1024, le=65_000)


class Check(Record):
    """One item of the preflight."""

    item: Name
    passed: bool


class Ready(Record):
    """The node is part of the gang's cluster."""

    kind: Literal["ready"] = "ready"
    run: RunId
    preflight: list[Check]


class Progress(Telling):
    """How far the run is."""

    kind: Literal["progress"] = "progress"
    run: RunId
    stage: Stage
    percent: int = Field(ge=0, le=100)


class SealedOutput(Record):
    """One result for one recipient, stored as a blob, with its key sealed to the room."""

    output: OutputRecord
    sealed_key: Bytes
    """The content key, HPKE-sealed to the coordinator under `delivery_context`."""


class Finished(Record):
    """The results passed the worker's gate and are stored."""

    kind: Literal["finished"] = "finished"
    run: RunId
    outputs: list[SealedOutput] = Field(min_length=1)


class Failed(Record):
    """The run cannot go on."""

    kind: Literal["failed"] = "failed"
    run: RunId
    code: ErrorCode


ToWorker = Renewed | Reattest | Provision | Credentials | Order | Stop
FromWorker = Renew | Reattested | Equipped | Ready | Progress | Snapshot | Finished | Failed
AnyMessage = ToWorker | FromWorker
_KINDS: dict[str, type[AnyMessage]] = {
    "renewed": Renewed,
    "reattest": Reattest,
    "provision": Provision,
    "credentials": Credentials,
    "order": Order,
    "stop": Stop,
    "renew": Renew,
    "reattested": Reattested,
    "equipped": Equipped,
    "ready": Ready,
    "progress": Progress,
    "snapshot": Snapshot,
    "finished": Finished,
    "failed": Failed,
}


def read_message(raw: bytes) -> AnyMessage:
    """Read one message of either direction from its canonical bytes.

    Raises:
        RecordMalformed: the kind is unknown or the message is not of its shape.
        NotCanonical: the bytes are not its canonical encoding.
    """
    plain = parse_json(raw, "message")
    kind = plain.get("kind") if isinstance(plain, dict) else None
    if not isinstance(kind, str) or kind not in _KINDS:
        raise RecordMalformed(f"the message kind is not one of {sorted(_KINDS)}")
    return _KINDS[kind].from_bytes(raw)


def token_context(run: str, instance: str) -> bytes:
    """What a cluster's token is bound to: one run, one worker."""
    return frame("cleanroom/cluster-token/v1", run.encode(), instance.encode())
