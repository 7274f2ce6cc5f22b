"""The SDK against the real coordinator: from two identities to a result and a verified receipt."""

import io
import threading
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cleanroom.client.receipts import Receipt, verify_receipt
from cleanroom.client.room import connect
from cleanroom.errors import (
    ApprovalMissing,
    DataMismatch,
    LimitReached,
    MachineUnfit,
    ParameterOutOfRange,
    ReceiptInvalid,
    RunCancelled,
    SealBroken,
    SimulationRefused,
    StatementRejected,
    Usage,
    WorkerLost,
)
from cleanroom.ledger.entry import DatasetAdded, RunReleased
from cleanroom.protocol.work import Finished, Order, Progress
from tests.support.hostile_room import identity_of
from tests.support.rooms import clock, coordinator, room_approvals, room_manifest
from tests.support.workers import baskets, customers

PARTIES = ("bank", "shop")


def enter(room, directory, party="bank", **choices):
    """The SDK's way into the room for one party, with a memory of its own."""
    own = directory / party
    own.mkdir(exist_ok=True)
    return connect(
        choices.pop("manifest", room.manifest),
        identity=identity_of(party),
        coordinator=room.address,
        directory=own,
        **{"allow_simulated": True, "patience_s": 20.0} | choices,
    )


@contextmanager
def both(room, directory):
    with enter(room, directory) as bank, enter(room, directory, "shop") as shop:
        yield bank, shop


def bring(bank, shop):
    bank.add("customers", customers(0, 300))
    shop.add("baskets", baskets(100, 300))


def counted(overlap: int) -> bytes:
    """What a worker writes for a count."""
    sink = io.BytesIO()
    table = pa.table({"overlap": pa.array([overlap], pa.int64())})
    pq.write_table(
        table,
        sink,
        compression="none",
        use_dictionary=False,
        write_statistics=False,
        store_schema=False,
    )
    return sink.getvalue()


def works(worker, content, progress=()):
    """Take one order and deliver these bytes; returns the order."""
    order = worker.next()
    assert isinstance(order, Order)
    for percent in progress:
        worker.report(Progress(run=order.run, stage="compute", percent=percent))
    worker.report(Finished(run=order.run, outputs=worker.results(order, content)))
    return order


@contextmanager
def working(room, content, progress=()):
    """A worker that takes one order in the background."""
    with room.worker() as worker:
        thread = threading.Thread(target=works, args=(worker, content, progress))
        thread.start()
        yield worker
        thread.join(20)


@pytest.fixture
def room(tmp_path):
    with coordinator(tmp_path / "room") as running:
        yield running


def test_the_whole_way_from_data_to_a_receipt(room, tmp_path):
    with both(room, tmp_path) as (bank, shop):
        bring(bank, shop)
        with working(room, counted(200), (10, 90)):
            run = bank.run("overlap")
            events = list(run.watch())
            result = run.result()
        theirs = shop.runs()[0].result()
        log = bank.log()
    assert [event.phase for event in events][-1] == "released"
    assert result.table.to_pydict() == {"overlap": [200]} == theirs.table.to_pydict()
    assert result.receipt.verify(room.manifest).predicate.run == run.id
    kinds = [type(entry.content) for entry in log.entries]
    assert kinds.count(DatasetAdded) == 2
    assert RunReleased in kinds


def test_a_result_is_saved_shown_and_turned_into_pandas(room, tmp_path):
    with both(room, tmp_path) as (bank, shop):
        bring(bank, shop)
        with working(room, counted(200)):
            result = bank.run("overlap").result()
    saved = result.save(tmp_path / "overlap.parquet")
    assert saved.stat().st_mode & 0o777 == 0o600
    assert pq.read_table(saved).to_pydict() == {"overlap": [200]}
    assert result.save(tmp_path / "overlap.csv").read_text() == '"overlap"\n200\n'
    assert result.to_pandas()["overlap"].tolist() == [200]
    assert result.plot().axes
    assert "<td>200</td>" in result._repr_mimebundle_()["text/html"]
    assert not result.suppressed
    with pytest.raises(Usage, match="exists already"):
        result.save(saved)
    with pytest.raises(Usage, match=r"in .parquet or .csv"):
        result.save(tmp_path / "overlap.xlsx")


