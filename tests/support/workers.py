# ruff: noqa: ARG002, N802 - the names and arguments of generated servicers
"""The other side of a worker: a room that speaks the real protocol and says what a test tells it.

Statement, evidence, TLS, signatures and ciphertext are real; only the decisions are the test's.
"""

import atexit
import hashlib
import logging
import queue
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import grpc
import pyarrow as pa
import pytest

from cleanroom.crypto.certificates import (
    COORDINATOR_NAME,
    certificate_pem,
    certificate_request,
    issue,
    new_authority,
    new_private_key,
    private_key_pem,
)
from cleanroom.crypto.envelope import Envelope
from cleanroom.crypto.sealing import SealKey, Unsealer, decrypt_content
from cleanroom.crypto.sealing import seal as seal_key_to
from cleanroom.crypto.signing import Ed25519Signer, VerifyKey
from cleanroom.dataset.check import conforming
from cleanroom.dataset.models.check import CheckedModel
from cleanroom.dataset.models.sealing import SealedModel, seal_model
from cleanroom.dataset.read import open_source
from cleanroom.dataset.seal import SealedDataset, seal
from cleanroom.encoding import content_digest
from cleanroom.ledger.checkpoint import SIGNER_KID, LogHead, sign_checkpoint
from cleanroom.manifest.genesis import Genesis
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.dataset import DatasetVersion, sign_version
from cleanroom.protocol.grant import GrantTerms, grant
from cleanroom.protocol.join import Admit, Challenge, Hello, Join, open_report
from cleanroom.protocol.run import delivery_context, output_context
from cleanroom.protocol.statement import Statement, statement_binding
from cleanroom.protocol.work import (
    AnyMessage,
    Credentials,
    Equipped,
    Order,
    OrderedInput,
    Peer,
    Provision,
    Renew,
    Renewed,
    SealedOutput,
    ToWorker,
    read_message,
    token_context,
)
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2_grpc as rpc
from enclave.attester.beside import Beside, nothing_beside
from enclave.attester.measure import installed_code_digest, measurement_of
from enclave.attester.simulated import SimulatedAttester, SimulatedPlatform
from enclave.worker.main import serve
from tests.support.manifests import approvals, good_manifest, signer
from tests.support.platform import MEASUREMENT, good_policy

CHUNK = 1024 * 1024
PATIENCE_S = 60.0
"""How long a test waits for a word before it fails."""


def now() -> datetime:
    """TLS lives in real time, so these tests do as well."""
    return datetime.now(UTC).replace(microsecond=0)


@cache
def platform_directory() -> Path:
    """Where the simulated machine is kept until this process ends."""
    directory = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    SimulatedPlatform.create(directory, now())
    return directory


@cache
def live_platform() -> SimulatedPlatform:
    """A simulated machine whose certificates are valid today."""
    return SimulatedPlatform.load(platform_directory())


def live_manifest(count: int = 1, min_group: int = 1, **changes: object) -> Manifest:
    """The good manifest, in force today, for gangs of `count` workers of this very code."""
    installed = measurement_of("cpu", installed_code_digest())
    plain = good_policy(
        live_platform(), measurements=[MEASUREMENT.hex(), installed.hex()]
    ).to_plain()
    settings = {
        "metadata__not_before": "2020-01-01T00:00:00Z",
        "metadata__not_after": "2099-01-01T00:00:00Z",
        "computations__overlap__workers__count": count,
        "computations__matches__workers__count": count,
        "computations__overlap__outputs__size__gate": {"min_group": min_group},
        "computations__matches__outputs__for-bank__gate": {"min_group": min_group},
        "computations__matches__outputs__for-shop__gate": {"min_group": min_group},
    }
    return good_manifest(plain, **(settings | changes))


def worker_attester(manifest: Manifest, host_data: bytes | None = None) -> SimulatedAttester:
    """A guest on the live platform, launched for the manifest's genesis."""
    digest = Genesis.of(manifest).digest if host_data is None else host_data
    return live_platform().attester(MEASUREMENT, digest)


