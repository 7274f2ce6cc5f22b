"""A training in a whole room: its curve while it grows, for its recipients; cancelling ends it."""

import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cleanroom.errors import RunCancelled
from cleanroom.manifest.model import Manifest
from tests.support.trainings import TREES, feature, halves, training_plain
from tests.support.whole_rooms import whole_room

pytestmark = pytest.mark.cluster

WAIT_S = 120.0
"""Nothing here takes longer, in seconds; only a failure waits for it."""
OUTPUTS = {
    "course": {"kind": "curve", "recipients": ["bank"], "live": True, "min_test": 100},
    "later": {"kind": "curve", "recipients": ["bank", "shop"], "min_test": 100},
    "quality": {"kind": "metrics", "recipients": ["bank", "shop"], "compare": "alone"},
}
LONG = {"rounds": 2000, "max_depth": 12}
"""Takes far longer than to cancel it."""


def tables():
    chance = np.random.default_rng(6)
    frame = pd.DataFrame({"a": chance.normal(size=8000), "b": chance.normal(size=8000)})
    frame["bought"] = chance.random(8000) < 1 / (1 + np.exp(-2 * frame["a"] * frame["b"]))
    return halves(frame, ["a", "bought"], ["b"])


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    label = {"name": "bought", "type": "bool", "role": "label"}
    ranges = {"rounds": {"min": 1, "max": 2000}, "max_depth": {"min": 1, "max": 12, "default": 3}}
    how = {**TREES, "parameters": ranges, "outputs": OUTPUTS}
    plain = training_plain([feature("a"), label], [feature("b")], how)
    directory = tmp_path_factory.mktemp("live") / "room"
    with whole_room(directory, Manifest.from_plain(plain), workers=1) as running:
        running.bank, running.shop = running.enter("bank"), running.enter("shop")
        given = tables()
        running.bank.add("customers", given["left"])
        running.shop.add("baskets", given["right"])
        yield running


def seen(party, run):
    with closing(party.run_by_id(run).watch(WAIT_S)) as events:
        return list(events)


def children(process_id):
    """Process ids of the processes that a process has started and that are still there."""
    listed = Path(f"/proc/{process_id}/task").glob("*/children")
    return {int(child) for path in listed for child in path.read_text().split()}


def test_a_recipient_sees_the_curve_grow_and_others_see_how_far_it_is(room):
    run = room.bank.run("model", rounds=40)
    told = [each for event in seen(room.bank, run.id) for each in event.live]
    theirs = seen(room.shop, run.id)
    lines = {tuple(row.values()) for row in run.result("course").table.to_pylist()}
    assert {(each.round, each.metric, each.part, each.value) for each in told} == lines
    assert {each.output for each in told} == {"course"}
    assert [event.live for event in theirs] == [[]] * len(theirs)
    assert "train" in [event.stage for event in theirs]


def test_the_room_itself_compares_joint_with_alone(room):
    run = room.shop.runs()[0]
    told = run.result("quality").comparison
    assert list(told) == ["bank, shop", "bank", "shop"]
    assert told["bank, shop"]["auc"] > 0.7 > max(told["bank"]["auc"], told["shop"]["auc"])
    assert run.model_card().metrics[0].owners == "bank, shop"


def test_a_cancelled_training_ends_its_process_and_counts_as_used(room):
    run = room.bank.run("model", **LONG)
    with closing(run.watch(WAIT_S)) as events:
        next(event for event in events if event.stage == "train")
    computing = children(room.workers[0])
    assert computing
    assert run.cancel().phase == "aborted"
    with pytest.raises(RunCancelled):
        run.wait(WAIT_S)
    end = time.monotonic() + WAIT_S
    while children(room.workers[0]) & computing and time.monotonic() < end:
        time.sleep(0.1)
    assert children(room.workers[0]) & computing == set()
    after = room.bank.run("model", rounds=2)
    assert after.result("quality", timeout=WAIT_S).receipt.claimed.runs_used == 3
