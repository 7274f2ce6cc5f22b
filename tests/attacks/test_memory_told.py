"""Attack: to learn another party's number of rows, or more, from what a run would have needed.

No worker says how much: it reports a code, and the room works the figure out from what was signed
and from rounded sizes. So a worker cannot say anything with it, nor two runs more than one.
"""

import pytest

from cleanroom.encoding import canonical
from cleanroom.errors import MemoryShort, RecordMalformed
from cleanroom.manifest.needs import Sizes, free_megabytes, needed
from cleanroom.protocol.run import RunView
from cleanroom.protocol.work import Failed, read_message
from enclave.worker import executor
from tests.support.mutants import assert_mutant_is_caught
from tests.support.rooms import coordinator, room_manifest
from tests.support.workers import ScriptedRoom, baskets, customers, live_manifest, running_worker

MB = 1_000_000


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    manifest = room_manifest(
        datasets__customers__allow__max_releases=100,
        datasets__baskets__allow__max_releases=100,
        computations__overlap__limits__max_runs=100,
        computations__matches__limits__max_runs=100,
    )
    with coordinator(tmp_path_factory.mktemp("room"), manifest) as running:
        running.bank, running.shop = running.party("bank"), running.party("shop")
        for part in (b"of customers", b"of baskets"):
            running.bank.upload(part)
        running.shop.put(running.shop.offer("baskets", [b"of baskets"], rows=50_000))
        yield running


def ended(room, rows, code=MemoryShort.code, computation="overlap"):
    """What the shop is told of a run over so many of the bank's rows, which ends with a code."""
    room.bank.put(room.bank.offer("customers", [b"of customers"], rows=rows))
    with room.worker() as worker:
        run = room.bank.submit(computation).run
        worker.next()
        worker.report(Failed(run=run, code=code))
        worker.next()
    return room.shop.view(run)


# --- what is told ---------------------------------------------------------------------------------


def test_the_figure_is_for_the_next_power_of_two_of_rows(room):
    computation = room.manifest.computations["overlap"]
    sizes = Sizes({"left": 1 << 17, "right": 1 << 16})
    told = ended(room, 70_000)
    assert (told.phase, told.code) == ("failed", MemoryShort.code)
    assert told.needs_mb == free_megabytes(needed(room.manifest, computation, sizes))


def rows_of_another_party_stay_unknown(room):
    told = [
        {ended(room, rows, computation=name).needs_mb for rows in (66_000, 70_001, 131_072)}
        for name in ("overlap", "matches")
    ]
    assert [len(figures) for figures in told] == [1, 1]
    assert None not in {*told[0], *told[1]}


def test_rows_of_another_party_stay_unknown_whatever_is_run(room):
    rows_of_another_party_stay_unknown(room)


def test_the_story_notices_sizes_that_are_told_as_they_are(monkeypatch, room):
    assert_mutant_is_caught(
        monkeypatch,
        "enclave.coordinator.needs:rounded",
        lambda sizes, *_: sizes,
        lambda: rows_of_another_party_stay_unknown(room),
    )


def an_end_of_another_kind_has_no_figure(room):
    told = ended(room, 70_000, code="CR-6005")
    assert told.needs_mb is None
    assert b"needs_mb" not in told.to_bytes()


def test_an_end_of_another_kind_has_no_figure(room):
    an_end_of_another_kind_has_no_figure(room)


# --- what a worker may say ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "more",
    [{"needs_mb": 5200}, {"needed": "5200"}, {"message": "alice@example.org"}, {"code": "x"}],
)
def test_a_worker_has_no_field_to_say_more_with(more):
    plain = {"kind": "failed", "run": "r-00000000000000e1", "code": MemoryShort.code, **more}
    with pytest.raises(RecordMalformed, match="Failed is malformed"):
        read_message(canonical(plain))


def test_a_worker_that_lies_about_its_memory_says_nothing_by_it(room):
    """Whatever it holds, short or not: what parties are told follows from the manifest alone."""
    assert ended(room, 70_000).to_plain().keys() == ended(room, 90_000).to_plain().keys()
    assert ended(room, 70_000).needs_mb == ended(room, 90_000).needs_mb


@pytest.mark.parametrize("figure", [0, -1, 1 << 51, 5200.5, "5200"])
def test_a_party_takes_no_other_figure_than_a_number_in_bounds(figure):
    view = {
        "run": "r-00000000000000e1",
        "computation": "overlap",
        "submitter": "bank",
        "phase": "failed",
        "submitted_at": "2027-01-15T12:00:00Z",
        "engine": "process",
        "code": MemoryShort.code,
        "outputs": [],
        "needs_mb": figure,
    }
    with pytest.raises(RecordMalformed, match="needs_mb"):
        RunView.from_plain(view)


def test_a_real_worker_without_memory_refuses_and_leaves_only_a_code(tmp_path, monkeypatch):
    monkeypatch.setattr(executor, "available_memory", lambda: MB // 100)
    scripted = ScriptedRoom(live_manifest())
    directory = tmp_path / "sealed"
    directory.mkdir()
    held = {
        "customers": scripted.add("customers", customers(0, 100), directory),
        "baskets": scripted.add("baskets", baskets(0, 100), directory),
    }
    with scripted.serving() as address, running_worker(scripted, address, tmp_path):
        worker = scripted.worker()
        order = scripted.order("matches", held, worker, limit=100)
        worker.say(order)
        assert worker.hear() == Failed(run=order.run, code=MemoryShort.code)
        assert scripted.store.downloads == 0
