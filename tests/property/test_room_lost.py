"""Whatever is lost in whatever order: a training is charged once, released once, and by its last gang."""

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from cleanroom.errors import CleanroomError
from cleanroom.manifest.genesis import Genesis
from enclave.coordinator.ending import MOST_LOST
from enclave.coordinator.room import step
from enclave.coordinator.state import Room
from tests.support.histories import History
from tests.support.lost_gangs import gang_manifest
from tests.support.manifests import NOW

MANIFEST = gang_manifest()
small, run = st.integers(1, 9), st.integers(1, 2)
ACTIONS = st.one_of(
    st.tuples(st.just("join"), small),
    st.tuples(st.just("leave"), small),
    st.tuples(st.just("submit"), st.just("model"), run),
    st.tuples(st.just("form"), small, small, run),
    st.tuples(st.just("snapshot"), small, run),
    st.tuples(st.just("report"), small, run),
    st.tuples(st.just("fail"), small, run, st.just("CR-6003")),
    st.tuples(st.just("finish"), run),
    st.tuples(st.just("boot")),
    st.tuples(st.just("cancel"), st.just("bank"), run),
)


def lived(schedule):
    """A room after a schedule; what the room refuses has not happened."""
    history, joined = History.started(MANIFEST).agreed(), set()
    for name, *arguments in schedule:
        if name == "join":
            # a worker's name is drawn once: who comes back is another worker
            steps = [] if arguments[0] in joined else [(name, *arguments)]
            joined |= {*arguments}
        elif name == "form":
            *gang, number = arguments
            steps = [(act, worker, number) for act in ("equip", "ready") for worker in gang]
        elif name == "finish":
            steps = [("check", *arguments), ("release", *arguments)]
        else:
            steps = [(name, *arguments)]
        for act, *given_ in steps:
            with suppress(CleanroomError, KeyError):
                getattr(history, act)(*given_)
    return history


@settings(max_examples=60)
@given(st.lists(ACTIONS, max_size=40))
def test_a_run_is_charged_once_and_ends_once_however_often_it_begins(schedule):
    history = lived(schedule)
    told = [one.content for one in history.entries]
    granted = {one.run for one in told if one.kind == "keys-granted"}
    assert history.room.runs_granted.get("model", 0) == len(granted)
    assert history.room.releases_granted.get("customers", 0) == len(granted)
    ended = [one.run for one in told if one.kind in {"run-released", "run-ended"}]
    assert len(ended) == len(set(ended))
    for one in history.room.runs.values():
        assert len(one.earlier) <= MOST_LOST
        lost = {worker.instance for gang in one.earlier for worker in gang.workers}
        assert not lost & {worker.instance for worker in one.gang}
        assert not lost & set(history.room.workers)
        assert one.snapshot is None or not one.over


@settings(max_examples=30)
@given(st.lists(ACTIONS, max_size=40))
def test_replaying_a_room_with_losses_makes_it_again(schedule):
    history = lived(schedule)
    room, entries = Room(genesis=Genesis.of(MANIFEST), at=NOW), []
    for event in history.happened:
        made = step(room, event)
        room, entries = made.room, entries + list(made.entries)
    assert room == history.room
    assert entries == history.entries


def test_the_schedules_reach_a_release_after_a_loss():
    """The generator is of use only if honest runs get through it."""
    first = [("join", 1), ("join", 2), ("submit", "model", 1), ("form", 1, 2, 1), ("leave", 2)]
    again = [("join", 3), ("join", 4), ("form", 3, 4, 1), ("report", 3, 1), ("finish", 1)]
    history = lived([*first, *again])
    assert history.run().phase == "released"
    assert history.told().count("keys-granted") == 2
