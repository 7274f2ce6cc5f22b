"""Each service over real gRPC and TLS, used as it should be; misuse is in `tests/attacks`."""

import secrets
import threading

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from cleanroom.attestation.collateral import Collateral
from cleanroom.crypto.envelope import Envelope
from cleanroom.encoding import content_digest
from cleanroom.errors import ManifestConflict, PortTaken, RunUnknown, Usage
from cleanroom.ledger.checkpoint import open_checkpoint
from cleanroom.ledger.entry import Entry
from cleanroom.ledger.tree import verify_consistency, verify_inclusion
from cleanroom.protocol.statement import Statement, verify_for_party
from cleanroom.protocol.work import (
    Check,
    Credentials,
    Failed,
    Order,
    Progress,
    Provision,
    Ready,
    Renewed,
    Stop,
    token_context,
)
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2_grpc as rpc
from tests.support.gangs import equip
from tests.support.rooms import call, clock, coordinator, room_manifest


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """An active room with a version of each dataset; shared by the tests that only read."""
    with coordinator(tmp_path_factory.mktemp("room")) as running:
        running.bank, running.shop = running.fill()
        yield running


def test_the_server_says_that_it_is_healthy(room):
    stub = health_pb2_grpc.HealthStub(room.anybody())
    answer = call(stub.Check, health_pb2.HealthCheckRequest())
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_a_statement_holds_for_a_party_and_extends_what_it_remembers(room):
    trust = rpc.TrustStub(room.anybody())
    heads, nonce = [], secrets.token_bytes(32)
    remembered = None
    for _ in range(2):
        asked = pb.StatementRequest(
            nonce=nonce, remembered_size=remembered.size if remembered else 0
        )
        reply = call(trust.GetStatement, asked)
        trusted = verify_for_party(
            Statement.from_bytes(reply.statement),
            room.manifest,
            nonce=nonce,
            remembered=remembered,
            consistency=list(reply.consistency),
            allow_simulated=True,
            collateral=Collateral(),
            now=clock(),
        )
        heads.append(trusted.head.size)
        remembered = trusted.head
        with room.worker():
            pass
    assert heads[1] > heads[0]


def test_a_nonce_of_another_length_is_refused(room):
    with pytest.raises(Usage, match="expected 32"):
        room.statement(b"short")


def test_a_longer_log_than_the_rooms_has_no_proof(room):
    asked = pb.StatementRequest(nonce=bytes(32), remembered_size=1_000_000)
    assert list(call(rpc.TrustStub(room.anybody()).GetStatement, asked).consistency) == []


def test_the_tally_tells_who_is_missing(tmp_path):
    with coordinator(tmp_path, propose=False) as waiting:
        governance = rpc.GovernanceStub(waiting.anybody())
        assert call(governance.GetTally, pb.Nothing()).phase == "waiting"
        tally = waiting.propose("bank")
        assert (tally.phase, tally.approved, tally.missing) == ("proposed", ["bank"], ["shop"])
        other = room_manifest(metadata__purpose="Something else.")
        with pytest.raises(ManifestConflict):
            waiting.propose(manifest=other)
        tally = waiting.propose("shop")
        assert (tally.phase, list(tally.missing)) == ("active", [])


def test_versions_are_listed(room):
    listed = room.bank.call(rpc.DatasetsStub(room.bank.channel).GetVersions, pb.Nothing())
    assert [(one.dataset, one.owner) for one in listed.versions] == [
        ("customers", "bank"),
        ("baskets", "shop"),
    ]


def test_a_blob_goes_up_and_down(room):
    content = secrets.token_bytes(3_000_000)
    status = room.bank.upload(content)
    assert (status.stored, status.complete) == (len(content), True)
    assert room.shop.fetch(content_digest(content)) == content
    assert room.bank.upload(content).complete


def test_an_upload_resumes(room):
    content = secrets.token_bytes(3_000_000)
    digest = content_digest(content)
    first = room.bank.upload(content[:1_000_000], digest=digest, size=len(content))
    assert (first.stored, first.complete) == (1_000_000, False)
    stat = room.bank.call(rpc.BlobsStub(room.bank.channel).Stat, pb.BlobRequest(digest=digest))
    assert stat.stored == 1_000_000
    assert room.bank.upload(content, offset=stat.stored).complete


def test_the_log_proves_itself(room):
    log, bank = rpc.LogStub(room.bank.channel), room.bank
    envelope = Envelope.from_bytes(bank.call(log.GetCheckpoint, pb.Nothing()).record)
    head = open_checkpoint(envelope, bank.trusted.sign_key)
    entries = bank.call(log.GetEntries, pb.EntriesRequest(start=0, end=head.size)).records
    assert [Entry.from_bytes(raw).sequence for raw in entries] == list(range(head.size))
    for index, raw in enumerate(entries):
        asked = pb.InclusionRequest(index=index, size=head.size)
        verify_inclusion(
            raw, index, head.size, list(bank.call(log.GetInclusion, asked).path), head.root
        )
    seen = bank.trusted.head
    asked = pb.ConsistencyRequest(first=seen.size, second=head.size)
    proof = list(bank.call(log.GetConsistency, asked).path)
    assert verify_consistency(seen.size, seen.root, head.size, head.root, proof) == head.size


