"""The table of phases is whole, and its page is drawn from it."""

from typing import get_args

import pytest

from cleanroom.ledger.entry import Entry
from cleanroom.protocol.run import FINAL, Phase
from enclave.coordinator.diagram import MEANINGS, page
from enclave.coordinator.events import Event, Journalled
from enclave.coordinator.phases import FIRST, LOSABLE, TRANSITIONS, Happening
from tests.support.histories import History
from tests.support.lost_gangs import running_training
from tests.support.source_tree import ROOT, modules, parsed, relative, written

PHASES = set(get_args(Phase))


def test_every_phase_has_its_row_and_its_meaning():
    assert set(TRANSITIONS) == PHASES == set(MEANINGS)


def test_final_phases_lead_nowhere_and_all_others_somewhere():
    assert {phase for phase, ways in TRANSITIONS.items() if not ways} == FINAL


def test_every_phase_can_be_reached_and_every_happening_happens():
    reached, todo = set(), [FIRST]
    while todo:
        phase = todo.pop()
        reached.add(phase)
        todo += [to for to in TRANSITIONS[phase].values() if to not in reached]
    assert reached == PHASES
    assert {name for ways in TRANSITIONS.values() for name in ways} == set(get_args(Happening))


@pytest.mark.parametrize("phase", sorted(PHASES - FINAL))
def test_every_run_can_end_by_failure_cancel_and_time(phase):
    assert {"failed", "cancelled", "expired"} <= set(TRANSITIONS[phase])


def test_a_run_needs_its_workers_only_while_it_has_them():
    assert {"authorized", "provisioned", "running"} == LOSABLE


def test_the_page_is_the_one_that_the_table_draws():
    assert (ROOT / "docs/room.md").read_text(encoding="utf-8") == page()


def test_nothing_but_move_gives_a_run_its_phase():
    given = [
        relative(path)
        for path in modules("enclave/coordinator")
        for node in __import__("ast").walk(parsed(path))
        if node.__class__.__name__ == "Call"
        and written(node.func) == "replace"
        and any(keyword.arg == "phase" for keyword in node.keywords)
    ]
    assert given == ["enclave/coordinator/phases.py"]


def test_every_event_survives_the_journal():
    kinds = {member.model_fields["kind"].default for member in get_args(Event)}
    history = History.active()
    for number in (1, 2):
        history.join(number)
    history.submit("overlap", 1)
    for number in (1, 2):
        history.equip(number)
    for number in (1, 2):
        history.ready(number)
    history.ask(1)
    history.show(1)
    history.complete()
    history.submit("matches", 2)
    history.fail(1, 2)
    history.submit("matches", 3)
    history.cancel("bank", 3)
    history.submit("matches", 4)
    history.wait(901)
    history.time_out(4)
    history.leave(1)
    training = running_training()
    training.snapshot()
    training.leave(1)
    happened = [*history.happened, *training.happened]
    assert {event.kind for event in happened} == kinds
    for event in happened:
        raw = Journalled(event=event).to_bytes()
        assert Journalled.from_bytes(raw).event == event
    for entry in [*history.entries, *training.entries]:
        assert Entry.from_bytes(entry.to_bytes()) == entry
