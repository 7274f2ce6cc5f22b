"""Following a run: events in order, through breaks and restarts; its error as the room recorded it."""

import threading

import pytest

from cleanroom.client.room import connect
from cleanroom.client.run import Run
from cleanroom.errors import (
    CATALOGUE,
    ApprovalMissing,
    CallerRefused,
    ComputationFailed,
    DeadlineExceeded,
    GroupTooSmall,
    MemoryShort,
    RunRefused,
    Unreachable,
    Usage,
)
from tests.support.hostile_room import RUN, HostileRoom, event, identity_of, simulated_manifest
from tests.support.manifests import NOW


@pytest.fixture(scope="module")
def manifest():
    return simulated_manifest()


@pytest.fixture
def room(manifest):
    return HostileRoom(manifest, events=[event(0), event(1), event(2), event(3, "released")])


def enter(room, address, directory, patience_s=10.0, party="bank"):
    return connect(
        room.manifest,
        identity=identity_of(party),
        coordinator=address,
        allow_simulated=True,
        directory=directory,
        clock=lambda: NOW,
        patience_s=patience_s,
    )


def sequences(run, **choices):
    return [one.sequence for one in run.watch(**choices)]


def test_events_come_in_order_until_the_run_is_over(room, tmp_path):
    with room.serving() as address, enter(room, address, tmp_path) as bank:
        assert sequences(bank.run_by_id(RUN)) == [0, 1, 2, 3]


def test_a_watch_that_breaks_goes_on_where_it_was(room, tmp_path):
    room.watch_breaks = [1, 3, 0]
    with room.serving() as address, enter(room, address, tmp_path) as bank:
        assert sequences(bank.run_by_id(RUN)) == [0, 1, 2, 3]
    assert room.received.count("Watch") == 4


def test_a_watch_that_only_breaks_ends_with_the_patience(room, tmp_path):
    room.watch_breaks = [2] * 1000
    with room.serving() as address, enter(room, address, tmp_path, patience_s=0.5) as bank:
        run = bank.run_by_id(RUN)
        with pytest.raises(Unreachable):
            sequences(run)


def test_a_watch_goes_on_after_the_coordinator_was_restarted(room, tmp_path):
    """The statement is verified again; events were kept in its memory, so their story starts anew."""
    room.events, room.holds_watch = room.events[:2], True
    with room.serving() as address:
        bank = enter(room, address, tmp_path, patience_s=30)
        watching = bank.run_by_id(RUN).watch()
        seen = [next(watching).sequence, next(watching).sequence]
        port = int(address.rpartition(":")[2])
        room.resume.set()
    room.received.clear()
    room.events = [event(0, "output-check"), event(1, "released")]
    room.entries.append(b"booted again")
    with room.serving(port):
        phases = [one.phase for one in watching]
    bank.close()
    assert seen == [0, 1]
    assert phases == ["output-check", "released"]
    assert {"GetStatement", "OpenSession", "Watch"} <= set(room.received)


def test_a_watch_that_ends_too_early_reads_the_story_from_its_start(room, tmp_path):
    """A coordinator that was restarted behind our back knows fewer events than we have seen."""
    first, room.events = room.events, room.events[:2]
    with room.serving() as address, enter(room, address, tmp_path) as bank:
        watching = bank.run_by_id(RUN).watch()
        seen = [next(watching).sequence, next(watching).sequence]
        room.events = first[-1:]
        seen += [one.sequence for one in watching]
    assert seen == [0, 1, 3]


def test_a_call_waits_out_a_restart(room, tmp_path):
    with room.serving() as address:
        bank = enter(room, address, tmp_path, patience_s=30)
        port = int(address.rpartition(":")[2])
    answered = threading.Event()
    views = []

    def ask():
        views.append(bank.status())
        answered.set()

    asking = threading.Thread(target=ask)
    asking.start()
    assert not answered.wait(0.3)
    with room.serving(port):
        asking.join(30)
    bank.close()
    assert views[0].phase == "active"


def test_patience_ends(room, tmp_path):
    with room.serving() as address:
        bank = enter(room, address, tmp_path, patience_s=0.3)
    with pytest.raises(Unreachable, match="nobody answers"):
        bank.runs()


def test_a_call_refused_in_a_fresh_session_is_refused(room, tmp_path):
    class NeverContent(set):
        def __contains__(self, _token):
            return False

    with room.serving() as address, enter(room, address, tmp_path) as bank:
        room.tokens = NeverContent()
        with pytest.raises(CallerRefused, match="token is unknown"):
            bank.runs()
    assert room.received.count("OpenSession") == 2


def test_waiting_for_a_released_run_returns_it(room, tmp_path):
    with room.serving() as address, enter(room, address, tmp_path) as bank:
        run = bank.run_by_id(RUN)
        assert run.wait() is run
        assert run.phase == "released"


@pytest.mark.parametrize("code", ["CR-5001", "CR-6003", "CR-6004", "CR-6006", "CR-4002"])
def test_a_failed_run_raises_the_error_that_the_room_recorded(room, tmp_path, code):
    room.events[-1] = event(3, "failed", code)
    with room.serving() as address, enter(room, address, tmp_path) as bank:
        run = bank.run_by_id(RUN)
        with pytest.raises(
            CATALOGUE[code], match=f"run {RUN} of 'overlap' ended as failed"
        ) as told:
            run.result()
    assert type(told.value) is CATALOGUE[code]
    assert told.value.hint == CATALOGUE[code].fix


def test_a_code_that_this_version_does_not_know_is_a_failed_computation(room, tmp_path):
    room.events[-1] = event(3, "failed", "CR-6999")
    with room.serving() as address, enter(room, address, tmp_path) as bank:
        run = bank.run_by_id(RUN)
        with pytest.raises(ComputationFailed):
            run.wait()


