"""What a hundred workers cost the coordinator: from the bytes of a hello to those of an admission.

The coordinator's own code, state and journal, in this process and without the network: it reads the
hello, proves itself (a statement with evidence), reads the join, verifies and appraises the
evidence under the role's entry, commits the event and writes the answer. Each worker has keys and a
certificate of its own, so nothing about a machine is known before; vendors' roots are. Counted is
processor time of the coordinator's part alone; what workers compute is not.

On hardware the processor signs the statement's evidence; here the simulator signs it, which is
counted apart. A worker opens two streams, and each asks for a statement: both are counted.
"""

import secrets
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from cleanroom.crypto.sealing import Unsealer
from cleanroom.crypto.signing import Ed25519Signer
from cleanroom.manifest.genesis import Genesis
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.join import (
    NONCE_LENGTH,
    WORKER_KID,
    Challenge,
    Hello,
    Join,
    join_binding,
)
from enclave.attester import Attester
from enclave.attester.supply import Supply
from enclave.coordinator.admission import admit, challenge
from enclave.coordinator.blobs import Blobs
from enclave.coordinator.callers import Callers
from enclave.coordinator.engine import Engine
from enclave.coordinator.events import Proposed
from enclave.coordinator.journal import Journal
from enclave.coordinator.leases import Leases
from enclave.coordinator.outboxes import Stream
from enclave.coordinator.performing import Performer
from tests.support import platform
from tests.support.manifests import approvals, good_manifest

WORKERS = 100
Guest = Callable[[bytes], Attester]
"""Starts a machine for a genesis digest."""


def admissions() -> dict[str, dict[str, float]]:
    """Processor milliseconds of a hundred admissions on each platform."""
    snp, tdx = platform.simulated_platform(), platform.simulated_tdx()
    return {
        "sev-snp": _hundred(
            platform.good_policy().to_plain(),
            lambda genesis: snp.attester(platform.MEASUREMENT, genesis),
        ),
        "tdx": _hundred(
            platform.good_tdx_policy().to_plain(),
            lambda genesis: tdx.attester(platform.MEASUREMENT, genesis),
        ),
    }


def _hundred(entry: dict[str, object], guest: Guest) -> dict[str, float]:
    settings = {"attestation__worker-snp": entry, "workers__cpu__max_live": WORKERS}
    manifest = good_manifest(platform.good_policy().to_plain(), **settings)
    genesis = Genesis.of(manifest)
    with tempfile.TemporaryDirectory() as directory:
        engine = _room(Path(directory), manifest, genesis)
        spent = [_one(engine, manifest, guest(genesis.digest)) for _ in range(WORKERS)]
        admitted = len(engine.room.workers)
        signing = _signing(genesis)
        engine.close()
    if admitted != WORKERS:
        raise RuntimeError(f"{admitted} workers were admitted, expected {WORKERS}")
    statements, verified = (sum(column) for column in zip(*spent, strict=True))
    return {
        "admission_ms": round(verified, 1),
        "statements_ms": round(statements, 1),
        "of_which_simulator_ms": round(2 * WORKERS * signing, 1),
    }


def _room(directory: Path, manifest: Manifest, genesis: Genesis) -> Engine:
    attester = platform.simulated_platform().attester(platform.MEASUREMENT, genesis.digest)
    journal = Journal.open(directory, genesis, attester.derive_key, platform.NOW)
    blobs, leases = Blobs(directory / "blobs"), Leases(time.monotonic)
    evidence = Leases(time.monotonic)
    performer = Performer(journal.keys, blobs, Callers(time.monotonic), leases, evidence)
    engine = Engine(
        journal,
        attester,
        performer,
        supply=Supply(None),
        clock=lambda: platform.NOW,
        on_death=lambda: None,
    )
    engine.boot()
    proposed = approvals(manifest)
    engine.apply(lambda at: Proposed(at=at, manifest=manifest.to_bytes(), approvals=proposed))
    return engine


def _one(engine: Engine, manifest: Manifest, machine: Attester) -> tuple[float, float]:
    """Processor milliseconds of both statements, and of the admission."""
    hello = Hello(role="cpu", nonce=secrets.token_bytes(NONCE_LENGTH)).to_bytes()
    start = time.process_time()
    for _ in range(2):
        asked = Hello.from_bytes(hello)
        given = challenge(engine, asked)
        given.to_bytes()
    statements = time.process_time() - start
    joining = _join(manifest, machine, asked, given)
    start = time.process_time()
    admit(engine, asked, given, Join.from_bytes(joining), Stream()).to_bytes()
    return statements * 1000, (time.process_time() - start) * 1000


def _join(manifest: Manifest, machine: Attester, asked: Hello, given: Challenge) -> bytes:
    """What the worker sends; its own time."""
    parts = {
        "role": asked.role,
        "manifest": manifest.digest,
        "worker_nonce": asked.nonce,
        "room_nonce": given.nonce,
        "node_ip": "127.0.0.2",
        "seal_key": Unsealer.generate().public_key,
        "sign_key": Ed25519Signer.generate(WORKER_KID).public_key,
    }
    unproven = Join(**parts, evidence=platform.good_evidence())
    return Join(**parts, evidence=machine.collect(join_binding(unproven))).to_bytes()


def _signing(genesis: Genesis) -> float:
    """Processor milliseconds of one piece of simulated evidence."""
    attester = platform.simulated_platform().attester(platform.MEASUREMENT, genesis.digest)
    start = time.process_time()
    for _ in range(50):
        attester.collect(platform.BINDING)
    return (time.process_time() - start) * 1000 / 50
