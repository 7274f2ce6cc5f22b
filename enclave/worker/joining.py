"""How this worker gets in: it verifies the room first, then proves itself to that room only.

    1  over whatever answers: Hello -> Challenge; the statement is verified against the genesis
    2  over a channel pinned to the statement's authority: Hello -> Challenge, verified again
    3  Join with fresh keys and evidence that binds them -> Admit

So evidence and keys never reach a peer that was not verified. Nothing is kept between joins.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import grpc

from cleanroom.attestation.evidence import Evidence
from cleanroom.crypto.sealing import Unsealer
from cleanroom.crypto.signing import Ed25519Signer
from cleanroom.errors import AdmissionRefused, StatementRejected
from cleanroom.manifest.genesis import Genesis
from cleanroom.protocol.join import (
    NONCE_LENGTH,
    WORKER_KID,
    Admit,
    Challenge,
    Hello,
    Join,
    WorkerReport,
    join_binding,
    sign_report,
)
from cleanroom.protocol.reattestation import Reattested, reattest_binding
from cleanroom.protocol.statement import TrustedRoom, verify_for_worker
from cleanroom.protocol.work import FromWorker
from cleanroom.wire.channels import attested, bootstrap
from enclave.attester import Attester
from enclave.attester.beside import Beside, nothing_beside, with_devices
from enclave.attester.supply import NOTHING_SUPPLIED, Supply
from enclave.worker.session import Session


@dataclass(frozen=True, slots=True)
class Launch:
    """What this worker was started with; only `genesis` is trusted, the platform measured it."""

    coordinator: str
    """`host:port`; untrusted."""
    genesis: Genesis
    """The only room it works for."""
    role: str
    """An entry under the manifest's `workers`."""
    node_ip: str
    """Where other workers of a gang reach it."""
    attester: Attester = field(repr=False)
    clock: Callable[[], datetime] = field(repr=False)
    """The time, aware."""
    beside: Beside = field(default=nothing_beside, repr=False)
    """The devices that prove themselves along with the machine."""
    supply: Supply = field(default=NOTHING_SUPPLIED, repr=False)
    """What vendors say: applied to the room, and sent along for this machine."""


class Membership:
    """One join: the verified room, this worker's fresh keys, and its open stream."""

    def __init__(
        self,
        room: TrustedRoom,
        channel: grpc.Channel,
        session: Session,
        keys: "JoinKeys",
        shown: Callable[[bytes], Reattested],
    ) -> None:
        self.room = room
        self.shown = shown
        """Fresh evidence for a nonce of the room's, and for this very join."""
        self.channel = channel
        self.session = session
        self.unsealer = keys.unsealer
        self._signer = keys.signer
        self._counter = 0
        self.admit = Admit.from_bytes(session.receive())

    def send(self, message: FromWorker) -> None:
        """Sign the message as this join's next one and send it."""
        self._counter += 1
        report = WorkerReport(
            instance=self.admit.instance, counter=self._counter, message=message.to_bytes()
        )
        self.session.send(sign_report(report, self._signer))

    def close(self) -> None:
        """End the stream and the channel; the keys go with this object."""
        self.session.close()
        self.channel.close()


@dataclass(frozen=True, slots=True)
class JoinKeys:
    """Fresh for each join, in memory only."""

    unsealer: Unsealer
    signer: Ed25519Signer


def join(launch: Launch) -> Membership:
    """Verify the room, then join it.

    Raises:
        NotTrusted: the room is not the one this worker was launched for.
        ApprovalError: not every party has approved its manifest.
        AdmissionRefused: the room does not let this worker in.
        TransportError: nobody answers, or not in time.
    """
    root = _verified_root(launch)
    channel = attested(launch.coordinator, root)
    session = Session(channel, launch.coordinator)
    try:
        return _joined(launch, root, channel, session)
    except BaseException:
        session.close()
        channel.close()
        raise


def _verified_root(launch: Launch) -> bytes:
    """Step 1."""
    with bootstrap(launch.coordinator) as channel:
        session = Session(channel, launch.coordinator)
        try:
            room, _ = _challenged(launch, session)
        finally:
            session.close()
    return room.root_certificate


def _joined(launch: Launch, root: bytes, channel: grpc.Channel, session: Session) -> Membership:
    """Steps 2 and 3."""
    room, (worker_nonce, room_nonce) = _challenged(launch, session)
    if room.root_certificate != root:
        raise StatementRejected("the room shows another authority than a moment ago")
    keys = JoinKeys(Unsealer.generate(), Ed25519Signer.generate(WORKER_KID))
    unproven = Join(
        role=launch.role,
        manifest=room.in_force.manifest.digest,
        worker_nonce=worker_nonce,
        room_nonce=room_nonce,
        node_ip=launch.node_ip,
        seal_key=keys.unsealer.public_key,
        sign_key=keys.signer.public_key,
        evidence=_NO_EVIDENCE,
    )
    attester = _attester(launch, room)
    evidence = attester.collect(join_binding(unproven)).carrying(launch.supply.read())
    proven = _with(unproven, evidence)
    session.send(proven)
    shown = partial(_shown, attester, launch.supply, proven.digest)
    return Membership(room, channel, session, keys, shown)


def _shown(attester: Attester, supply: Supply, join_digest: str, nonce: bytes) -> Reattested:
    evidence = attester.collect(reattest_binding(nonce, join_digest))
    return Reattested(nonce=nonce, evidence=evidence.carrying(supply.read()))


def _attester(launch: Launch, room: TrustedRoom) -> Attester:
    """The machine, with the devices that the room's manifest asks this role for."""
    manifest = room.in_force.manifest
    if launch.role not in manifest.workers:
        raise AdmissionRefused(
            f"the role is {launch.role!r}, expected one of {sorted(manifest.workers)}"
        )
    entries = [manifest.attestation[name] for name in manifest.workers[launch.role].policies]
    return with_devices(launch.attester, launch.beside(entries))


_NO_EVIDENCE = Evidence(platform="sev-snp", report=b"\0", endorsements=[])
"""Stands in a join until its binding is known, which leaves evidence out."""


def _with(unproven: Join, evidence: Evidence) -> Join:
    return Join(**{**dict(unproven), "evidence": evidence})


def _challenged(launch: Launch, session: Session) -> tuple[TrustedRoom, tuple[bytes, bytes]]:
    """Say hello and verify the room's statement; the nonces of both sides."""
    nonce = secrets.token_bytes(NONCE_LENGTH)
    session.send(Hello(role=launch.role, nonce=nonce))
    challenge = Challenge.from_bytes(session.receive())
    room = verify_for_worker(
        challenge.statement,
        launch.genesis,
        nonce=nonce,
        collateral=launch.supply.read(),
        now=launch.clock(),
    )
    return room, (nonce, challenge.nonce)