def test_a_receipt_is_kept_and_verifies_from_a_file_without_the_room(tmp_path):
    with coordinator(tmp_path / "room") as room, both(room, tmp_path) as (bank, shop):
        bring(bank, shop)
        with working(room, counted(200)):
            run = bank.run("overlap")
            run.result()
        manifest = room.manifest
    kept = tmp_path / "bank" / ".cleanroom" / "receipts" / f"{run.id}.json"
    verified = verify_receipt(kept, manifest, allow_simulated=True)
    assert verified.predicate.assurance == "simulated"
    receipt = Receipt.load(kept)
    assert f"{run.id} of 'overlap'" in repr(receipt)
    assert receipt.load(receipt.save(tmp_path / "copy.json")).to_json() == receipt.to_json()
    with pytest.raises(SimulationRefused):
        receipt.verify(manifest)


def test_a_receipt_of_another_manifest_does_not_verify(tmp_path):
    with coordinator(tmp_path / "room") as room, both(room, tmp_path) as (bank, shop):
        bring(bank, shop)
        with working(room, counted(200)):
            receipt = bank.run("overlap").result().receipt
        other = room_manifest(metadata__purpose="something else")
    with pytest.raises(StatementRejected, match="the room's manifest is"):
        receipt.verify(other)


def test_a_file_that_is_no_receipt_is_refused(tmp_path):
    path = tmp_path / "receipt.json"
    path.write_text("{}")
    with pytest.raises(ReceiptInvalid, match=r"'receipt.json' is not a receipt"):
        Receipt.load(path)


def test_nothing_that_a_worker_never_writes_is_parsed(room, tmp_path):
    squeezed = io.BytesIO()
    pq.write_table(pa.table({"overlap": [1]}), squeezed, compression="zstd")
    with both(room, tmp_path) as (bank, shop):
        bring(bank, shop)
        for content in (squeezed.getvalue(), b"PAR1 nothing PAR1"):
            with working(room, content):
                run = bank.run("overlap")
                with pytest.raises(DataMismatch, match="the result is"):
                    run.result()


def test_a_result_with_other_columns_or_rows_is_refused(room, tmp_path):
    wide = io.BytesIO()
    table = pa.table({"overlap": [1, 2]})
    pq.write_table(table, wide, compression="none", use_dictionary=False)
    with both(room, tmp_path) as (bank, shop):
        bring(bank, shop)
        with working(room, wide.getvalue()):
            run = bank.run("overlap")
            with pytest.raises(DataMismatch, match="has 2 rows, expected at most 1"):
                run.result()


def test_the_room_becomes_active_through_proposals(tmp_path):
    manifest = room_manifest()
    own, other = room_approvals(manifest, "bank"), room_approvals(manifest, "shop")
    with (
        coordinator(tmp_path / "room", manifest, propose=False) as room,
        both(room, tmp_path) as (bank, shop),
    ):
        assert bank.status().phase == "waiting"
        assert bank.status().approvals == "0 of 2 approvals"
        told = bank.propose(own)
        assert (told.phase, told.approvals) == ("proposed", "1 of 2 approvals")
        assert told.next_step == "wait for shop to approve"
        assert "cleanroom approve" in shop.status().next_step
        with pytest.raises(ApprovalMissing):
            shop.add("baskets", baskets(0, 10))
        assert shop.propose(other).phase == "active"
        assert bank.status().next_step.startswith("bring 'customers'")
        bring(bank, shop)
        assert bank.status().next_step == "run a computation: `cleanroom run matches`"


def test_a_room_that_holds_another_manifest_is_not_the_one_agreed_to(room, tmp_path):
    looser = room_manifest(computations__overlap__limits__max_runs=9999)
    match = f"the room's manifest is {room.manifest.digest}, expected {looser.digest}"
    with pytest.raises(StatementRejected, match=match):
        enter(room, tmp_path, manifest=looser)


