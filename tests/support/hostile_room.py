"""A room that lies on demand: what a client meets when the other side is not what it should be.

It speaks the real protocol over real TLS with a simulated platform, tells every lie it is asked
to tell, and writes down everything that reaches it. Without a lie it behaves, as far as a client's
tests need it. Its clock is `NOW`; only TLS lives in the present.
"""
# ruff: noqa: N802, ARG002 - gRPC's names and signatures

import base64
import hashlib
import secrets
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import grpc

from cleanroom.client.identity import Identity, IdentityFile
from cleanroom.crypto.envelope import Envelope
from cleanroom.encoding import instant_text
from cleanroom.errors import CallerRefused, CleanroomError
from cleanroom.ledger.checkpoint import LogHead, sign_checkpoint
from cleanroom.ledger.tree import Tree
from cleanroom.manifest.genesis import Genesis
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.dataset import DatasetOffer, open_version
from cleanroom.protocol.run import RunEvent, RunView
from cleanroom.protocol.session import CallerProof, Token, open_caller
from cleanroom.protocol.statement import Statement, statement_binding
from cleanroom.wire.errors import abort
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2_grpc as services
from enclave.coordinator.keys import RoomKeys, server_credentials
from tests.support.manifests import NOW, PARTIES, approvals, good_manifest, signer, unsealer
from tests.support.platform import MEASUREMENT, good_policy, simulated_platform

RUN = "r-0123456789abcdef"


def now() -> datetime:
    """The time that TLS lives in."""
    return datetime.now(UTC).replace(microsecond=0)


def identity_of(party: str) -> Identity:
    """The identity whose public keys the good manifest names."""
    return Identity(
        IdentityFile(
            format="cleanroom/identity/v1",
            party=party,
            name=PARTIES[party],
            signing={
                use: signer(party, use).private_bytes() for use in ("approve", "submit", "provide")
            },
            receive=unsealer(party).private_bytes(),
        )
    )


def simulated_manifest(**changes: Any) -> Manifest:
    """The good manifest, trusting the simulated machine of this session."""
    return good_manifest(platform=good_policy().to_plain(), **changes)


@dataclass
class HostileRoom:
    """A room of `manifest`; every field may be bent before it is asked."""

    manifest: Manifest
    keys: RoomKeys = field(default_factory=lambda: RoomKeys.generate(now()))
    phase: str = "active"
    envelopes: list[Envelope] = field(default_factory=list)
    entries: list[bytes] = field(default_factory=lambda: [b"booted", b"activated", b"more"])
    measurement: bytes = MEASUREMENT
    scenario: str = "good"
    genesis: Genesis | None = None
    shown: Manifest | None = None
    """Another manifest than its own, for the statement."""
    nonce: bytes | None = None
    """A stale nonce, for the statement."""
    binding_nonce: bytes | None = None
    """A nonce that the evidence is bound to in place of the one shown."""
    replayed: Statement | None = None
    """A statement that somebody else made."""
    proof: list[bytes] | None = None
    """A consistency proof to show in place of the true one."""
    break_after: int = 10**12
    """Ends the channel once so many bytes of uploads have arrived."""
    stall_after: int = 10**12
    """Takes no more bytes of uploads after so many, until `resume` is set."""
    stalled: threading.Event = field(default_factory=threading.Event)
    resume: threading.Event = field(default_factory=threading.Event)
    events: list[RunEvent] = field(default_factory=list)
    watch_breaks: list[int] = field(default_factory=list)
    """After how many events each of the next watches breaks."""
    holds_watch: bool = False
    """Keeps a watch open after its events, until `resume` is set."""
    received: list[str] = field(default_factory=list)
    """Every method that was called."""
    blobs: dict[str, bytearray] = field(default_factory=dict)
    offers: list[DatasetOffer] = field(default_factory=list)
    tokens: set[bytes] = field(default_factory=set)
    challenges: set[bytes] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.envelopes = self.envelopes or approvals(self.manifest)

    def tree(self) -> Tree:
        grown = Tree()
        for entry in self.entries:
            grown.append(entry)
        return grown

    def head(self) -> LogHead:
        tree = self.tree()
        return LogHead(
            lineage=str(self.manifest.metadata.lineage), size=tree.size, root=tree.root()
        )

    def statement(self, nonce: bytes) -> Statement:
        """What it says about itself, lies included."""
        genesis = self.genesis or Genesis.of(self.manifest)
        attester = simulated_platform().attester(
            self.measurement,
            genesis.digest,
            scenario=self.scenario,  # type: ignore[arg-type]
        )
        bare = {
            "nonce": self.nonce or nonce,
            "genesis": genesis,
            "phase": self.phase,
            "manifest": None
            if self.phase == "waiting"
            else (self.shown or self.manifest).to_bytes(),
            "approvals": [] if self.phase == "waiting" else self.envelopes,
            "checkpoint": sign_checkpoint(self.head(), self.keys.signer),
            "root_certificate": self.keys.root_certificate,
            "seal_key": bytes(self.keys.seal_key),
            "sign_key": bytes(self.keys.sign_key),
        }
        blank = attester.collect(b"\0" * 64)  # type: ignore[arg-type]
        told = Statement(**bare, evidence=blank)  # type: ignore[arg-type]
        bound = told.model_copy(update={"nonce": self.binding_nonce or told.nonce})
        return told.model_copy(update={"evidence": attester.collect(statement_binding(bound))})

    @contextmanager
    def serving(self, port: int = 0) -> Iterator[str]:
        """Serve it on this machine; yields its address."""
        server = grpc.server(ThreadPoolExecutor(16))
        one = _Services(self)
        services.add_TrustServicer_to_server(one, server)
        services.add_GovernanceServicer_to_server(one, server)
        services.add_BlobsServicer_to_server(one, server)
        services.add_DatasetsServicer_to_server(_Datasets(self), server)
        services.add_RunsServicer_to_server(_Runs(self), server)
        bound = server.add_secure_port(f"127.0.0.1:{port}", server_credentials(self.keys, now))
        server.start()
        try:
            yield f"127.0.0.1:{bound}"
        finally:
            server.stop(0).wait()
            self.tokens.clear()

    def view(self, phase: str = "running", code: str | None = None) -> RunView:
        return RunView(
            run=RUN,
            computation="overlap",
            submitter="bank",
            phase=phase,  # type: ignore[arg-type]
            submitted_at=NOW,
            engine="ray",
            code=code,
            outputs=[],
        )


