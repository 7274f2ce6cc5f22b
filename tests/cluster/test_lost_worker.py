"""The host kills a worker, with its node and all on it, in the middle of a training: others go on.

The room is one of real processes, with a worker to spare for each that is killed; a run needs two.
What comes out is what would have come out without the loss, once, for the price of one run, and the receipt says it all.
"""

from contextlib import closing
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

WORKERS = 5
"""Two for a run, and one for each that is killed."""
ROUNDS = 120
KILL_AT = 40
"""So many percent of the rounds are done when a worker is killed."""
WAIT_S = 240.0
"""Nothing here takes longer, in seconds; only a failure waits for it."""
DATASETS = {"bank": ("customers", "left"), "shop": ("baskets", "right")}


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A room in which two workers train trees, or a line."""
    require_seclusion()
    plain, tables = two_classes(TREES, rows=6000, decimals=1)
    line_plain, _ = two_classes(LINE, rows=6000, decimals=1)
    line = changed(line_plain["computations"]["model"], workers__count=2)
    changes = {
        f"datasets__{name}__allow__computations": ["line", "model"] for name, _ in DATASETS.values()
    }
    both = changed(
        plain,
        computations__model__workers__count=2,
        computations__line=line,
        workers__cpu__max_live=WORKERS + 1,
        **changes,
    )
    directory = tmp_path_factory.mktemp("lost") / "room"
    with whole_room(directory, Manifest.from_plain(both), workers=WORKERS) as running:
        running.bank, running.shop = running.enter("bank"), running.enter("shop")
        for party, (dataset, side) in DATASETS.items():
            running.enter(party).add(dataset, tables[side])
        running.trees_alone = train(plain, tables, {"rounds": ROUNDS}).model
        running.line_alone = train(line_plain, tables).model
        yield running


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


@pytest.mark.parametrize("place", [0, 1], ids=["head", "other"])
def test_a_worker_dies_while_trees_grow(room, place):
    run = room.bank.run("model", rounds=ROUNDS)
    events = disturbed(run, KILL_AT, lambda: kill(working(room)[place]))
    assert [event.phase for event in events][-1] == "released"
    assert {event.lost for event in events} == {0, 1}
    assert written(run.result("model").model) == written(room.trees_alone)
    assert counts_once(run) == 1 + place
