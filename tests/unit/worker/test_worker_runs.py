"""One worker, a real stream, real ciphertext: from joining to sealed results."""

import os
import signal

import pytest

from cleanroom.errors import (
    ComputationFailed,
    RunTimedOut,
    SealBroken,
    TransferBroken,
)
from cleanroom.protocol.work import Failed, Finished, Progress, Stop
from enclave.worker.processes import descendants
from tests.support.workers import (
    ScriptedRoom,
    baskets,
    customers,
    live_manifest,
    running_worker,
)


@pytest.fixture(scope="module")
def room():
    return ScriptedRoom(live_manifest())


@pytest.fixture(scope="module")
def data(room, tmp_path_factory):
    directory = tmp_path_factory.mktemp("sealed")
    return {
        "customers": room.add("customers", customers(0, 1000), directory, parts=2),
        "baskets": room.add("baskets", baskets(400, 1000), directory, parts=3),
    }


@pytest.fixture(scope="module")
def place(room, tmp_path_factory):
    """A worker that is kept for all tests of this file; its directory."""
    directory = tmp_path_factory.mktemp("worker")
    with room.serving() as address, running_worker(room, address, directory):
        yield directory


@pytest.fixture(scope="module")
def worker(room, place):
    assert place.is_dir()
    return room.worker()


def run_to_end(worker, order):
    worker.say(order)
    return worker.hear(Finished, Failed)


def test_a_count_is_sealed_for_each_recipient(room, data, worker):
    finished = run_to_end(worker, room.order("overlap", data, worker, run="r-0000000000000001"))
    assert isinstance(finished, Finished)
    assert [sealed.output.recipient for sealed in finished.outputs] == ["bank", "shop"]
    for sealed in finished.outputs:
        table = room.opened("r-0000000000000001", sealed)
        assert table.to_pydict() == {"overlap": [600]}


def test_rows_go_to_the_party_that_may_have_them(room, data, worker):
    run = "r-0000000000000002"
    finished = run_to_end(worker, room.order("matches", data, worker, run=run, limit=100_000))
    tables = {
        sealed.output.output: room.opened(run, sealed).to_pydict() for sealed in finished.outputs
    }
    expected = customers(400, 600).column("email").to_pylist()
    assert sorted(tables["for-bank"]["left.email"]) == sorted(expected)
    assert sorted(tables["for-shop"]["right.email"]) == sorted(expected)
    assert set(tables["for-shop"]) == {"right.email", "right.spend"}


def test_nothing_of_a_run_is_left_behind(room, data, worker, place):
    run_to_end(worker, room.order("overlap", data, worker, run="r-0000000000000003"))
    worker.say(Stop(run="r-0000000000000003"))
    # the next run is answered after the last one was cleared away
    run_to_end(worker, room.order("overlap", data, worker, run="r-0000000000000004", seconds=-1))
    assert list(place.iterdir()) == []


def test_a_download_that_breaks_off_goes_on_where_it_stopped(room, data, worker):
    room.store.cut_once = 500
    finished = run_to_end(worker, room.order("overlap", data, worker, run="r-0000000000000005"))
    assert isinstance(finished, Finished)
    assert room.store.cut_once == 0


def test_altered_ciphertext_ends_the_run_before_it_is_read(room, data, worker):
    digest = data["baskets"][0].parts[1].digest
    room.store.altered = {digest}
    failed = run_to_end(worker, room.order("overlap", data, worker, run="r-0000000000000006"))
    room.store.altered = set()
    assert failed.code == TransferBroken.code


def test_a_key_of_another_version_opens_nothing(room, data, worker):
    mixed = {**data, "baskets": (data["baskets"][0], data["customers"][1])}
    failed = run_to_end(worker, room.order("overlap", mixed, worker, run="r-0000000000000007"))
    assert failed.code == SealBroken.code