def event(sequence: int, phase: str = "running", code: str | None = None) -> RunEvent:
    """An event of the one run."""
    return RunEvent(
        run=RUN,
        sequence=sequence,
        at=NOW,
        phase=phase,  # type: ignore[arg-type]
        stage="compute",
        percent=min(100, sequence),
        code=code,
    )


class _Base:
    def __init__(self, room: HostileRoom) -> None:
        self.room = room

    def party(self, name: str, context: grpc.ServicerContext) -> None:
        self.room.received.append(name)
        metadata = dict(context.invocation_metadata())
        token = base64.b64decode(metadata.get("cleanroom-token", ""))
        if token not in self.room.tokens:
            abort(context, CallerRefused("the token is unknown or over"))


class _Services(_Base, services.TrustServicer, services.GovernanceServicer, services.BlobsServicer):
    def GetStatement(self, request: pb.StatementRequest, context: grpc.ServicerContext):
        room = self.room
        room.received.append("GetStatement")
        told = room.replayed or room.statement(request.nonce)
        tree, proof = room.tree(), room.proof
        if proof is None:
            size = request.remembered_size
            proof = tree.consistency(size, tree.size) if size <= tree.size else []
        return pb.StatementReply(statement=told.to_bytes(), consistency=proof)

    def GetChallenge(self, request: pb.Nothing, context: grpc.ServicerContext):
        self.room.received.append("GetChallenge")
        fresh = secrets.token_bytes(32)
        self.room.challenges.add(fresh)
        return pb.Challenge(challenge=fresh)

    def OpenSession(self, request: pb.Canonical, context: grpc.ServicerContext):
        room = self.room
        room.received.append("OpenSession")
        envelope = Envelope.from_bytes(request.record)
        challenge = CallerProof.from_bytes(envelope.payload).challenge
        room.challenges.remove(challenge)
        try:
            proof = open_caller(
                envelope, room.manifest, root=room.keys.root, challenge=challenge, now=NOW
            )
        except CleanroomError as refused:
            abort(context, refused)
        token = Token(token=secrets.token_bytes(32), party=proof.party, lifetime_s=60)
        room.tokens.add(token.token)
        return pb.Canonical(record=token.to_bytes())

    def GetTally(self, request: pb.Nothing, context: grpc.ServicerContext):
        self.room.received.append("GetTally")
        return self._tally()

    def Propose(self, request: pb.Proposal, context: grpc.ServicerContext):
        self.room.received.append("Propose")
        self.room.envelopes = [Envelope.from_bytes(each) for each in request.approvals]
        complete = len(self.room.envelopes) == len(self.room.manifest.parties)
        self.room.phase = "active" if complete else "proposed"
        return self._tally()

    def _tally(self):
        kids = {one.signatures[0].keyid for one in self.room.envelopes}
        parties = sorted(self.room.manifest.parties)
        approved = [one for one in parties if f"{one}-approve" in kids]
        if self.room.phase == "waiting":
            approved = []
        missing = [one for one in parties if one not in approved]
        return pb.Tally(phase=self.room.phase, approved=approved, missing=missing)

    def Stat(self, request: pb.BlobRequest, context: grpc.ServicerContext):
        self.party("Stat", context)
        return self._status(request.digest)

    def Put(self, chunks, context: grpc.ServicerContext):
        self.party("Put", context)
        header = next(chunks).header
        blob = self.room.blobs.setdefault(header.digest, bytearray())
        assert header.offset == len(blob)
        for chunk in chunks:
            self._stall(len(chunk.content))
            with self.room.lock:
                self.room.break_after -= len(chunk.content)
                if self.room.break_after < 0:
                    self.room.break_after = 10**12
                    context.abort(grpc.StatusCode.UNAVAILABLE, "the line went dead")
            blob += chunk.content
        return self._status(header.digest)

    def _stall(self, size: int) -> None:
        with self.room.lock:
            self.room.stall_after -= size
            over = self.room.stall_after < 0
        if over:
            self.room.stalled.set()
            self.room.resume.wait(60)

    def Get(self, request: pb.BlobRequest, context: grpc.ServicerContext):
        self.party("Get", context)
        blob = bytes(self.room.blobs[request.digest])
        for start in range(request.offset, len(blob), 1 << 20):
            with self.room.lock:
                self.room.break_after -= 1 << 20
                if self.room.break_after < 0:
                    self.room.break_after = 10**12
                    context.abort(grpc.StatusCode.UNAVAILABLE, "the line went dead")
            yield pb.Chunk(content=blob[start : start + (1 << 20)])

    def _status(self, digest: str):
        blob = self.room.blobs.get(digest, b"")
        whole = "sha256:" + hashlib.sha256(blob).hexdigest() == digest
        return pb.BlobStatus(digest=digest, stored=len(blob), complete=whole)


