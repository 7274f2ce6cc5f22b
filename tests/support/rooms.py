"""A real coordinator in one line, callers of each kind, and a worker that obeys the protocol.

    with coordinator(tmp_path) as room:
        bank = room.party("bank")
        with room.worker() as worker: ...

Everything is real (gRPC over TLS, evidence, sealing, the journal) but the machine, which is
simulated, and the computing: this worker delivers whatever bytes it is told to.
"""

import base64
import queue
import secrets
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Self

import grpc

from cleanroom.attestation.collateral import Collateral
from cleanroom.crypto.certificates import spki_digest
from cleanroom.crypto.envelope import Envelope
from cleanroom.crypto.sealing import SealKey, Unsealer, encrypt_content, seal
from cleanroom.crypto.signing import Ed25519Signer
from cleanroom.encoding import content_digest, instant_text
from cleanroom.ledger.entry import OutputRecord
from cleanroom.manifest.genesis import Genesis
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.dataset import (
    DatasetOffer,
    DatasetVersion,
    Part,
    key_context,
    sign_version,
)
from cleanroom.protocol.grant import open_grant
from cleanroom.protocol.join import (
    WORKER_KID,
    Admit,
    Challenge,
    Hello,
    Join,
    WorkerReport,
    join_binding,
    sign_report,
)
from cleanroom.protocol.run import (
    Delivery,
    RunEvent,
    RunRequest,
    RunView,
    delivery_context,
    output_context,
    sign_request,
)
from cleanroom.protocol.session import CallerProof, Token, prove_caller
from cleanroom.protocol.statement import (
    Statement,
    TrustedRoom,
    verify_for_party,
    verify_for_worker,
)
from cleanroom.protocol.work import (
    AnyMessage,
    Finished,
    FromWorker,
    Order,
    Renew,
    SealedOutput,
    read_message,
)
from cleanroom.wire.channels import CHUNK, attested, bootstrap
from cleanroom.wire.errors import from_rpc
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2_grpc as rpc
from enclave.attester import Attester
from enclave.attester.simulated import SimulatedPlatform
from enclave.attester.supply import Supply
from enclave.coordinator.main import serve
from tests.support.manifests import approvals, good_manifest, signer, unsealer
from tests.support.platform import MEASUREMENT, good_policy

DEADLINE_S = 20.0
"""No call of a test waits longer, in seconds."""
WORKER_IP = "127.0.0.2"


def clock() -> datetime:
    """The real time in whole seconds: TLS and coordinator look at the same clock."""
    return datetime.now(UTC).replace(microsecond=0)


@cache
def room_platform() -> SimulatedPlatform:
    """The one simulated machine of this session whose certificates are valid now."""
    with tempfile.TemporaryDirectory() as directory:
        return SimulatedPlatform.create(Path(directory), clock())


def room_manifest(platform: SimulatedPlatform | None = None, **changes: Any) -> Manifest:
    """The good manifest, in force now, for the simulated machine; runs on one worker each."""
    policy = good_policy(platform or room_platform()).to_plain()
    plain = {name: value for name, value in policy.items() if name in good_policy_fields()}
    times = {
        "metadata__not_before": instant_text(clock() - timedelta(days=1)),
        "metadata__not_after": instant_text(clock() + timedelta(days=30)),
        "computations__overlap__workers__count": 1,
    }
    return good_manifest(plain, **(times | changes))


def good_policy_fields() -> tuple[str, ...]:
    """What the good policy writes down; the rest has its default."""
    return (
        "platform",
        "products",
        "measurements",
        "host_data",
        "min_tcb",
        "development_roots",
    )


def room_approvals(manifest: Manifest, *parties: str) -> list[Envelope]:
    """Approvals that last as long as the manifest."""
    return approvals(manifest, *parties, not_after=manifest.metadata.not_after)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def call(method: Callable[..., Any], request: object, **options: Any) -> Any:
    """Call a method; a refusal is raised as the error of the tree that it stands for."""
    try:
        return method(request, timeout=DEADLINE_S, **options)
    except grpc.RpcError as error:
        raise from_rpc(error, "the coordinator") from None