class Store:
    """Ciphertext by digest, behind the real service."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.cut_once = 0
        """Break the next download off after so many bytes."""
        self.altered: set[str] = set()
        """Digests whose bytes come altered."""
        self.downloads = 0
        """How many were asked for."""
        self.hang = False
        """Answer no download until this is taken back."""

    def put(self, content: bytes) -> str:
        digest = content_digest(content)
        self.blobs[digest] = content
        return digest


class BlobService(rpc.BlobsServicer):
    """`Blobs` over a `Store`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def Get(self, request, context):
        self._store.downloads += 1
        content = self._store.blobs.get(request.digest)
        if content is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "no such blob")
        if request.digest in self._store.altered:
            content = bytes([content[0] ^ 1]) + content[1:]
        while self._store.hang and context.is_active():
            time.sleep(0.02)
        end = len(content)
        if self._store.cut_once and request.offset == 0:
            end, self._store.cut_once = self._store.cut_once, 0
        for start in range(request.offset, end, CHUNK):
            yield pb.Chunk(content=content[start : min(start + CHUNK, end)])
        if end < len(content):
            context.abort(grpc.StatusCode.UNAVAILABLE, "cut")

    def Stat(self, request, context):
        held = self._store.blobs.get(request.digest)
        return pb.BlobStatus(
            digest=request.digest, stored=len(held or b""), complete=held is not None
        )

    def Put(self, request_iterator, context):
        header = next(request_iterator).header
        content = b"".join(chunk.content for chunk in request_iterator)
        complete = content_digest(content) == header.digest and len(content) == header.size
        if complete:
            self._store.blobs[header.digest] = content
        return pb.BlobStatus(digest=header.digest, stored=len(content), complete=complete)


@dataclass
class Counterpart:
    """The room's end of one admitted worker's stream."""

    join: Join
    admit: Admit
    out: "queue.SimpleQueue[bytes | None]"
    heard: "queue.SimpleQueue[AnyMessage | None]" = field(default_factory=queue.SimpleQueue)
    renewals: int = 0
    ended: threading.Event = field(default_factory=threading.Event)

    def say(self, message: ToWorker) -> None:
        self.out.put(message.to_bytes())

    def hang_up(self) -> None:
        self.out.put(None)

    def hear(self, *kinds: type, timeout: float = PATIENCE_S) -> AnyMessage:
        """The next message; with `kinds`, the next that is one of them."""
        while True:
            message = self.heard.get(timeout=timeout)
            if message is None:
                raise AssertionError("the worker's stream ended")
            if not kinds or isinstance(message, kinds):
                return message


class WorkersService(rpc.WorkersServicer):
    """`Workers`: the real handshake, then whatever the test says."""

    def __init__(self, room: "ScriptedRoom") -> None:
        self._room = room

    def Session(self, request_iterator, context):
        hello = Hello.from_bytes(next(request_iterator).record)
        nonce = secrets.token_bytes(32)
        statement = self._room.statement(hello.nonce)
        yield pb.Canonical(record=Challenge(nonce=nonce, statement=statement).to_bytes())
        raw = next(request_iterator, None)
        if raw is None:
            return
        join = Join.from_bytes(raw.record)
        counterpart = self._room.admitted(join, nonce)
        yield pb.Canonical(record=counterpart.admit.to_bytes())
        threading.Thread(
            target=self._listen, args=(counterpart, request_iterator), daemon=True
        ).start()
        self._room.joined.put(counterpart)
        while (word := counterpart.out.get()) is not None:
            yield pb.Canonical(record=word)

    def _listen(self, counterpart, requests):
        counter = 0
        try:
            for request in requests:
                report = open_report(
                    Envelope.from_bytes(request.record),
                    VerifyKey(counterpart.join.sign_key),
                    instance=counterpart.admit.instance,
                    after=counter,
                )
                counter = report.counter
                message = read_message(report.message)
                if isinstance(message, Renew):
                    counterpart.renewals += 1
                    counterpart.say(Renewed(lease_s=self._room.lease_s))
                else:
                    counterpart.heard.put(message)
        except grpc.RpcError:
            pass
        finally:
            counterpart.ended.set()
            counterpart.heard.put(None)
            counterpart.out.put(None)