def test_a_limit_is_told_as_what_it_is(tmp_path):
    manifest = room_manifest(computations__overlap__limits__max_runs=1)
    with coordinator(tmp_path / "room", manifest) as room, both(room, tmp_path) as (bank, shop):
        bring(bank, shop)
        with working(room, counted(1)):
            bank.run("overlap").wait(20)
        with pytest.raises(LimitReached):
            bank.run("overlap")


def test_a_parameter_out_of_its_range_is_told_as_what_it_is(room, tmp_path):
    with both(room, tmp_path) as (bank, shop):
        bring(bank, shop)
        with pytest.raises(ParameterOutOfRange):
            bank.run("matches", limit=10**9)


def test_a_cancelled_run_raises_that_it_was(room, tmp_path):
    with both(room, tmp_path) as (bank, shop):
        bring(bank, shop)
        run = bank.run("overlap")
        assert run.cancel().phase == "aborted"
        with pytest.raises(RunCancelled, match=f"run {run.id} of 'overlap' ended as aborted"):
            run.wait(20)


def test_a_run_whose_worker_is_lost_raises_that_it_was(room, tmp_path):
    with both(room, tmp_path) as (bank, shop):
        bring(bank, shop)
        with room.worker() as worker:
            run = bank.run("overlap")
            assert isinstance(worker.next(), Order)
        with pytest.raises(WorkerLost):
            run.wait(20)


def test_a_watch_and_a_result_outlive_a_restart_of_the_coordinator(tmp_path):
    manifest = room_manifest()
    with coordinator(tmp_path / "room", manifest) as first:
        bank, shop = enter(first, tmp_path), enter(first, tmp_path, "shop")
        bring(bank, shop)
        run = bank.run("overlap")
        watching = run.watch()
        seen = [next(watching)]
        before = bank.trusted.head.size
    with (
        coordinator(tmp_path / "room", manifest, propose=False, listen=first.address) as second,
        working(second, counted(200)),
    ):
        seen += list(watching)
        result = run.result()
        assert bank.trusted.head.size > before
        bank.close()
        shop.close()
    assert seen[-1].phase == "released"
    assert result.table.to_pydict() == {"overlap": [200]}


def test_a_delivery_for_somebody_else_does_not_open(room, tmp_path):
    from cleanroom.client.opening import open_delivery
    from cleanroom.protocol.run import Delivery
    from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb

    with both(room, tmp_path) as (bank, shop):
        bring(bank, shop)
        with working(room, counted(200)):
            run = bank.run("overlap").wait(20)
        asked = pb.OutputRequest(run=run.id, output="size")
        reply = shop._calls.unary(lambda to: to.runs.GetOutput, asked)
        theirs = Delivery.from_bytes(reply.record)
        with pytest.raises(SealBroken):
            open_delivery(theirs, b"", room.manifest, "overlap", identity_of("bank").unsealer())


def test_an_interrupted_upload_ends_at_once_and_offers_nothing(room, tmp_path, caplog):
    """Ctrl-C while parts travel: no more is sent, and nothing is said about the inside."""

    def interrupt(_done, _total):
        raise KeyboardInterrupt

    with enter(room, tmp_path) as bank:
        with pytest.raises(KeyboardInterrupt):
            bank.add("customers", customers(0, 300), progress=interrupt)
        assert not bank.status().versions["customers"]
    assert caplog.records == []


def test_a_disk_without_space_is_told_as_what_it_is(room, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("cleanroom.client.brought.seal", full)
    with (
        enter(room, tmp_path) as bank,
        pytest.raises(MachineUnfit, match="cannot be written beside the manifest"),
    ):
        bank.add("customers", customers(0, 300))


def test_a_run_is_found_again_by_its_name(room, tmp_path):
    with both(room, tmp_path) as (bank, shop):
        bring(bank, shop)
        with working(room, counted(200)):
            run = bank.run("overlap").wait(20)
        again = bank.run_by_id(run.id)
        assert again.phase == "released"
        assert [one.id for one in bank.runs()] == [run.id]
        assert "released" in again._repr_mimebundle_()["text/html"]
        assert bank.status().next_step == f"fetch your result: `cleanroom result get {run.id}`"
    assert clock() >= again.view.submitted_at