class _Datasets(_Base, services.DatasetsServicer):
    def Put(self, request: pb.Canonical, context: grpc.ServicerContext):
        self.party("OfferDataset", context)
        offer = DatasetOffer.from_bytes(request.record)
        self.room.offers.append(offer)
        return pb.VersionReply(digest=open_version(offer, self.room.manifest).digest)

    def GetVersions(self, request: pb.Nothing, context: grpc.ServicerContext):
        self.party("GetVersions", context)
        views = [
            pb.DatasetVersionView(
                dataset=(version := open_version(offer, self.room.manifest)).dataset,
                owner=version.owner,
                digest=version.digest,
                added_at=instant_text(NOW),
            )
            for offer in self.room.offers
        ]
        return pb.VersionList(versions=views)


class _Runs(_Base, services.RunsServicer):
    def List(self, request: pb.Nothing, context: grpc.ServicerContext):
        self.party("List", context)
        return pb.CanonicalList(records=[])

    def Get(self, request: pb.RunRequest, context: grpc.ServicerContext):
        self.party("GetRun", context)
        last = self.room.events[-1] if self.room.events else event(0)
        return pb.Canonical(record=self.room.view(last.phase, last.code).to_bytes())

    def Watch(self, request: pb.WatchRequest, context: grpc.ServicerContext):
        self.party("Watch", context)
        left = [one for one in self.room.events if one.sequence >= request.after]
        most = self.room.watch_breaks.pop(0) if self.room.watch_breaks else len(left)
        for one in left[:most]:
            yield pb.Canonical(record=one.to_bytes())
        if self.room.holds_watch:
            self.room.resume.wait(60)
        if len(left) > most:
            context.abort(grpc.StatusCode.UNAVAILABLE, "the line went dead")