class ScriptedRoom:
    """A room on this machine whose coordinator is the test."""

    def __init__(self, manifest: Manifest, lease_s: int = 30) -> None:
        self.manifest = manifest
        self.genesis = Genesis.of(manifest)
        self.lease_s = lease_s
        self.phase = "active"
        self.said_nonce: bytes | None = None
        """Answer with statements for this nonce instead of the worker's."""
        self.store = Store()
        self.unsealer = Unsealer.generate()
        self.signer = Ed25519Signer.generate(SIGNER_KID)
        self.joined: queue.SimpleQueue[Counterpart] = queue.SimpleQueue()
        self.joins: list[Join] = []
        self.hellos = 0
        self.attester = live_platform().attester(MEASUREMENT, self.genesis.digest)
        self._authority_key = new_private_key()
        self.authority = new_authority("room", self._authority_key, now(), timedelta(days=1))

    def statement(self, nonce: bytes) -> Statement:
        self.hellos += 1
        head = LogHead(lineage=str(self.genesis.lineage), size=0, root=hashlib.sha256(b"").digest())
        fields = dict(
            nonce=self.said_nonce or nonce,
            genesis=self.genesis,
            phase=self.phase,
            manifest=self.manifest.to_bytes(),
            approvals=approvals(self.manifest, not_after=now() + timedelta(days=1)),
            checkpoint=sign_checkpoint(head, self.signer),
            root_certificate=self.authority,
            seal_key=self.unsealer.public_key,
            sign_key=self.signer.public_key,
        )
        unproven = Statement(**fields, evidence=self.attester.collect(bytes(64)))
        evidence = self.attester.collect(statement_binding(unproven))
        return Statement(**fields, evidence=evidence)

    def admitted(self, join: Join, nonce: bytes) -> Counterpart:
        assert join.room_nonce == nonce
        self.joins.append(join)
        admit = Admit(
            instance=f"w-{secrets.token_hex(8)}",
            lease_s=self.lease_s,
            token=secrets.token_bytes(32),
        )
        return Counterpart(join, admit, queue.SimpleQueue())

    def worker(self, timeout: float = PATIENCE_S) -> Counterpart:
        """The next worker that was admitted."""
        return self.joined.get(timeout=timeout)

    @contextmanager
    def serving(self, relay: "ScriptedRoom | None" = None) -> Iterator[str]:
        """Serve on a free port; its address. With `relay`, under the certificate of that room."""
        key, shown = new_private_key(), relay or self
        leaf = issue(
            shown.authority,
            shown._authority_key,
            certificate_request(key),
            [COORDINATOR_NAME],
            now=now(),
            lifetime=timedelta(hours=1),
        )
        server = grpc.server(ThreadPoolExecutor(16))
        rpc.add_WorkersServicer_to_server(WorkersService(self), server)
        rpc.add_BlobsServicer_to_server(BlobService(self.store), server)
        pair = (private_key_pem(key), certificate_pem(leaf))
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(grace=0.2).wait()

    # --- datasets and orders ----------------------------------------------------------------------

    def add(
        self, dataset: str, table: pa.Table, directory: Path, parts: int = 1
    ) -> tuple[DatasetVersion, bytes]:
        """Seal a table as a dataset's version and store its parts; the version and its key."""
        return self._stored(dataset, self._sealed(dataset, table, directory, parts))

    def add_both(self, directory: Path) -> dict[str, tuple[DatasetVersion, bytes]]:
        """Versions of both datasets, of the same hundred people; by dataset."""
        return {
            "customers": self.add("customers", customers(0, 100), directory),
            "baskets": self.add("baskets", baskets(0, 100), directory),
        }

    def add_model(
        self, dataset: str, content: bytes, directory: Path
    ) -> tuple[DatasetVersion, bytes]:
        """Seal a model's file as it is, judged by nobody; the version and its key."""
        declared = self.manifest.datasets[dataset]
        sealed = seal_model(
            CheckedModel(content, declared, {}),
            lineage=str(self.manifest.metadata.lineage),
            dataset=dataset,
            owner=declared.owner,
            directory=directory,
            on_part=lambda _: None,
        )
        return self._stored(dataset, sealed)

    def _stored(
        self, dataset: str, sealed: SealedDataset | SealedModel
    ) -> tuple[DatasetVersion, bytes]:
        for path in sealed.paths:
            self.store.put(path.read_bytes())
        version = DatasetVersion(
            lineage=self.manifest.metadata.lineage,
            manifest=self.manifest.digest,
            dataset=dataset,
            owner=self.manifest.datasets[dataset].owner,
            version=sealed.version,
            rows=sealed.rows,
            parts=sealed.parts,
            sealed_key=content_digest(b"not used by workers"),
            sealed_at=now(),
        )
        return version, sealed.key

    def _sealed(self, dataset: str, table: pa.Table, directory: Path, parts: int) -> SealedDataset:
        declared = self.manifest.datasets[dataset]
        rows = -(-table.num_rows // parts)
        pieces = [table.slice(start, rows) for start in range(0, table.num_rows, rows)]
        source = open_source(pa.concat_tables(pieces), declared.columns)
        with pytest.MonkeyPatch.context() as patch:
            if parts > 1:
                patch.setattr("cleanroom.dataset.seal.PART_BYTES", 1)
            sealed = seal(
                conforming(source, declared),
                lineage=str(self.manifest.metadata.lineage),
                dataset=dataset,
                owner=declared.owner,
                directory=directory,
            )
        assert len(sealed.parts) == parts
        return sealed

    def order(  # noqa: PLR0917 - as orders are
        self,
        computation: str,
        data: dict[str, tuple[DatasetVersion, bytes]],
        worker: Counterpart,
        gang: list[Peer] | None = None,
        run: str = "r-00112233445566ff",
        seconds: int = 120,
        **parameters: int,
    ) -> Order:
        """An order for `worker`, with grants sealed to it; `data` is by dataset."""
        deadline = now() + timedelta(seconds=seconds)
        declared = self.manifest.computations[computation]
        instance = worker.admit.instance
        inputs = {}
        for name, source in declared.reads.items():
            version, key = data[source.dataset]
            terms = GrantTerms(
                lineage=self.manifest.metadata.lineage,
                manifest=self.manifest.digest,
                run=run,
                input=name,
                dataset=source.dataset,
                version=version.digest,
                columns=list(source.columns),
                worker=instance,
                expires_at=deadline,
            )
            sealed = grant(terms, key, SealKey(worker.join.seal_key))
            signed = sign_version(version, signer(version.owner, "provide"))
            inputs[name] = OrderedInput(signed=signed, grant=sealed)
        alone = Peer(instance=instance, node=0, node_ip=worker.join.node_ip, port_base=0)
        return Order(
            run=run,
            manifest=self.manifest.digest,
            computation=computation,
            parameters=parameters,
            inputs=inputs,
            gang=gang or [alone],
            deadline=deadline,
        )

    def opened(self, run: str, sealed: SealedOutput) -> pa.Table:
        """What a recipient would get, if the room released it."""
        import pyarrow.parquet as pq

        output = sealed.output
        context = output_context(
            str(self.genesis.lineage),
            self.manifest.digest,
            run,
            output.output,
            output.recipient,
        )
        key = self.unsealer.open(
            sealed.sealed_key, context=delivery_context(context, output.digest)
        )
        plain = decrypt_content(self.store.blobs[output.digest], key, context=context)
        return pq.read_table(pa.BufferReader(plain))

    # --- gangs ------------------------------------------------------------------------------------

    def provision(self, workers: list[Counterpart], run: str) -> list[Peer]:
        """Provision a gang up to its credentials; its peers."""
        peers, equipped = self.equip(workers, run)
        authority = RunAuthority()
        for worker, answer in zip(workers, equipped, strict=True):
            worker.say(self.credentials(worker, answer, peers, authority))
        return peers

    def equip(self, workers: list[Counterpart], run: str) -> tuple[list[Peer], list[Equipped]]:
        """Ask a gang for its equipment; its peers and what they answered."""
        for node, worker in enumerate(workers):
            worker.say(Provision(run=run, node=node, nodes=len(workers)))
        equipped = [worker.hear(Equipped) for worker in workers]
        peers = [
            Peer(
                instance=worker.admit.instance,
                node=node,
                node_ip=worker.join.node_ip,
                port_base=answer.port_base,
            )
            for node, (worker, answer) in enumerate(zip(workers, equipped, strict=True))
        ]
        return peers, equipped

    def credentials(
        self, worker: Counterpart, answer: Equipped, peers: list[Peer], authority: "RunAuthority"
    ) -> Credentials:
        """What one worker of a gang gets."""
        context = token_context(answer.run, worker.admit.instance)
        to = SealKey(worker.join.seal_key)
        return Credentials(
            run=answer.run,
            gang=peers,
            certificate=authority.leaf(answer.request, worker.join.node_ip),
            authority=authority.certificate,
            sealed_token=seal_key_to(authority.token, to, context=context),
        )


class RunAuthority:
    """A run's own certificate authority and token."""

    def __init__(self) -> None:
        self._key = new_private_key()
        self.certificate = new_authority("run", self._key, now(), timedelta(hours=1))
        self.token = secrets.token_bytes(32)

    def leaf(self, request: bytes, node_ip: str) -> bytes:
        """A leaf for one node."""
        return issue(
            self.certificate,
            self._key,
            request,
            [node_ip, "127.0.0.1", "localhost"],
            now=now(),
            lifetime=timedelta(hours=1),
        )


def customers(first: int, count: int) -> pa.Table:
    """The bank's table: people `first` up to `first + count`."""
    numbers = range(first, first + count)
    return pa.table(
        {
            "email": [f"person-{number}@canary.example" for number in numbers],
            "segment": [("basic", "gold", "private")[number % 3] for number in numbers],
            "income": pa.array([number % 500_000 for number in numbers], pa.int64()),
            "since": pa.array([number % 20_000 for number in numbers], pa.int32()).cast(
                pa.date32()
            ),
        }
    )


def baskets(first: int, count: int) -> pa.Table:
    """The shop's table: people `first` up to `first + count`."""
    numbers = range(first, first + count)
    return pa.table(
        {
            "email": [f"person-{number}@canary.example" for number in numbers],
            "spend": pa.array([number * 7 % 1_000_000 for number in numbers], pa.int64()),
            "visits": pa.array([number % 10_000 for number in numbers], pa.int64()),
            "favourite": [("books", "garden", "music")[number % 3] for number in numbers],
        }
    )


@contextmanager
def running_worker(
    room: ScriptedRoom,
    address: str,
    directory: Path,
    node_ip: str = "127.0.0.2",
    beside: Beside = nothing_beside,
) -> Iterator[threading.Event]:
    """A worker in a thread of this process; set the event to stop it."""
    stop = threading.Event()
    attester = worker_attester(room.manifest)
    arguments = (address, room.genesis, "cpu", attester, directory, node_ip, stop, str, beside)
    thread = threading.Thread(target=serve, args=arguments)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


@contextmanager
def started_worker(
    room: ScriptedRoom, address: str, directory: Path, node_ip: str = "127.0.0.2"
) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker in a process of its own, as an operator starts it; killed at the end."""
    genesis = directory / "genesis.json"
    directory.mkdir(parents=True)
    genesis.write_bytes(room.genesis.to_bytes())
    words = {
        "--coordinator": address,
        "--genesis": genesis,
        "--role": "cpu",
        "--directory": directory / "runs",
        "--node-ip": node_ip,
        "--platform": platform_directory(),
    }
    command = [sys.executable, "-I", "-m", "enclave.worker.main"]
    command += [str(word) for pair in words.items() for word in pair]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=directory
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def diary_in(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Capture a worker's diary, whatever other tests of this process did to loggers before."""
    diary = logging.Logger("enclave.worker", logging.INFO)  # noqa: LOG001 - not the shared one
    diary.addHandler(caplog.handler)
    with caplog.at_level("INFO"), pytest.MonkeyPatch.context() as patch:
        patch.setattr("enclave.worker.diary._LOGGER", diary)
        yield