def at_once(
    ask: Callable[[], Any], refusal: type[Exception], callers: int = 20
) -> tuple[list[Any], list[Exception]]:
    """What parallel callers got, and what they were refused; any other exception fails the test."""
    got: list[Any] = []
    refused: list[Exception] = []

    def once() -> None:
        try:
            got.append(ask())
        except refusal as error:
            refused.append(error)

    threads = [threading.Thread(target=once) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got, refused


@contextmanager
def coordinator(
    directory: Path,
    manifest: Manifest | None = None,
    platform: SimulatedPlatform | None = None,
    *,
    propose: bool = True,
    listen: str = "127.0.0.1:0",
    collateral: Path | None = None,
) -> Iterator["RunningRoom"]:
    """A coordinator in this process, listening on this machine; stopped at the end of the block.

    Args:
        directory: its state; the same directory again is a restart.
        manifest: what the room is for; `room_manifest()` by default.
        platform: the machine below.
        propose: whether the manifest is proposed with everybody's approval.
        listen: where it listens.
        collateral: a bundle that the operator hands to it.
    """
    agreed, machine = manifest or room_manifest(platform), platform or room_platform()
    genesis = Genesis.of(agreed)
    stop, addresses, failures = threading.Event(), queue.SimpleQueue[str](), []

    def run() -> None:
        try:
            attester = machine.attester(MEASUREMENT, genesis.digest)
            serve(
                directory,
                genesis,
                listen,
                attester,
                supply=Supply(collateral),
                ready=addresses.put,
                stop=stop,
            )
        except BaseException as error:  # noqa: BLE001 - told to the test below
            failures.append(error)
            addresses.put("")

    thread = threading.Thread(target=run, name="coordinator")
    thread.start()
    address = addresses.get(timeout=DEADLINE_S)
    if failures:
        raise failures[0]
    room = RunningRoom(address, agreed, genesis, machine, directory)
    try:
        if propose:
            room.propose()
        yield room
    finally:
        room.close()
        stop.set()
        thread.join(DEADLINE_S)
    if failures:
        raise failures[0]


@dataclass
class RunningRoom:
    """A coordinator that runs, as those outside of it see it."""

    address: str
    manifest: Manifest
    genesis: Genesis
    platform: SimulatedPlatform
    directory: Path
    _channels: list[grpc.Channel] = field(default_factory=list)

    def propose(self, *parties: str, manifest: Manifest | None = None) -> pb.Tally:
        """Propose the manifest with the approvals of `parties`, all by default."""
        proposed = manifest or self.manifest
        raw = [one.to_bytes() for one in room_approvals(proposed, *parties)]
        stub = rpc.GovernanceStub(self.anybody())
        return call(stub.Propose, pb.Proposal(manifest=proposed.to_bytes(), approvals=raw))

    def anybody(self) -> grpc.Channel:
        """A channel of somebody who trusts nobody."""
        return self._kept(bootstrap(self.address))

    def statement(self, nonce: bytes, remembered: int = 0) -> Statement:
        """The room's statement, as anybody gets it."""
        asked = pb.StatementRequest(nonce=nonce, remembered_size=remembered)
        reply = call(rpc.TrustStub(self.anybody()).GetStatement, asked)
        return Statement.from_bytes(reply.statement)

    def party(self, name: str) -> "PartyCaller":
        """A party that has verified the room and opened its session."""
        nonce = secrets.token_bytes(32)
        trusted = verify_for_party(
            self.statement(nonce),
            self.manifest,
            nonce=nonce,
            remembered=None,
            consistency=(),
            allow_simulated=True,
            collateral=Collateral(),
            now=clock(),
        )
        channel = self._kept(attested(self.address, trusted.root_certificate))
        return PartyCaller(self, name, trusted, channel)

    def fill(self) -> tuple["PartyCaller", "PartyCaller"]:
        """The bank and the shop, each with a version of its dataset."""
        bank, shop = self.party("bank"), self.party("shop")
        bank.add("customers")
        shop.add("baskets")
        return bank, shop

    def worker(self, role: str = "cpu", **changes: Any) -> "FakeWorker":
        """A worker that has joined; close it, or use it as a context."""
        worker = FakeWorker(self, role, **changes)
        worker.join()
        return worker

    def close(self) -> None:
        """Close every channel of the test."""
        for channel in self._channels:
            channel.close()

    def _kept(self, channel: grpc.Channel) -> grpc.Channel:
        self._channels.append(channel)
        return channel


def blob_chunks(content: bytes, *, digest: str = "", size: int = -1, offset: int = 0) -> Iterator:
    """The messages of an upload; digest and size are the true ones unless they are given."""
    header = pb.BlobHeader(
        digest=digest or content_digest(content),
        size=len(content) if size < 0 else size,
        offset=offset,
    )
    yield pb.Chunk(header=header)
    for start in range(offset, len(content), CHUNK):
        yield pb.Chunk(content=content[start : start + CHUNK])


class PartyCaller:
    """A party in a room, calling each method by hand."""

    def __init__(
        self, room: RunningRoom, name: str, trusted: TrustedRoom, channel: grpc.Channel
    ) -> None:
        self.room = room
        self.name = name
        self.trusted = trusted
        self.channel = channel
        trust = rpc.TrustStub(channel)
        challenge = call(trust.GetChallenge, pb.Nothing()).challenge
        opened = call(trust.OpenSession, pb.Canonical(record=self.proof(challenge).to_bytes()))
        self.token = Token.from_bytes(opened.record).token

    @property
    def metadata(self) -> list[tuple[str, str]]:
        """What authenticates a call."""
        return [("cleanroom-token", base64.b64encode(self.token).decode())]

    def proof(self, challenge: bytes) -> Envelope:
        """That this party calls this room."""
        proof = CallerProof(
            lineage=self.room.genesis.lineage,
            party=self.name,
            root=spki_digest(self.trusted.root_certificate),
            challenge=challenge,
            at=clock(),
        )
        return prove_caller(proof, signer(self.name, "submit"))

    def call(self, method: Callable[..., Any], request: object) -> Any:
        """Call with this party's token."""
        return call(method, request, metadata=self.metadata)

    @property
    def runs(self) -> rpc.RunsStub:
        """The service of runs."""
        return rpc.RunsStub(self.channel)

    def upload(self, content: bytes, **changes: Any) -> pb.BlobStatus:
        """Store a blob."""
        return self.call(rpc.BlobsStub(self.channel).Put, blob_chunks(content, **changes))

    def offer(
        self, dataset: str, parts: Sequence[bytes] = (b"part",), rows: int = 100, key: bytes = b""
    ) -> DatasetOffer:
        """A version of a dataset of its own, sealed to the room; the parts are not uploaded."""
        manifest, version = self.room.manifest, secrets.token_hex(16)
        context = key_context(
            str(manifest.metadata.lineage), manifest.digest, dataset, self.name, version
        )
        sealed = seal(key or bytes(32), self.trusted.seal_key, context=context)
        each, rest = divmod(rows, len(parts))
        record = DatasetVersion(
            lineage=manifest.metadata.lineage,
            manifest=manifest.digest,
            dataset=dataset,
            owner=self.name,
            version=version,
            rows=rows,
            parts=[
                Part(
                    index=index,
                    digest=content_digest(part),
                    size=len(part),
                    rows=each + (rest if index == 0 else 0),
                )
                for index, part in enumerate(parts)
            ],
            sealed_key=content_digest(sealed),
            sealed_at=clock(),
        )
        return DatasetOffer(
            version=sign_version(record, signer(self.name, "provide")), sealed_key=sealed
        )

    def put(self, offer: DatasetOffer) -> str:
        """Add a version; its digest."""
        stub = rpc.DatasetsStub(self.channel)
        return self.call(stub.Put, pb.Canonical(record=offer.to_bytes())).digest

    def add(self, dataset: str, parts: Sequence[bytes] = (b"part",), key: bytes = b"") -> str:
        """Upload parts and add the version."""
        for part in parts:
            self.upload(part)
        return self.put(self.offer(dataset, parts, key=key))

    def request(self, computation: str = "overlap", **changes: Any) -> Envelope:
        """A signed request for a run."""
        plain: dict[str, Any] = {
            "lineage": self.room.manifest.metadata.lineage,
            "manifest": self.room.manifest.digest,
            "computation": computation,
            "submitter": self.name,
            "parameters": {},
            "versions": {},
            "idempotency": secrets.token_bytes(16),
            "submitted_at": clock(),
            "expires_at": clock() + timedelta(minutes=5),
        }
        return sign_request(RunRequest(**(plain | changes)), signer(self.name, "submit"))

    def send(self, request: Envelope) -> RunView:
        """Submit a signed request."""
        sent = pb.Canonical(record=request.to_bytes())
        return RunView.from_bytes(self.call(self.runs.Submit, sent).record)

    def submit(self, computation: str = "overlap", **changes: Any) -> RunView:
        """Ask for a run."""
        return self.send(self.request(computation, **changes))

    def view(self, run: str) -> RunView:
        """How far a run is."""
        return RunView.from_bytes(self.call(self.runs.Get, pb.RunRequest(run=run)).record)

    def watch(self, run: str, after: int = 0) -> list[RunEvent]:
        """Every event of a run until it is over."""
        stream = self.call(self.runs.Watch, pb.WatchRequest(run=run, after=after))
        try:
            return [RunEvent.from_bytes(one.record) for one in stream]
        except grpc.RpcError as error:
            raise from_rpc(error, "the coordinator") from None

    def fetch(self, digest: str) -> bytes:
        """A blob, whole."""
        return self._whole(rpc.BlobsStub(self.channel).Get, pb.BlobRequest(digest=digest))

    def receipt(self, run: str) -> bytes:
        """A run's receipt, whole."""
        return self._whole(self.runs.GetReceipt, pb.RunRequest(run=run))

    def _whole(self, method: Callable[..., Any], request: object) -> bytes:
        stream = self.call(method, request)
        try:
            return b"".join(chunk.content for chunk in stream)
        except grpc.RpcError as error:
            raise from_rpc(error, "the coordinator") from None

    def result_key(self, run: str, output: str) -> bytes:
        """The content key of an output for this party, opened."""
        asked = pb.OutputRequest(run=run, output=output)
        delivery = Delivery.from_bytes(self.call(self.runs.GetOutput, asked).record)
        manifest = self.room.manifest
        place = output_context(
            str(manifest.metadata.lineage), manifest.digest, run, output, self.name
        )
        context = delivery_context(place, delivery.output.digest)
        return unsealer(self.name).open(delivery.sealed_key, context=context)


class FakeWorker:
    """A worker that joins and speaks the protocol; what it computes is up to the test."""

    def __init__(
        self,
        room: RunningRoom,
        role: str = "cpu",
        *,
        attester: Attester | None = None,
        node_ip: str = WORKER_IP,
    ) -> None:
        self.room = room
        self.role = role
        self.node_ip = node_ip
        self.attester = attester or room.platform.attester(MEASUREMENT, room.genesis.digest)
        self.unsealer = Unsealer.generate()
        self.signer = Ed25519Signer.generate(WORKER_KID)
        self.nonce = secrets.token_bytes(32)
        self.counter = 0
        self._outgoing: queue.SimpleQueue[pb.Canonical | None] = queue.SimpleQueue()
        self.admit: Admit | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def connect(self) -> None:
        """Open the stream on a channel that reaches the attested room only."""
        nonce = secrets.token_bytes(32)
        statement = self.room.statement(nonce)
        trusted = verify_for_worker(
            statement, self.room.genesis, nonce=nonce, collateral=Collateral(), now=clock()
        )
        self.trusted = trusted
        self.channel = self.room._kept(attested(self.room.address, trusted.root_certificate))
        stub = rpc.WorkersStub(self.channel)
        self._incoming = stub.Session(iter(self._outgoing.get, None), timeout=60.0)

    def say(self, record: bytes) -> None:
        """Send raw bytes."""
        self._outgoing.put(pb.Canonical(record=record))

    def hear(self) -> bytes:
        """The next raw bytes from the room.

        Raises:
            CleanroomError: the room ended the stream.
        """
        try:
            return next(self._incoming).record
        except grpc.RpcError as error:
            raise from_rpc(error, "the coordinator") from None

    def hello(self) -> Challenge:
        """Ask to join."""
        self.connect()
        self.say(Hello(role=self.role, nonce=self.nonce).to_bytes())
        return Challenge.from_bytes(self.hear())

    def proof(self, challenge: Challenge, **changes: Any) -> Join:
        """The join for a challenge, with evidence for it; `changes` are made afterwards."""
        bare = Join(
            role=self.role,
            manifest=self.room.manifest.digest,
            worker_nonce=self.nonce,
            room_nonce=challenge.nonce,
            node_ip=self.node_ip,
            seal_key=self.unsealer.public_key,
            sign_key=self.signer.public_key,
            evidence=challenge.statement.evidence,
        )
        proven = bare.model_copy(update={"evidence": self.attester.collect(join_binding(bare))})
        return proven.model_copy(update=changes)

    def join(self) -> Admit:
        """Go through the whole handshake."""
        challenge = self.hello()
        verify_for_worker(
            challenge.statement,
            self.room.genesis,
            nonce=self.nonce,
            collateral=Collateral(),
            now=clock(),
        )
        return self.present(self.proof(challenge))

    def present(self, join: Join) -> Admit:
        """Send a join and take the answer."""
        self.say(join.to_bytes())
        self.admit = Admit.from_bytes(self.hear())
        return self.admit

    @property
    def instance(self) -> str:
        """The name that the room gave."""
        assert self.admit is not None
        return self.admit.instance

    def report(self, message: FromWorker, *, skip: int = 0, signer: Any = None) -> Envelope:
        """Send a message, signed and counted."""
        self.counter += 1 + skip
        report = WorkerReport(
            instance=self.instance, counter=self.counter, message=message.to_bytes()
        )
        envelope = sign_report(report, signer or self.signer)
        self.say(envelope.to_bytes())
        return envelope

    def next(self) -> AnyMessage:
        """The room's next message."""
        return read_message(self.hear())

    def renew(self) -> AnyMessage:
        """Keep the lease, and so know that everything before was taken."""
        self.report(Renew())
        return self.next()

    def keys(self, order: Order) -> dict[str, bytes]:
        """The data keys of an order, opened."""
        return {name: open_grant(one.grant, self.unsealer) for name, one in order.inputs.items()}

    def store(self, content: bytes) -> pb.BlobStatus:
        """Store a blob with the worker's token."""
        assert self.admit is not None
        metadata = [("cleanroom-token", base64.b64encode(self.admit.token).decode())]
        stub = rpc.BlobsStub(self.channel)
        return call(stub.Put, blob_chunks(content), metadata=metadata)

    def sealed(
        self, order: Order, output: str, recipient: str, content: bytes
    ) -> tuple[SealedOutput, bytes]:
        """A result for one recipient and its sealed bytes, as an honest worker makes them."""
        key = secrets.token_bytes(32)
        lineage = str(self.room.manifest.metadata.lineage)
        place = output_context(lineage, order.manifest, order.run, output, recipient)
        raw = encrypt_content(content, key, context=place)
        record = OutputRecord(
            output=output,
            recipient=recipient,
            digest=content_digest(raw),
            size=len(raw),
            suppressed=False,
        )
        context = delivery_context(place, record.digest)
        to = SealKey(self.trusted.seal_key)
        return SealedOutput(output=record, sealed_key=seal(key, to, context=context)), raw

    def results(self, order: Order, content: bytes = b"result") -> list[SealedOutput]:
        """Every output for every recipient, stored."""
        computation = self.room.manifest.computations[order.computation]
        made = [
            self.sealed(order, name, recipient, content)
            for name, rule in computation.outputs.items()
            for recipient in rule.recipients
        ]
        for _, raw in made:
            self.store(raw)
        return [sealed for sealed, _ in made]

    def finish(self, order: Order, content: bytes = b"result") -> None:
        """Do the whole run honestly."""
        self.keys(order)
        self.report(Finished(run=order.run, outputs=self.results(order, content)))

    def leave(self) -> None:
        """End the stream."""
        self._outgoing.put(None)
        if hasattr(self, "_incoming"):
            self._incoming.cancel()