def test_progress_names_stages_and_no_numbers_of_rows(room, data, worker):
    run = "r-0000000000000008"
    worker.say(room.order("overlap", data, worker, run=run))
    heard = []
    while not isinstance(message := worker.hear(), Finished):
        heard.append(message)
    assert all(isinstance(message, Progress) for message in heard)
    stages = list(dict.fromkeys(message.stage for message in heard))
    assert stages == ["fetch", "read", "partition", "compute", "gate", "seal"]


def test_a_run_past_its_deadline_is_killed(room, data, worker):
    room.store.hang = True
    order = room.order("overlap", data, worker, run="r-0000000000000009", seconds=2)
    failed = run_to_end(worker, order)
    room.store.hang = False
    assert failed.code == RunTimedOut.code


def test_a_stopped_run_says_nothing_more(room, data, worker):
    room.store.hang = True
    worker.say(room.order("overlap", data, worker, run="r-000000000000000a"))
    worker.hear(Progress)
    worker.say(Stop(run="r-000000000000000a"))
    room.store.hang = False
    answer = run_to_end(worker, room.order("overlap", data, worker, run="r-000000000000000b"))
    assert answer.run == "r-000000000000000b"
    assert isinstance(answer, Finished)


def test_a_small_group_is_withheld_and_says_so(tmp_path):
    room = ScriptedRoom(live_manifest(min_group=5000))
    data = {
        "customers": room.add("customers", customers(0, 50), tmp_path),
        "baskets": room.add("baskets", baskets(0, 50), tmp_path),
    }
    with room.serving() as address, running_worker(room, address, tmp_path / "worker"):
        worker = room.worker()
        finished = run_to_end(worker, room.order("overlap", data, worker))
        assert [sealed.output.suppressed for sealed in finished.outputs] == [True, True]
        assert room.opened("r-00112233445566ff", finished.outputs[0]).to_pylist() == [
            {"overlap": None}
        ]


def test_a_worker_whose_stream_breaks_forgets_everything_and_joins_with_fresh_keys(tmp_path):
    room = ScriptedRoom(live_manifest(), lease_s=3)
    with room.serving() as address, running_worker(room, address, tmp_path / "worker"):
        first = room.worker()
        first.hang_up()
        second = room.worker()
        assert second.admit.instance != first.admit.instance
        assert second.join.seal_key != first.join.seal_key
        assert second.join.sign_key != first.join.sign_key


def test_the_lease_is_renewed_while_the_worker_is_idle(tmp_path):
    room = ScriptedRoom(live_manifest(), lease_s=1)
    with room.serving() as address, running_worker(room, address, tmp_path / "worker"):
        worker = room.worker()
        while worker.renewals < 3:
            assert not worker.ended.wait(0.05)


def test_a_computing_process_that_is_killed_ends_the_run_with_a_code(room, data, worker):
    room.store.hang = True
    worker.say(room.order("overlap", data, worker, run="r-000000000000000c"))
    worker.hear(Progress)
    for pid in descendants(os.getpid()):
        os.kill(pid, signal.SIGKILL)
    failed = worker.hear(Failed)
    room.store.hang = False
    assert failed.code == ComputationFailed.code


def test_a_stream_that_breaks_in_the_middle_of_a_run_ends_the_run(tmp_path):
    room = ScriptedRoom(live_manifest())
    data = {
        "customers": room.add("customers", customers(0, 50), tmp_path),
        "baskets": room.add("baskets", baskets(0, 50), tmp_path),
    }
    place = tmp_path / "worker"
    with room.serving() as address, running_worker(room, address, place):
        worker = room.worker()
        room.store.hang = True
        worker.say(room.order("overlap", data, worker))
        worker.hear(Progress)
        assert [each.name[:18] for each in place.iterdir()] == ["r-00112233445566ff"]
        worker.hang_up()
        again = room.worker()
        assert list(place.iterdir()) == []
        room.store.hang = False
        finished = run_to_end(again, room.order("overlap", data, again))
        assert isinstance(finished, Finished)
