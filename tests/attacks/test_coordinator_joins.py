"""Something that is not an attested worker of this room tries to become one, or one lies."""

import pytest

from cleanroom.crypto.signing import Ed25519Signer
from cleanroom.encoding import content_digest
from cleanroom.errors import (
    AdmissionRefused,
    AppraisalFailed,
    ApprovalMissing,
    BindingMismatch,
    CallerRefused,
    EvidenceRejected,
    RecordMalformed,
    RunUnknown,
    SignatureInvalid,
    StatementRejected,
)
from cleanroom.protocol.join import WORKER_KID, Hello
from cleanroom.protocol.work import Failed, Finished, Order, Renew, Renewed
from tests.support.platform import MEASUREMENT
from tests.support.rooms import FakeWorker, coordinator, room_manifest
from tests.support.workers import live_platform

RUN = "r-0000000000000000"


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """An active room with both datasets."""
    with coordinator(tmp_path_factory.mktemp("room")) as running:
        running.bank, running.shop = running.fill()
        yield running


@pytest.fixture
def worker(room):
    """A worker that has not joined."""
    with FakeWorker(room) as candidate:
        yield candidate


def test_a_recorded_join_admits_nobody_again(room, worker):
    first = FakeWorker(room)
    recorded = first.proof(first.hello())
    first.present(recorded)
    first.leave()
    worker.hello()
    with pytest.raises(AdmissionRefused, match="another conversation"):
        worker.present(recorded)


def test_a_recorded_evidence_with_new_nonces_is_not_bound(room, worker):
    first = FakeWorker(room)
    recorded = first.proof(first.hello())
    first.leave()
    challenge = worker.hello()
    with pytest.raises(BindingMismatch):
        worker.present(worker.proof(challenge, evidence=recorded.evidence))


def test_the_coordinators_own_evidence_is_no_workers(worker):
    """Reflection: the statement's evidence is sent back as a join's."""
    challenge = worker.hello()
    with pytest.raises(BindingMismatch):
        worker.present(worker.proof(challenge, evidence=challenge.statement.evidence))


@pytest.mark.parametrize("field", ["seal_key", "sign_key", "node_ip"])
def test_what_the_evidence_does_not_name_is_not_admitted(room, worker, field):
    """Keys or address are exchanged on the way, after the evidence was made."""
    other = FakeWorker(room, node_ip="10.9.9.9")
    changed = {
        "seal_key": other.unsealer.public_key,
        "sign_key": other.signer.public_key,
        "node_ip": other.node_ip,
    }[field]
    challenge = worker.hello()
    with pytest.raises(BindingMismatch):
        worker.present(worker.proof(challenge, **{field: changed}))


def test_another_image_is_refused(room):
    attester = room.platform.attester(b"\xee" * 48, room.genesis.digest)
    with FakeWorker(room, attester=attester) as changed:
        challenge = changed.hello()
        with pytest.raises(AppraisalFailed, match="worker-snp"):
            changed.present(changed.proof(challenge))


def test_a_worker_launched_for_another_room_is_refused(room):
    attester = room.platform.attester(MEASUREMENT, b"\x11" * 32)
    with FakeWorker(room, attester=attester) as foreign:
        challenge = foreign.hello()
        with pytest.raises(AppraisalFailed):
            foreign.present(foreign.proof(challenge))


def test_a_machine_under_another_root_is_refused(room):
    attester = live_platform().attester(MEASUREMENT, room.genesis.digest)
    with FakeWorker(room, attester=attester) as fake:
        challenge = fake.hello()
        with pytest.raises(EvidenceRejected, match="trusted here"):
            fake.present(fake.proof(challenge))


@pytest.mark.parametrize(
    ("scenario", "error"),
    [
        ("debug", AppraisalFailed),
        ("old-tcb", AppraisalFailed),
        ("wrong-binding", BindingMismatch),
        ("masked-chip", EvidenceRejected),
    ],
)
def test_an_unfit_machine_is_refused(room, scenario, error):
    attester = room.platform.attester(MEASUREMENT, room.genesis.digest, "Genoa", scenario)
    with FakeWorker(room, attester=attester) as unfit:
        challenge = unfit.hello()
        with pytest.raises(error):
            unfit.present(unfit.proof(challenge))


def test_another_role_than_the_one_asked_for_is_refused(worker):
    challenge = worker.hello()
    with pytest.raises(AdmissionRefused, match="another conversation"):
        worker.present(worker.proof(challenge, role="gpu"))


def test_an_unknown_role_gets_no_challenge(room):
    with FakeWorker(room, "gpu") as unknown, pytest.raises(AdmissionRefused, match="'gpu'"):
        unknown.hello()


def test_a_join_for_another_manifest_is_refused(room, worker):
    worker.room = room.__class__(
        room.address,
        room_manifest(metadata__purpose="Other."),
        room.genesis,
        room.platform,
        room.directory,
    )
    challenge = worker.hello()
    with pytest.raises(AdmissionRefused, match="this manifest"):
        worker.present(worker.proof(challenge))


def test_a_worker_before_the_manifest_is_active_is_refused(tmp_path):
    with coordinator(tmp_path, propose=False) as waiting:
        waiting.propose("bank")
        with FakeWorker(waiting) as early, pytest.raises(StatementRejected, match="proposed"):
            early.hello()
        blind = FakeWorker(waiting)
        blind.connect = lambda: connect_blindly(blind)
        with blind, pytest.raises(ApprovalMissing):
            blind.hello()


