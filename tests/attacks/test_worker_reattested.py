"""A worker was good when it joined; what is it now? It is asked, and somebody would rather not say.

The room asks over the open stream, with a fresh nonce, for evidence that names the worker's whole
join. The host can hold the answer back, send an older one, or let another machine answer.
"""

import re
import secrets
import threading
from contextlib import contextmanager
from datetime import timedelta

import pytest

from cleanroom.attestation.collateral import Collateral
from cleanroom.errors import (
    AdmissionRefused,
    AppraisalFailed,
    BindingMismatch,
    CleanroomError,
    EvidenceRejected,
    RecordMalformed,
    SignatureInvalid,
)
from cleanroom.ledger.entry import Entry
from cleanroom.protocol.join import WORKER_KID
from cleanroom.protocol.reattestation import Reattest, Reattested, reattest_binding
from cleanroom.protocol.work import Order, Renew, Renewed
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2_grpc as rpc
from enclave.coordinator import admission, engine
from enclave.worker.main import serve
from tests.support.collateral import bundle_file
from tests.support.platform import MEASUREMENT
from tests.support.rooms import FakeWorker, clock, coordinator, room_manifest, room_platform

AT_ONCE = 0
"""Evidence is due at the next look at the clock."""
REATTESTED = {"workers__cpu__reattest_s": 3600}


@contextmanager
def asking(directory, *, due_s=AT_ONCE, **changes):
    """A room that asks its workers for fresh evidence as soon as they are there, or after this."""
    manifest = room_manifest(room_platform(), **(REATTESTED | changes))
    crl = room_platform().revocations((), clock() - timedelta(hours=1))
    file = bundle_file(directory / "bundle.json", Collateral(amd_crls=[crl]), clock())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            admission,
            "_schedule",
            lambda room, instance, _role: room.performer.evidence.renew(instance, due_s),
        )
        with coordinator(directory / "room", manifest, collateral=file) as room:
            room.bundle = file
            yield room


@contextmanager
def joined(room):
    """A worker that was let in, and has heard that it is asked."""
    with FakeWorker(room) as worker:
        worker.proven = worker.proof(worker.hello())
        worker.present(worker.proven)
        asked = worker.next()
        assert isinstance(asked, Reattest)
        worker.asked = asked.nonce
        yield worker


def answer(worker, *, nonce=None, about=None, attester=None):
    """What a worker shows; honest unless it is told otherwise."""
    nonce = nonce or worker.asked
    about = about or worker.proven.digest
    evidence = (attester or worker.attester).collect(reattest_binding(nonce, about))
    return Reattested(nonce=nonce, evidence=evidence)


def heard(worker):
    """All that the room still says, and why it ends the stream."""
    messages = []
    try:
        while True:
            messages.append(worker.next())
    except CleanroomError as ended:
        return messages, ended


def assert_out(worker, error, match):
    """The room ends the worker's stream; nothing is granted to it any more."""
    messages, ended = heard(worker)
    assert isinstance(ended, error), ended
    assert re.search(match, ended.message)
    assert not [message for message in messages if isinstance(message, Order)]


def kinds(party):
    """What the log says, by kind."""
    stub = rpc.LogStub(party.channel)
    records = party.call(stub.GetEntries, pb.EntriesRequest(start=0, end=1000)).records
    return [Entry.from_bytes(each).content.kind for each in records]


def test_honest_answer_is_taken_and_logged(tmp_path):
    with asking(tmp_path) as room, joined(room) as worker:
        worker.report(answer(worker))
        assert isinstance(worker.next(), Reattest)
        assert kinds(room.party("bank"))[-2:] == ["worker-admitted", "worker-reattested"]


def test_answer_recorded_from_an_earlier_time(tmp_path):
    """The machine has changed since; the host sends what it said before."""
    with asking(tmp_path) as room, joined(room) as worker:
        recorded = answer(worker)
        worker.report(recorded)
        asked = worker.next()
        assert isinstance(asked, Reattest)
        worker.report(recorded)
        assert_out(worker, AdmissionRefused, "was not asked for")


