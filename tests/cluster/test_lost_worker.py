"""The host kills a worker, with its node and all on it, in the middle of a training: it goes on.

The room is one of real processes, with a worker to spare for each that is killed; a run needs two.
What comes out is what would have come out without the loss, once, for the price of one run, and the receipt says it all.
"""

import threading
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from cleanroom.manifest.model import Manifest
from enclave.worker.processes import descendants
from tests.support.manifests import changed
from tests.support.seclusion import require_seclusion
from tests.support.training_gangs import two_classes, written
from tests.support.trainings import LINE, TREES, train
from tests.support.whole_rooms import kill, whole_room

pytestmark = pytest.mark.cluster

ROUNDS = 120
KILL_AT = 40
"""So many percent of the rounds are done when a worker is killed."""
WAIT_S = 240.0
"""Nothing here takes longer, in seconds; only a failure waits for it."""


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A room in which two workers train trees, with two to spare."""
    require_seclusion()
    plain, tables = two_classes(TREES, rows=6000, decimals=1)
    with filled(tmp_path_factory.mktemp("lost"), plain, tables, workers=4) as running:
        running.alone = train(plain, tables, {"rounds": ROUNDS}).model
        yield running


@contextmanager
def filled(directory, plain, tables, workers):
    """A room whose computation `model` trains on two workers, with the data."""
    manifest = Manifest.from_plain(changed(plain, computations__model__workers__count=2))
    with whole_room(directory / "room", manifest, workers) as room:
        room.bank = room.enter("bank")
        room.bank.add("customers", tables["left"])
        room.enter("shop").add("baskets", tables["right"])
        yield room


def disturbed(run, at, disturb):
    """Every event of a run during which something is done, once it has come to `at` percent."""
    events, done = [], False
    with closing(run.watch(WAIT_S)) as told:
        for event in told:
            events.append(event)
            if not done and event.stage == "train" and event.percent >= at:
                disturb()
                done = True
    assert done
    return events


def working(room):
    """Process ids of the workers of the gang that works now: the head, and the other."""
    ours = [each for each in room.local.process_ids() if each != room.coordinator]
    commands = {each: " ".join(map(command, descendants(each))) for each in ours}
    nodes = [each for each in ours if "raylet" in commands[each]]
    return sorted(nodes, key=lambda each: "enclave.worker.driver" not in commands[each])


def command(process_id):
    try:
        return Path(f"/proc/{process_id}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def counts_once(run):
    """One run of its limit, and a receipt that names the gang that was lost."""
    said = run.receipt().claimed
    lost = {part.instance for gang in said.lost for part in gang}
    working = {part.instance for part in said.workers}
    assert (len(said.lost), len(working)) == (1, 2)
    assert not lost & working
    return said.runs_used


def journalled(room):
    """How much the coordinator has written, and when: another answer after each commit."""
    files = (each.stat() for each in (room.directory / "coordinator").glob("state.sqlite*"))
    return sorted((each.st_ino, each.st_size, each.st_mtime_ns) for each in files)


def the_head(room):
    kill(working(room)[0])


def the_other(room):
    kill(working(room)[1])


def the_coordinator(room):
    """It comes back where it was; its workers come back to it."""
    kill(room.coordinator)
    room.start_coordinator()


@pytest.mark.parametrize("lose", [the_coordinator, the_head, the_other])
def test_trees_grow_on(room, lose):
    before = len(room.bank.runs())
    run = room.bank.run("model", rounds=ROUNDS)
    events = disturbed(run, KILL_AT, lambda: lose(room))
    assert [event.phase for event in events][-1] == "released"
    assert {event.lost for event in events} == {0, 1}
    after = [event for event in events if event.lost]
    assert {event.resumed for event in after} <= {*range(10, ROUNDS)}
    grown = [event.percent for event in after if event.stage == "train" and event.percent]
    assert min(grown) >= 100 * after[0].resumed // ROUNDS
    assert written(run.result("model").model) == written(room.alone)
    assert counts_once(run) == before + 1


def test_a_worker_dies_while_a_line_is_searched(tmp_path):
    """Its sums are kept once there are some: then it is killed, and the search goes on from them."""
    plain, tables = two_classes(LINE, rows=200_000)
    with filled(tmp_path, plain, tables, workers=3) as room:
        blobs = room.directory / "coordinator" / "blobs"
        before = set(blobs.iterdir())
        run = room.bank.run("model")
        pause, seen = threading.Event(), journalled(room)
        while all(path in before or path.suffix for path in blobs.iterdir()):
            seen = journalled(room)
            pause.wait(0.01)
        while journalled(room) == seen:  # it is stored; now the room is told so
            pause.wait(0.01)
        kill(working(room)[1])
        found = run.result("model", timeout=WAIT_S).model.description.linear
        [lost] = [one.content for one in room.bank.log().entries if one.content.kind == "gang-lost"]
        assert lost.snapshot is not None
        assert counts_once(run) == 1
        # it is gone with its run
        assert not any(path.name in lost.snapshot for path in blobs.iterdir())
    alone = train(plain, tables).model.description.linear
    assert found.coefficients[0] == pytest.approx(alone.coefficients[0], abs=1e-8)
