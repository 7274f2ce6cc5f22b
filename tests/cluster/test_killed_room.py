"""The host kills coordinator or worker in the middle of things, with no warning and real processes.

Whatever was acknowledged is there afterwards, nothing is delivered by half, each run ends with a
result or with a code, and the parties' calls simply go on. One room lives through all of it.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from cleanroom.errors import RunUnknown, WorkerLost
from cleanroom.protocol.run import FINAL
from tests.support.manifests import good_manifest
from tests.support.whole_rooms import freeze, kill, thaw, whole_room
from tests.support.workers import baskets, customers

pytestmark = pytest.mark.cluster

ROWS, SHARED = 20_000, 15_000
MANIFEST = {
    "computations__overlap__workers__count": 1,
    "computations__overlap__limits__max_runs": 100,
    "computations__matches__limits__max_runs": 100,
    "datasets__customers__allow__max_releases": 100,
    "datasets__baskets__allow__max_releases": 100,
}
WAIT_S = 60.0
"""Nothing here takes longer, in seconds; only a failure waits for it."""


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A room of one coordinator and one worker, with both datasets, and both parties in it."""
    directory = tmp_path_factory.mktemp("killed") / "room"
    with whole_room(directory, good_manifest(**MANIFEST), workers=1) as running:
        running.bank, running.shop = running.enter("bank"), running.enter("shop")
        running.asked = []
        running.shop.add("baskets", baskets(ROWS - SHARED, ROWS))
        yield running


@pytest.fixture
def going_on():
    """A thread for what a party does while the host does worse."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.fixture
def small_parts(monkeypatch):
    """A dataset of a few hundred kilobytes travels in several parts."""
    monkeypatch.setattr("cleanroom.dataset.seal.PART_BYTES", 1)
    monkeypatch.setattr("cleanroom.dataset.read.MOST_BATCH_ROWS", ROWS // 8)


def killing_once(process_id):
    """Progress of an upload that ends a process after the first of several parts, and the event."""
    killed = threading.Event()

    def progress(done, _total):
        if done and not killed.is_set():
            kill(process_id)
            killed.set()

    return progress, killed


def submitted(room, computation="overlap"):
    """A run of the bank's that has not come far: its worker gets no processor."""
    freeze(room.workers[0])
    run = room.bank.run(computation)
    assert until(run, "running") == "running"
    room.asked.append(run.id)
    return run


def until(run, *phases):
    """Wait until a run is in one of the phases, or over."""
    with closing(run.watch(WAIT_S)) as events:
        return next(event.phase for event in events if event.phase in {*phases, *FINAL})


def computed(room):
    """A run of the bank's whose results are reported, or more."""
    run = room.bank.run("overlap")
    room.asked.append(run.id)
    assert until(run, "output-check") in {"output-check", "released"}
    return run


def both_have_everything(room, run):
    """Receipt, key and bytes for each recipient."""
    results = [party.run_by_id(run.id).result(timeout=WAIT_S) for party in (room.bank, room.shop)]
    counts = [result.table["overlap"].to_pylist() for result in results]
    assert [result.receipt.claimed.run for result in results] == [run.id, run.id]
    return counts == [[SHARED], [SHARED]]


def nobody_has_anything(room, run):
    """Neither receipt nor key for any recipient."""
    for party in (room.bank, room.shop):
        with pytest.raises(RunUnknown):
            party.run_by_id(run.id).receipt()
    return True


def the_room_goes_on(room):
    """The next run, by whoever works now, has its result."""
    run = room.shop.run("overlap")
    room.asked.append(run.id)
    return run.result(timeout=WAIT_S).table["overlap"].to_pylist() == [SHARED]


@pytest.mark.usefixtures("small_parts")
def test_the_coordinator_dies_during_an_upload(room, going_on):
    """The party's call goes on in the room that came back, and the version counts once."""
    progress, killed = killing_once(room.coordinator)
    table = customers(0, ROWS)
    adding = going_on.submit(room.bank.add, "customers", table, progress=progress)
    assert killed.wait(WAIT_S)
    room.start_coordinator()
    version = adding.result(WAIT_S)
    held = room.shop.status().versions
    assert [one.digest for one in held["customers"]] == [version]
    assert len(held["baskets"]) == 1
    assert the_room_goes_on(room)


@pytest.mark.usefixtures("small_parts")
def test_a_worker_dies_during_an_upload(room):
    progress, killed = killing_once(room.workers[0])
    version = room.bank.add("customers", customers(0, ROWS), progress=progress)
    assert killed.is_set()
    assert room.bank.status().versions["customers"][-1].digest == version
    room.start_workers(1)
    assert the_room_goes_on(room)


def test_the_coordinator_dies_during_a_run(room):
    """Keys were granted: the use is spent, nothing leaves, and the worker joins again."""
    run = submitted(room)
    kill(room.coordinator)
    thaw(room.workers[0])
    room.start_coordinator()
    with pytest.raises(WorkerLost):
        run.wait(WAIT_S)
    assert nobody_has_anything(room, run)
    assert the_room_goes_on(room)


def test_a_worker_dies_during_a_run(room):
    run = submitted(room)
    kill(room.workers[0])
    with pytest.raises(WorkerLost):
        run.wait(WAIT_S)
    assert nobody_has_anything(room, run)
    room.start_workers(1)
    assert the_room_goes_on(room)


def test_a_worker_dies_at_work(room):
    """Wherever the run is by then: it has a result for everybody, or a code and none for anybody."""
    run = room.bank.run("overlap")
    room.asked.append(run.id)
    until(run, "running")
    kill(room.workers[0])
    try:
        run.wait(WAIT_S)
    except WorkerLost:
        assert nobody_has_anything(room, run)
    else:
        assert both_have_everything(room, run)
    room.start_workers(1)
    assert the_room_goes_on(room)


def test_the_coordinator_dies_between_report_and_release(room):
    """What was reported is released after the restart, without its worker."""
    run = computed(room)
    kill(room.coordinator)
    room.start_coordinator()
    assert run.wait(WAIT_S).phase == "released"
    assert both_have_everything(room, run)


def test_a_worker_dies_between_report_and_release(room):
    run = computed(room)
    kill(room.workers[0])
    assert run.wait(WAIT_S).phase == "released"
    assert both_have_everything(room, run)
    room.start_workers(1)
    assert the_room_goes_on(room)


def test_the_coordinator_dies_while_a_result_is_fetched(room, going_on):
    """The recipient waits for a room that does not answer any more, and gets it from the next."""
    run = computed(room).wait(WAIT_S)
    freeze(room.coordinator)
    fetching = going_on.submit(run.result)
    kill(room.coordinator)
    room.start_coordinator()
    assert fetching.result(WAIT_S).table["overlap"].to_pylist() == [SHARED]
    assert both_have_everything(room, run)


def test_no_run_that_was_acknowledged_is_lost_and_each_has_its_end(room):
    """The last test of this file: after all those ends, the story is whole."""
    ends = {run.id: run.phase for run in room.bank.runs()}
    assert set(room.asked) == set(ends)
    assert set(ends.values()) <= {"released", "failed"}
    released = [name for name, phase in ends.items() if phase == "released"]
    used = [room.bank.run_by_id(name).receipt().claimed.runs_used for name in released]
    assert len(set(used)) == len(used)
    assert max(used) == len(ends)