def test_waiting_ends_in_time_and_the_run_goes_on(room, tmp_path):
    room.events = [event(0)]
    room.holds_watch = True
    with room.serving() as address, enter(room, address, tmp_path) as bank:
        with pytest.raises(DeadlineExceeded, match=f"run {RUN} is not over after"):
            bank.run_by_id(RUN).wait(timeout=0.5)
        room.resume.set()
    assert "Cancel" not in room.received


def test_a_computation_that_is_not_there_or_not_for_this_party_is_refused_here(room, tmp_path):
    with room.serving() as address:
        with enter(room, address, tmp_path) as bank, pytest.raises(RunRefused, match="'nothing'"):
            bank.run("nothing")
        shop = enter(room, address, tmp_path / "shop", party="shop")
        with shop, pytest.raises(RunRefused, match=r"'shop' may run: \['overlap'\]"):
            shop.run("matches")
    assert "Submit" not in room.received


def test_an_output_of_somebody_else_is_refused_here(room, tmp_path):
    with room.serving() as address, enter(room, address, tmp_path) as bank:
        run = bank.run_by_id(RUN)
        with pytest.raises(Usage, match=r"'bank' receives: \['size'\]"):
            run.result("for-shop")


def test_the_error_of_a_refused_run_says_why_in_a_sentence(room, tmp_path):
    room.events = [event(0, "refused", "CR-5001")]
    match = "ended as refused: fewer distinct units"
    with room.serving() as address, enter(room, address, tmp_path) as bank:
        run = bank.run_by_id(RUN)
        with pytest.raises(GroupTooSmall, match=match):
            run.wait()


@pytest.mark.parametrize(
    ("phase", "approved", "party", "words"),
    [
        ("waiting", (), "bank", "sign with `cleanroom approve`"),
        ("proposed", ("shop",), "bank", "sign with `cleanroom approve`"),
        ("proposed", ("bank",), "bank", "wait for shop to approve"),
        ("active", ("bank", "shop"), "bank", "bring 'customers'"),
        ("active", ("bank", "shop"), "shop", "bring 'baskets'"),
    ],
)
def test_status_says_what_this_party_does_next(  # noqa: PLR0917 - a table of cases
    room, tmp_path, phase, approved, party, words
):
    room.phase = phase
    room.envelopes = [
        one for one in room.envelopes if one.signatures[0].keyid.partition("-")[0] in approved
    ]
    with room.serving() as address, enter(room, address, tmp_path, party=party) as entered:
        status = entered.status()
    assert words in status.next_step
    assert status.approvals == f"{len(approved)} of 2 approvals"
    assert words in repr(status)
    assert status.to_json()["next_step"] == status.next_step


def test_a_room_that_is_proposed_takes_approvals_and_becomes_active(room, tmp_path):
    envelopes, room.phase = room.envelopes, "waiting"
    with room.serving() as address, enter(room, address, tmp_path) as bank:
        with pytest.raises(ApprovalMissing):
            bank.runs()
        assert bank.propose(envelopes[:1]).phase == "proposed"
        assert bank.propose(envelopes).phase == "active"
        assert bank.runs() == []
        assert bank.verdict.phase == "active"


def test_the_verdict_is_a_table_and_says_loudly_that_it_is_simulated(room, tmp_path):
    with room.serving() as address, enter(room, address, tmp_path) as bank:
        verdict = bank.verdict
    shown = verdict._repr_mimebundle_()
    assert "SIMULATED" in repr(verdict)
    assert "SIMULATED" in shown["text/html"]
    assert "✅" in shown["text/html"]
    assert all(finding.check in shown["text/plain"] for finding in verdict.findings)
    assert verdict.to_json()["assurance"] == "simulated"


def test_statements_are_kept_as_they_were_verified(room, tmp_path):
    with room.serving() as address:
        enter(room, address, tmp_path).close()
        room.entries.append(b"more")
        enter(room, address, tmp_path).close()
    lineage = str(room.manifest.metadata.lineage)
    kept = sorted((tmp_path / ".cleanroom" / "statements" / lineage).iterdir())
    assert [path.name for path in kept] == ["00000003.json", "00000004.json"]


def test_address_and_identity_are_taken_from_the_memory(room, tmp_path):
    from cleanroom.client.memory import Memory

    path = identity_of("bank").save(tmp_path / "bank.key")
    with room.serving() as address:
        Memory(tmp_path).remember(coordinator=address, identity=path, allow_simulated=True)
        with connect(room.manifest, directory=tmp_path, clock=lambda: NOW) as bank:
            assert bank.party == "bank"


def test_without_an_address_nothing_is_guessed(room, tmp_path):
    with pytest.raises(Usage, match="no coordinator is given"):
        connect(room.manifest, identity=identity_of("bank"), directory=tmp_path)


def test_a_run_that_lacked_memory_says_how_much_it_needs(room):
    view = room.view("failed", MemoryShort.code).model_copy(update={"needs_mb": 5200})
    with pytest.raises(
        MemoryShort,
        match=r"ended as failed: the inputs need more memory than the worker has: by estimate it "
        r"takes up to 5,200 MB of free memory on each worker$",
    ) as caught:
        Run(None, view).wait()
    assert "lower `max_rows`" in caught.value.hint
    silent = room.view("failed", MemoryShort.code)
    with pytest.raises(MemoryShort, match=r"than the worker has$"):
        Run(None, silent).wait()


def test_a_figure_that_comes_with_another_code_is_not_shown(room):
    view = room.view("failed", ComputationFailed.code).model_copy(update={"needs_mb": 5200})
    with pytest.raises(ComputationFailed) as caught:
        Run(None, view).wait()
    assert "5" not in caught.value.message.replace(RUN, "")
