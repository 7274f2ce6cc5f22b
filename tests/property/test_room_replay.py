"""Whatever happens to a room, replaying what was accepted makes the same room and log again."""

import hashlib
import tempfile
from contextlib import suppress
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from cleanroom.errors import CleanroomError
from cleanroom.manifest.genesis import Genesis
from enclave.coordinator.events import Booted
from enclave.coordinator.journal import Journal
from enclave.coordinator.phases import TRANSITIONS
from enclave.coordinator.room import step
from enclave.coordinator.state import Room
from tests.support.histories import History, run_name
from tests.support.manifests import NOW

LIMITS = {
    "computations__overlap__limits__max_runs": 3,
    "computations__matches__limits__max_runs": 2,
    "datasets__customers__allow__max_releases": 4,
}
small = st.integers(1, 4)
ACTIONS = st.one_of(
    st.tuples(st.just("boot")),
    st.tuples(st.just("wait"), st.sampled_from([1, 60, 901])),
    st.tuples(st.just("join"), small),
    st.tuples(st.just("leave"), small),
    st.tuples(st.just("ask"), small),
    st.tuples(st.just("show"), small),
    st.tuples(st.just("submit"), st.sampled_from(["overlap", "matches"]), small),
    st.tuples(st.just("equip"), small, small),
    st.tuples(st.just("ready"), small, small),
    st.tuples(st.just("report"), small, small),
    st.tuples(st.just("check"), small),
    st.tuples(st.just("release"), small),
    st.tuples(st.just("complete"), small, small),
    st.tuples(st.just("fail"), small, small),
    st.tuples(st.just("time_out"), small),
    st.tuples(st.just("cancel"), st.sampled_from(["bank", "shop"]), small),
)
schedules = st.lists(ACTIONS, max_size=40)


def lived(schedule):
    """A room after a schedule; what the room refuses has not happened."""
    history = History.active(**LIMITS)
    for name, *arguments in schedule:
        with suppress(CleanroomError, KeyError):  # a worker that is not here shows nothing
            getattr(history, name)(*arguments)
    return history


@given(schedules)
def test_replaying_the_accepted_events_makes_the_same_room(schedule):
    history = lived(schedule)
    room, entries = Room(genesis=Genesis.of(history.manifest), at=NOW), []
    for event in history.happened:
        made = step(room, event)
        room = made.room
        entries += made.entries
    assert room == history.room
    assert entries == history.entries
    assert [entry.sequence for entry in entries] == list(range(room.size))


@given(schedules)
def test_no_limit_is_ever_exceeded(schedule):
    history = lived(schedule)
    manifest, told = history.manifest, history.entries
    granted = [one.content.run for one in told if one.content.kind == "keys-granted"]
    assert len(set(granted)) == len(granted)
    for name, computation in manifest.computations.items():
        used = [run for run in granted if history.room.run(run).request.computation == name]
        assert len(used) == history.room.runs_granted.get(name, 0) <= computation.limits.max_runs
    for name, dataset in manifest.datasets.items():
        used = [run for run in granted if name in history.room.run(run).datasets]
        assert len(used) <= dataset.allow.max_releases


@given(schedules)
def test_a_run_ends_once_and_is_released_only_after_its_keys(schedule):
    history = lived(schedule)
    kinds: dict[str, list[str]] = {}
    for entry in history.entries:
        if hasattr(entry.content, "run"):
            kinds.setdefault(entry.content.run, []).append(entry.content.kind)
    for told in kinds.values():
        assert told[0] == "run-submitted"
        assert told in (
            ["run-submitted"],
            ["run-submitted", "keys-granted"],
            ["run-submitted", "run-ended"],
            ["run-submitted", "keys-granted", "run-ended"],
            ["run-submitted", "keys-granted", "run-released"],
        )


@given(schedules)
def test_workers_and_runs_agree_about_each_other(schedule):
    room = lived(schedule).room
    for worker in room.workers.values():
        if worker.run is not None:
            run = room.run(worker.run)
            assert not run.over
            assert run.member(worker.instance).join == worker.join
    assert room.live == tuple(name for name, run in room.runs.items() if not run.over)
    for run in room.runs.values():
        assert run.over == (not TRANSITIONS[run.phase])
        assert (run.code is not None) == (run.over and run.phase != "released")
        if run.phase in {"authorized", "provisioned", "running"}:
            assert all(room.workers[one.instance].run == run.name for one in run.gang)


@settings(max_examples=10)
@given(schedules, st.integers(0, 60))
def test_a_journal_cut_at_any_event_opens_to_the_room_of_that_moment(schedule, cut):
    """The process dies between two commits; the next one has exactly what was committed."""
    history = lived(schedule)
    genesis = Genesis.of(history.manifest)
    with tempfile.TemporaryDirectory() as directory:
        journal = Journal.open(Path(directory), genesis, derive, NOW)
        for event in history.happened[:cut]:
            made = step(journal.room, event)
            journal.log.extend(made)
            journal.commit(event, made, [])
        room, head = journal.room, journal.log.head()
        journal.close()
        again = Journal.open(Path(directory), genesis, derive, NOW)
        assert again.room == room
        assert again.log.head() == head
        boot = Booted(at=max(NOW, room.at), sign_key=bytes(32), epoch=room.epoch + 1)
        made = step(again.room, boot)
        assert made.room.workers == {}
        again.close()


def derive(context):
    """A platform's key derivation."""
    return hashlib.sha256(context).digest()


def test_the_schedules_reach_releases():
    """The generator is of use only if honest runs get through it."""
    history = lived([("join", 1), ("submit", "matches", 1), ("complete", 1, 1)])
    assert history.room.run(run_name(1)).phase == "released"