def test_a_lease_is_renewed(room):
    with room.worker() as worker:
        assert worker.renew() == Renewed(lease_s=600)


def test_progress_is_watched_and_failure_ends_the_watch(room):
    with room.worker() as worker:
        run = room.bank.submit().run
        order = worker.next()
        worker.report(Progress(run=run, stage="compute", percent=40))
        worker.report(Failed(run=order.run, code="CR-6008"))
        told = room.shop.watch(run)
        assert ("running", "compute", 40) in [(e.phase, e.stage, e.percent) for e in told]
        assert (told[-1].phase, told[-1].code) == ("failed", "CR-6008")
        assert worker.next() == Stop(run=run)
        assert room.shop.watch(run, after=told[-1].sequence) == told[-1:]


def test_a_cancelled_run_stops_its_worker(room):
    with room.worker() as worker:
        run = room.bank.submit().run
        assert isinstance(worker.next(), Order)
        cancelled = room.bank.call(room.bank.runs.Cancel, pb.RunRequest(run=run))
        assert b"aborted" in cancelled.record
        assert worker.next() == Stop(run=run)
        worker.report(Failed(run=run, code="CR-6005"))
        assert isinstance(worker.renew(), Renewed)


def test_the_same_request_sent_twice_is_one_run(room):
    request = room.bank.request()
    first, second = room.bank.send(request), room.bank.send(request)
    assert first.run == second.run
    room.bank.call(room.bank.runs.Cancel, pb.RunRequest(run=first.run))


def test_runs_are_listed_newest_first(room):
    names = [room.bank.submit().run for _ in range(2)]
    listed = room.shop.call(room.shop.runs.List, pb.Nothing()).records
    assert [name for raw in listed for name in names if name.encode() in raw] == names[::-1]
    for name in names:
        room.bank.call(room.bank.runs.Cancel, pb.RunRequest(run=name))


def test_there_is_no_output_or_receipt_before_the_release(room):
    run = room.bank.submit().run
    with pytest.raises(RunUnknown, match="no such released output"):
        room.bank.result_key(run, "size")
    with pytest.raises(RunUnknown, match="not released"):
        room.bank.receipt(run)
    room.bank.call(room.bank.runs.Cancel, pb.RunRequest(run=run))


def test_many_workers_are_admitted_at_once(tmp_path):
    with coordinator(tmp_path, room_manifest(workers__cpu__max_live=20)) as wide:
        workers, threads = [], []
        for _ in range(20):
            threads.append(threading.Thread(target=lambda: workers.append(wide.worker())))
            threads[-1].start()
        for thread in threads:
            thread.join()
        assert len({worker.instance for worker in workers}) == 20
        for worker in workers:
            worker.leave()


def test_a_gang_gets_credentials_then_orders(tmp_path):
    manifest = room_manifest(computations__overlap__workers__count=2)
    with coordinator(tmp_path, manifest) as wide:
        bank, shop = wide.party("bank"), wide.party("shop")
        bank.add("customers", key=b"c" * 32)
        shop.add("baskets")
        with wide.worker(node_ip="127.0.0.2") as head, wide.worker(node_ip="127.0.0.3") as second:
            run = bank.submit().run
            assert [worker.next() for worker in (head, second)] == [
                Provision(run=run, node=0, nodes=2),
                Provision(run=run, node=1, nodes=2),
            ]
            keys = {worker: equip(worker, run) for worker in (head, second)}
            issued = {worker: worker.next() for worker in (head, second)}
            assert all(isinstance(one, Credentials) for one in issued.values())
            tokens = {
                worker.unsealer.open(one.sealed_token, context=token_context(run, worker.instance))
                for worker, one in issued.items()
            }
            assert len(tokens) == 1
            assert len(next(iter(tokens))) == 32
            assert [peer.node_ip for peer in issued[head].gang] == ["127.0.0.2", "127.0.0.3"]
            assert [peer.port_base for peer in issued[head].gang] == [7100, 7100]
            for worker in (head, second):
                worker.report(Ready(run=run, preflight=[Check(item="swap", passed=True)]))
            orders = [worker.next() for worker in (head, second)]
            for worker, order in zip((head, second), orders, strict=True):
                assert worker.keys(order)["left"] == b"c" * 32
            head.finish(orders[0])
            assert bank.watch(run)[-1].phase == "released"
            assert len(keys) == 2


def test_a_port_that_is_taken_is_told(tmp_path, room):
    with (
        pytest.raises(PortTaken, match="is taken"),
        coordinator(tmp_path, listen=room.address),
    ):
        pytest.fail("two coordinators listen at one address")


def test_a_method_that_does_not_exist_is_unimplemented(room):
    method = room.anybody().unary_unary("/cleanroom.v1.Trust/Nothing")
    with pytest.raises(grpc.RpcError) as caught:
        method(b"", timeout=5)
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
