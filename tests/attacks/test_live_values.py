"""Attack: to learn a training's values before, or without, being one of those they are told to.

What has been told cannot be taken back. So both sides decide: the worker tells only what passes the
gate of a live curve, and the room tells each watcher only what it receives, whatever a worker says.
"""

from contextlib import contextmanager

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from cleanroom.errors import CallerRefused, RunUnknown
from cleanroom.protocol.run import LiveValue
from cleanroom.protocol.work import Failed, Progress
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb
from enclave.computations.release import Released
from tests.support.cards import training_changes
from tests.support.live import CURVE, told
from tests.support.mutants import assert_mutant_is_caught, hands_back
from tests.support.rooms import coordinator, room_manifest
from tests.support.trainings import TREES, feature, halves, training_plain

SECRET = 0.518
OUTPUTS = {
    "for-bank": {"kind": "curve", "recipients": ["bank"], "live": True},
    "for-both": {"kind": "curve", "recipients": ["bank", "shop"], "live": True},
    "at-the-end": {"kind": "curve", "recipients": ["bank"]},
    "quality": {"kind": "metrics", "recipients": ["bank"]},
}


def value(output="for-bank", number=SECRET):
    return LiveValue(output=output, round=7, metric="log_loss", part="test", value=number)


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    manifest = room_manifest(**training_changes(OUTPUTS, limits={"max_runs": 100}))
    with coordinator(tmp_path_factory.mktemp("room"), manifest) as running:
        running.bank, running.shop = running.fill()
        yield running


@contextmanager
def training(room):
    """A worker with an order, and the run."""
    with room.worker() as worker:
        run = room.bank.submit("matches").run
        worker.next()
        yield worker, run


def say(room, *values):
    """What each party sees of a run whose worker says these values: events, and their bytes."""
    with training(room) as (worker, run):
        worker.report(Progress(run=run, stage="train", percent=35, live=list(values)))
        worker.report(Failed(run=run, code="CR-6008"))
        return {party.name: party.watch(run) for party in (room.bank, room.shop)}


def values_of(events):
    return [each for event in events for each in event.live]


# --- the room -------------------------------------------------------------------------------------


def only_recipients_see_values(room):
    seen = say(room, value(), value("for-both", 0.25))
    assert values_of(seen["bank"]) == [value(), value("for-both", 0.25)]
    assert values_of(seen["shop"]) == [value("for-both", 0.25)]
    assert not any(str(SECRET).encode() in event.to_bytes() for event in seen["shop"])


def test_only_recipients_see_values(room):
    only_recipients_see_values(room)


def test_who_receives_nothing_sees_stage_and_fraction_and_not_even_a_field(room):
    seen = say(room, value())["shop"]
    assert ("train", 35) in [(event.stage, event.percent) for event in seen]
    for event in seen:
        assert sorted(event.to_plain()) == [
            "at",
            "code",
            "percent",
            "phase",
            "run",
            "sequence",
            "stage",
        ]


def test_events_are_alike_for_all_but_for_their_values(room):
    seen = say(room, value())
    bare = [event.model_copy(update={"live": []}) for event in seen["bank"]]
    assert bare == seen["shop"]


def refused_by_the_room(room, said):
    """The worker's stream ends, the run waits for another one, and nobody is told the value."""
    with training(room) as (worker, run):
        worker.report(Progress(run=run, stage="train", percent=35, live=[said]))
        with pytest.raises(CallerRefused):
            worker.renew()
        room.bank.call(room.bank.runs.Cancel, pb.RunRequest(run=run))
        seen = [*room.bank.watch(run), *room.shop.watch(run)]
    assert values_of(seen) == []
    assert seen[-1].phase == "aborted"


@pytest.mark.parametrize(
    "said",
    [value("at-the-end"), value("quality"), value("nothing"), value(number=0.5182)],
    ids=["not-live", "metrics", "unknown", "unrounded"],
)
def test_a_worker_that_tells_what_is_not_live_loses_its_stream(room, said):
    refused_by_the_room(room, said)


def test_a_stranger_to_the_run_sees_no_event_at_all(room):
    with training(room) as (worker, run):
        worker.report(Progress(run=run, stage="train", percent=1, live=[value()]))
        with pytest.raises(RunUnknown):
            room.bank.watch(run.replace(run[-1], "0" if run[-1] != "0" else "1"))
        room.bank.call(room.bank.runs.Cancel, pb.RunRequest(run=run))


def test_values_are_gone_after_a_restart_and_stand_in_no_log(tmp_path):
    manifest = room_manifest(**training_changes(OUTPUTS))
    directory = tmp_path / "room"
    with coordinator(directory, manifest) as running:
        running.bank, _ = running.fill()
        with training(running) as (worker, run):
            worker.report(Progress(run=run, stage="train", percent=35, live=[value()]))
            worker.report(Failed(run=run, code="CR-6008"))
            before = values_of(running.bank.watch(run))
    kept = b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())
    assert before == [value()]
    assert str(SECRET).encode() not in kept


# --- the worker -----------------------------------------------------------------------------------


def tables():
    chance = np.random.default_rng(2)
    frame = pd.DataFrame({"a": chance.normal(size=200), "b": chance.normal(size=200)})
    frame["bought"] = chance.random(200) < 1 / (1 + np.exp(-2 * frame["a"]))
    return halves(frame, ["a", "bought"], ["b"])


def a_closed_gate_tells_nothing(**closed):
    label = {"name": "bought", "type": "bool", "role": "label"}
    outputs = {"curve": {**CURVE, **closed}, "model": {"kind": "model", "recipients": ["bank"]}}
    plain = training_plain([feature("a"), label], [feature("b")], {**TREES, "outputs": outputs})
    values, percents, _ = told(plain, tables())
    assert percents
    assert values == []


@pytest.mark.parametrize(
    "closed", [{"gate": {"min_group": 201}}, {"min_test": 51}, {"live": False}]
)
def test_a_training_behind_a_closed_gate_tells_how_far_it_is_and_no_value(closed):
    a_closed_gate_tells_nothing(**closed)


# --- mutants --------------------------------------------------------------------------------------


def test_the_story_notices_a_room_that_tells_everybody_everything(monkeypatch, room):
    assert_mutant_is_caught(
        monkeypatch,
        "enclave.coordinator.services.runs:for_party",
        hands_back(1),
        lambda: only_recipients_see_values(room),
    )


def an_unsigned_value_ends_the_stream(room):
    with training(room) as (worker, run):
        worker.report(Progress(run=run, stage="train", percent=1, live=[value("at-the-end")]))
        try:
            with pytest.raises(CallerRefused):
                worker.renew()
        finally:  # it would wait for the worker of the next test
            room.bank.call(room.bank.runs.Cancel, pb.RunRequest(run=run))


def test_the_story_notices_a_room_that_takes_any_value(monkeypatch, room):
    assert_mutant_is_caught(
        monkeypatch,
        "enclave.coordinator.reports:permitted",
        hands_back(1),
        lambda: an_unsigned_value_ends_the_stream(room),
    )


def ungated(outcome, rule):
    """A gate that lets everything through."""
    table = pa.table(dict(outcome.sources))
    return (Released(rule.output, "bank", table, False, table.num_rows, {}, 1 << 20),)


def test_the_story_notices_values_that_pass_no_gate(monkeypatch):
    assert_mutant_is_caught(
        monkeypatch,
        "enclave.computations.training.live:release",
        ungated,
        lambda: a_closed_gate_tells_nothing(gate={"min_group": 201}),
    )
