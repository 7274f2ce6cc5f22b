"""The host kills coordinator or a node's worker while two Ray nodes compute: nothing is left of it.

The run ends with a code, no process or directory of the cluster stays, and the next gang forms.
"""

import threading
from contextlib import closing
from pathlib import Path

import pytest

from cleanroom.errors import RunUnknown, WorkerLost
from cleanroom.protocol.run import FINAL
from enclave.worker.processes import descendants
from tests.support.manifests import good_manifest
from tests.support.whole_rooms import kill, whole_room
from tests.support.workers import baskets, customers

pytestmark = pytest.mark.cluster

ROWS, SHARED = 3000, 2000
WAIT_S = 60.0
"""Nothing here takes longer, in seconds; only a failure waits for it."""


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A room of a coordinator and two workers, with both datasets."""
    directory = tmp_path_factory.mktemp("gang") / "room"
    with whole_room(directory, good_manifest(), workers=2) as running:
        running.bank, running.shop = running.enter("bank"), running.enter("shop")
        running.bank.add("customers", customers(0, ROWS))
        running.shop.add("baskets", baskets(ROWS - SHARED, ROWS))
        yield running


def computing(room):
    """A run whose nodes have their keys."""
    run = room.bank.run("overlap")
    with closing(run.watch(WAIT_S)) as events:
        phase = next(event.phase for event in events if event.phase in {"running", *FINAL})
    assert phase == "running"
    return run


def nodes_of(process_ids):
    """Processes of a cluster below workers, and the directories that their command lines name.

    A worker's spare process for runs without a gang is its own and stays.
    """
    below = {one: command(one) for each in process_ids for one in descendants(each)}
    words = {one: line for one, line in below.items() if "enclave.worker.task" not in line}
    places = {
        Path(*Path(word).parts[:4])
        for line in words.values()
        for word in line
        if word.startswith(("/dev/shm/cr-", "/tmp/cr-"))
    }
    return set(words), places


def command(process_id):
    try:
        return Path(f"/proc/{process_id}/cmdline").read_bytes().decode().split("\0")
    except OSError:
        return []


def gone(family, places):
    """Wait until neither a process nor a directory is there."""
    pause = threading.Event()
    for _ in range(int(WAIT_S * 10)):
        alive = [one for one in family if any(command(one))]
        if not alive and not any(place.exists() for place in places):
            return True
        pause.wait(0.1)
    return False


def the_next_gang_counts(room):
    run = room.shop.run("overlap")
    return run.result(timeout=WAIT_S).table["overlap"].to_pylist() == [SHARED // 10 * 10]


def ended_without_a_result(room, run):
    with pytest.raises(WorkerLost):
        run.wait(WAIT_S)
    for party in (room.bank, room.shop):
        with pytest.raises(RunUnknown):
            party.run_by_id(run.id).receipt()
    return True


def test_the_coordinator_dies_while_two_nodes_compute(room):
    run = computing(room)
    family, places = nodes_of(room.workers)
    assert len(places) == 2
    kill(room.coordinator)
    assert gone(family, places)
    room.start_coordinator()
    assert ended_without_a_result(room, run)
    assert the_next_gang_counts(room)


def test_a_worker_dies_while_two_nodes_compute(room):
    run = computing(room)
    family, places = nodes_of(room.workers)
    assert len(places) == 2
    kill(room.workers[0])
    assert ended_without_a_result(room, run)
    assert gone(family, places)
    room.start_workers(1)
    assert the_next_gang_counts(room)