def test_recorded_evidence_under_the_new_nonce(tmp_path):
    with asking(tmp_path) as room, joined(room) as worker:
        old = answer(worker, nonce=secrets.token_bytes(32))
        worker.report(Reattested(nonce=worker.asked, evidence=old.evidence))
        assert_out(worker, BindingMismatch, "")


def test_evidence_of_the_join_shown_again(tmp_path):
    with asking(tmp_path) as room, joined(room) as worker:
        worker.report(Reattested(nonce=worker.asked, evidence=worker.proven.evidence))
        assert_out(worker, BindingMismatch, "")


def test_another_attested_worker_answers_with_its_own_keys(tmp_path):
    """A good machine somewhere, but not the one that holds the keys of this join."""
    with asking(tmp_path) as room, joined(room) as worker, joined(room) as other:
        worker.report(answer(worker, about=other.proven.digest))
        assert_out(worker, BindingMismatch, "")


def test_answer_that_the_joins_key_did_not_sign(tmp_path):
    from cleanroom.crypto.signing import Ed25519Signer

    with asking(tmp_path) as room, joined(room) as worker:
        worker.report(answer(worker), signer=Ed25519Signer.generate(WORKER_KID))
        assert_out(worker, SignatureInvalid, "")


def test_machine_that_runs_another_image_by_now(tmp_path):
    with asking(tmp_path) as room, joined(room) as worker:
        patched = room.platform.attester(b"\xee" * 48, room.genesis.digest)
        worker.report(answer(worker, attester=patched))
        assert_out(worker, AppraisalFailed, "measurement")


def test_machine_that_was_revoked_by_now(tmp_path):
    with asking(tmp_path) as room, joined(room) as worker:
        crl = room.platform.revocations(("SEV-Genoa",), clock())
        bundle_file(room.bundle, Collateral(amd_crls=[crl]), clock())
        worker.report(answer(worker))
        assert_out(worker, EvidenceRejected, "SEV-Genoa is revoked by its root")


def test_answer_is_held_back(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "ANSWER_S", 1)
    with asking(tmp_path) as room, joined(room) as worker:
        assert isinstance(worker.renew(), Renewed)
        assert_out(worker, AdmissionRefused, "the lease of .* has ended")
        assert kinds(room.party("bank"))[-2:] == ["worker-admitted", "worker-left"]


def test_worker_that_owes_an_answer_for_too_long_gets_no_keys(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "ANSWER_S", 1)
    with asking(tmp_path) as room, joined(room) as worker:
        bank, _ = room.fill()
        assert_out(worker, AdmissionRefused, r"the lease of .* has ended")
        assert bank.view(bank.submit("matches").run).phase == "submitted"


def test_lease_goes_on_with_evidence_that_is_too_old(tmp_path, monkeypatch):
    """The host never asks, because it holds the room's timer back; the age is looked at anyway."""
    changes = {"workers__cpu__reattest_s": 10, "workers__cpu__max_evidence_age_s": 11}
    with asking(tmp_path, due_s=3600, **changes) as room, FakeWorker(room) as worker:
        worker.present(worker.proof(worker.hello()))
        assert isinstance(worker.renew(), Renewed)
        monkeypatch.setattr(engine.Engine, "now", lambda _: clock() + timedelta(seconds=12))
        worker.report(Renew())
        assert_out(worker, AdmissionRefused, "expected none older than 11 s")


def test_true_worker_answers_by_itself(tmp_path):
    """The program that runs in the guest, asked twice."""
    with asking(tmp_path, due_s=0.5) as room:
        stop, ready = threading.Event(), threading.Event()
        attester = room.platform.attester(MEASUREMENT, room.genesis.digest)
        arguments = (room.address, room.genesis, "cpu", attester, tmp_path / "worker", "127.0.0.9")
        thread = threading.Thread(
            target=serve, args=(*arguments, stop, lambda _: ready.set()), name="worker"
        )
        thread.start()
        try:
            assert ready.wait(30)
            bank = room.party("bank")
            while kinds(bank).count("worker-reattested") < 2:
                assert thread.is_alive()
        finally:
            stop.set()
            thread.join(30)


def test_answer_without_a_nonce_of_the_right_size():
    with pytest.raises(RecordMalformed):
        Reattested.from_plain({"kind": "reattested", "nonce": "", "evidence": {}})
