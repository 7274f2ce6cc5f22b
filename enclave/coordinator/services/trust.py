"""`Trust`: what the room is, and how a party proves that it is one."""

import grpc

from cleanroom.crypto.envelope import Envelope
from cleanroom.errors import Usage
from cleanroom.protocol.join import Admitted
from cleanroom.protocol.statement import NONCE_LENGTH
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2_grpc as rpc
from enclave.coordinator.engine import Engine
from enclave.coordinator.services.calls import fitting, unary


class Trust(rpc.TrustServicer):
    """Open to anybody, but for the workers: their addresses are for parties."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @unary
    def GetStatement(  # noqa: N802 - the service's name
        self, request: pb.StatementRequest, _: grpc.ServicerContext
    ) -> pb.StatementReply:
        """The statement for the caller's nonce, with the proof from the head it remembers."""
        if len(request.nonce) != NONCE_LENGTH:
            raise Usage(f"the nonce is {len(request.nonce)} bytes, expected {NONCE_LENGTH}")
        statement, proof = self._engine.statement(request.nonce, request.remembered_size)
        return pb.StatementReply(statement=statement.to_bytes(), consistency=proof)

    @unary
    def GetChallenge(self, _: pb.Nothing, __: grpc.ServicerContext) -> pb.Challenge:  # noqa: N802
        """Bytes for one proof."""
        return pb.Challenge(challenge=self._engine.performer.callers.challenge())

    @unary
    def OpenSession(self, request: pb.Canonical, _: grpc.ServicerContext) -> pb.Canonical:  # noqa: N802
        """A token for a party's proof."""
        engine, envelope = self._engine, Envelope.from_bytes(request.record)
        now = engine.now()
        manifest = engine.room.in_force(now).manifest
        callers = engine.performer.callers
        token = callers.open_session(envelope, manifest, root=engine.keys.root, now=now)
        return pb.Canonical(record=token.to_bytes())

    @unary
    def GetWorkers(  # noqa: N802 - the service's name
        self, request: pb.WorkersRequest, _: grpc.ServicerContext
    ) -> pb.CanonicalList:
        """Workers with a lease behind one, by their names, with the evidence they showed."""
        live = sorted(self._engine.room.workers.items())
        return fitting(
            Admitted(
                instance=name,
                join=worker.join,
                reattested=worker.reattested,
                attested_at=worker.attested_at,
            ).to_bytes()
            for name, worker in live
            if name > request.after
        )