def connect_blindly(worker):
    """Open the stream without looking at the statement, as only an attacker would."""
    from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2_grpc as rpc

    stub = rpc.WorkersStub(worker.room.anybody())
    worker._incoming = stub.Session(iter(worker._outgoing.get, None), timeout=60.0)


def test_a_report_without_a_join_is_refused(worker):
    """A stranger asks for a run's keys without ever proving anything."""
    worker.connect()
    worker.admit = type("Nobody", (), {"instance": "w-0000000000000000"})()
    worker.report(Renew())
    with pytest.raises(RecordMalformed, match="Hello"):
        worker.next()


def test_a_report_in_place_of_a_join_is_refused(worker):
    worker.hello()
    worker.admit = type("Nobody", (), {"instance": "w-0000000000000000"})()
    worker.report(Renew())
    with pytest.raises(RecordMalformed, match="Join"):
        worker.next()


def test_a_second_hello_is_no_join(worker):
    worker.hello()
    worker.say(Hello(role="cpu", nonce=bytes(32)).to_bytes())
    with pytest.raises(RecordMalformed, match="Join"):
        worker.hear()


@pytest.mark.parametrize("skip", [1, -1, 5])
def test_a_report_out_of_sequence_ends_the_session(worker, skip):
    worker.join()
    assert isinstance(worker.renew(), Renewed)
    worker.report(Renew(), skip=skip)
    with pytest.raises(CallerRefused, match="out of sequence"):
        worker.next()


def test_a_replayed_report_ends_the_session(worker):
    worker.join()
    envelope = worker.report(Renew())
    worker.next()
    worker.say(envelope.to_bytes())
    with pytest.raises(CallerRefused, match="message 1"):
        worker.next()


def test_a_report_under_another_key_ends_the_session(worker):
    worker.join()
    worker.report(Renew(), signer=Ed25519Signer.generate(WORKER_KID))
    with pytest.raises(SignatureInvalid):
        worker.next()


def test_a_report_in_anothers_name_ends_the_session(room, worker):
    worker.join()
    with room.worker() as other:
        worker.admit = other.admit
        worker.report(Renew())
        with pytest.raises(CallerRefused, match="expected 1 of"):
            worker.next()
        assert isinstance(other.renew(), Renewed)


def test_a_worker_does_not_end_anothers_run(room, worker):
    with room.worker() as honest:
        run = room.bank.submit().run
        order = honest.next()
        assert isinstance(order, Order)
        worker.join()
        worker.report(Failed(run=run, code="CR-6005"))
        with pytest.raises(CallerRefused, match="not in the gang"):
            worker.next()
        honest.finish(order)
        assert room.bank.watch(run)[-1].phase == "released"


def test_a_report_about_an_unknown_run_ends_the_session(worker):
    worker.join()
    worker.report(Failed(run=RUN, code="CR-6005"))
    with pytest.raises(RunUnknown):
        worker.next()


def test_a_worker_that_lies_is_lost_and_its_run_with_it(room, worker):
    worker.join()
    run = room.bank.submit().run
    worker.next()
    worker.report(Renew(), skip=3)
    assert (room.bank.watch(run)[-1].code) == "CR-6003"


# --- gate two -------------------------------------------------------------------------------------


def delivered(room, worker, bend):
    """Run to the report, bend the outputs, and give the run's last event."""
    worker.join()
    run = room.bank.submit().run
    order = worker.next()
    outputs = bend(worker, order, worker.results(order))
    worker.report(Finished(run=run, outputs=outputs))
    return room.bank.watch(run)[-1]


def test_a_result_that_was_never_stored_is_withheld(room, worker):
    def bend(worker, order, honest):
        sealed, _ = worker.sealed(order, "size", "bank", b"never stored")
        return [sealed, *[one for one in honest if one.output.recipient != "bank"]]

    last = delivered(room, worker, bend)
    assert (last.phase, last.code) == ("refused", "CR-6005")


def test_a_result_for_nobody_who_was_signed_for_is_withheld(room, worker):
    def bend(_worker, _order, honest):
        return [
            one.model_copy(
                update={"output": one.output.model_copy(update={"recipient": "stranger"})}
            )
            for one in honest
        ]

    assert delivered(room, worker, bend).phase == "refused"


def test_a_key_of_another_recipients_result_is_withheld(room, worker):
    """The worker swaps the sealed keys of two recipients."""

    def bend(_worker, _order, honest):
        first, second = honest
        return [
            first.model_copy(update={"sealed_key": second.sealed_key}),
            second.model_copy(update={"sealed_key": first.sealed_key}),
        ]

    last = delivered(room, worker, bend)
    assert (last.phase, last.code) == ("refused", "CR-3008")


def test_a_result_of_another_size_is_withheld(room, worker):
    def bend(_worker, _order, honest):
        longer = honest[0].output.model_copy(update={"size": honest[0].output.size + 1})
        return [honest[0].model_copy(update={"output": longer}), *honest[1:]]

    assert delivered(room, worker, bend).phase == "refused"


def test_a_result_key_is_of_no_use_to_another_party(room, worker):
    worker.join()
    run = room.bank.submit().run
    worker.finish(worker.next())
    room.bank.watch(run)
    from cleanroom.errors import SealBroken
    from cleanroom.protocol.run import Delivery
    from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb
    from tests.support.manifests import unsealer

    asked = pb.OutputRequest(run=run, output="size")
    raw = room.bank.call(room.bank.runs.GetOutput, asked).record
    delivery = Delivery.from_bytes(raw)
    assert delivery.output.recipient == "bank"
    with pytest.raises(SealBroken):
        unsealer("shop").open(delivery.sealed_key, context=b"any")
    assert content_digest(raw)
