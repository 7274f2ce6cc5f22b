"""The engine: commit before effect, the end when the disk refuses, and what time does."""

import hashlib
from datetime import timedelta
from functools import partial

import pytest

from cleanroom.errors import CallerRefused, RunRefused, StateUnreadable
from cleanroom.ledger.entry import Entry
from cleanroom.protocol.receipt import Receipt
from cleanroom.protocol.work import Order, Stop
from enclave.attester.supply import Supply
from enclave.coordinator import events
from enclave.coordinator.blobs import Blobs
from enclave.coordinator.callers import Callers
from enclave.coordinator.engine import Engine
from enclave.coordinator.events import RunRequested
from enclave.coordinator.journal import Journal
from enclave.coordinator.leases import Leases
from enclave.coordinator.outboxes import MOST_MESSAGES, Closed, Outboxes, Stream
from enclave.coordinator.performing import Performer
from enclave.coordinator.room import step
from tests.support.histories import History, instance, run_name
from tests.support.manifests import NOW
from tests.support.platform import MEASUREMENT, simulated_platform


class Clocks:
    """Both clocks of a coordinator, moved by the test."""

    def __init__(self):
        self.now = NOW
        self.seconds = 1000.0

    def pass_(self, seconds):
        self.now += timedelta(seconds=seconds)
        self.seconds += seconds


class Running:
    """An engine over a journal that already holds a history, without any network."""

    def __init__(self, directory, history):
        self.clocks, self.deaths = Clocks(), []
        self.history = history
        derive = partial(derived, b"machine")
        genesis = history.room.genesis
        self.journal = Journal.open(directory, genesis, derive, NOW)
        already = self.journal.room.size
        for event in history.happened if already == 0 else []:
            made = step(self.journal.room, event)
            self.journal.log.extend(made)
            self.journal.commit(event, made, [])
        monotonic = lambda: self.clocks.seconds  # noqa: E731
        performer = Performer(
            self.journal.keys,
            Blobs(directory / "blobs"),
            Callers(monotonic),
            Leases(monotonic),
            Leases(monotonic),
        )
        self.engine = Engine(
            self.journal,
            simulated_platform().attester(MEASUREMENT, genesis.digest),
            performer,
            supply=Supply(None),
            clock=lambda: self.clocks.now,
            on_death=lambda: self.deaths.append(True),
        )

    def connect(self, number=1, lease_s=600):
        """Join a worker as `admission` does, and give what it hears and its token."""
        stream = Stream()
        token = self.engine.performer.connect(instance(number), stream, lease_s)
        joined = History.begin()
        joined.propose()
        joined.join(number)
        event = joined.happened[-1]
        self.engine.apply(lambda at: event.model_copy(update={"at": at}))
        return stream, token

    def submit(self, number=1, computation="matches"):
        request = self.history.request(computation, number)
        return self.engine.apply(
            lambda at: RunRequested(at=at, party="bank", request=request, run=run_name(number))
        )


def derived(secret, context):
    """A platform's key derivation."""
    return hashlib.sha256(secret + context).digest()


def heard(stream):
    """Everything that waits in a stream."""
    items = []
    while (item := stream.take(0)) is not None:
        items.append(item)
    return items


@pytest.fixture
def running(tmp_path):
    """An active room with both datasets, whose sealed keys do not open."""
    made = Running(tmp_path, History.active())
    yield made
    made.engine.close()


def fill_the_disk(running):
    """The database may not grow by a page any more: what the disk says when it is full."""
    connection = running.journal._store._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")


def until_the_disk_is_full(running):
    for number in range(2, 60):
        running.submit(number)
        running.engine.apply(
            lambda at, n=number: events.RunCancelled(at=at, party="bank", run=run_name(n))
        )


def test_an_event_is_in_the_journal_before_anybody_hears_of_it(running, tmp_path):
    running.submit()
    running.engine.close()
    again = Running(tmp_path, running.history)
    assert again.engine.room.run(run_name(1)).phase == "submitted"
    again.engine.close()


def test_a_refused_event_leaves_no_trace(running):
    before, size = running.engine.room, running.engine.head().size
    with pytest.raises(RunRefused):
        running.submit(1, "nothing")
    assert running.engine.room is before
    assert running.engine.head().size == size


def test_when_the_disk_refuses_nothing_leaves_and_the_engine_is_dead(running, tmp_path):
    stream, _ = running.connect()
    heard(stream)
    fill_the_disk(running)
    with pytest.raises(StateUnreadable, match="cannot be read or written"):
        until_the_disk_is_full(running)
    assert running.deaths == [True]
    for act in (
        lambda: running.submit(99),
        lambda: running.engine.statement(bytes(32), 0),
        running.engine.tick,
    ):
        with pytest.raises(StateUnreadable, match="has ended"):
            act()
    known = running.journal.room
    running.engine.close()
    again = Running(tmp_path, running.history)
    assert again.engine.room == known
    again.engine.close()


def test_no_order_is_sent_for_a_grant_that_is_not_durable(running):
    stream, _ = running.connect()
    fill_the_disk(running)
    running.journal._store._connection.execute("PRAGMA query_only = ON")
    heard(stream)
    with pytest.raises(StateUnreadable):
        running.submit()
    assert heard(stream) == []


def test_a_key_that_does_not_open_fails_the_run_and_not_the_room(running):
    """The histories' sealed keys are no keys: the run ends, with the grant in the log."""
    stream, _ = running.connect()
    running.submit()
    run = running.engine.room.run(run_name(1))
    assert (run.phase, run.code, run.granted) == ("failed", "CR-3008", True)
    assert not [item for item in heard(stream) if isinstance(item, Order)]


def test_a_lease_that_runs_out_takes_the_worker_its_token_and_its_run(tmp_path):
    history = History.active()
    history.join(1)
    history.join(2)
    history.submit("overlap")
    made = Running(tmp_path, history)
    engine = made.engine
    for number in (1, 2):
        engine.performer.connect(instance(number), Stream(), 600)
    stream = Stream()
    token = engine.performer.connect(instance(1), stream, 10)
    made.clocks.pass_(9)
    engine.tick()
    assert instance(1) in engine.room.workers
    made.clocks.pass_(2)
    engine.tick()
    assert instance(1) not in engine.room.workers
    assert engine.room.run(run_name(1)).code == "CR-6003"
    assert isinstance(heard(stream)[-1], Closed)
    import base64

    with pytest.raises(CallerRefused):
        engine.performer.callers.caller(base64.b64encode(token).decode())
    engine.close()


def test_a_lease_is_over_before_the_next_event_is_looked_at(running):
    """No run is given to a worker whose lease has just ended."""
    running.connect(lease_s=10)
    running.clocks.pass_(10)
    room = running.submit()
    assert room.workers == {}
    assert room.run(run_name(1)).phase == "submitted"


def test_moving_the_system_clock_does_not_extend_a_lease(running):
    running.connect(lease_s=10)
    running.clocks.now -= timedelta(days=1)
    running.clocks.seconds += 11
    running.engine.tick()
    assert running.engine.room.workers == {}


def test_the_rooms_time_never_goes_back(running):
    running.clocks.pass_(100)
    running.submit(1)
    before = running.engine.now()
    running.clocks.now -= timedelta(days=1)
    assert running.engine.now() == before
    running.submit(2)
    entries = [Entry.from_bytes(raw).at for raw in running.engine.entries(0, 1000)]
    assert entries == sorted(entries)


def test_a_run_that_waits_too_long_times_out(running):
    running.submit()
    running.clocks.pass_(901)
    running.engine.tick()
    assert running.engine.room.run(run_name(1)).code == "CR-6004"


def test_a_release_that_was_due_is_made_at_the_next_start(tmp_path):
    """Killed between the check of the outputs and their release: nothing is lost, or twice."""
    history = History.active()
    history.join(1)
    history.submit()
    history.report()
    history.check()
    made = Running(tmp_path, history)
    made.engine.boot()
    assert made.engine.room.run(run_name(1)).phase == "released"
    receipt = made.engine.receipt(run_name(1))
    made.engine.close()
    again = Running(tmp_path, history)
    again.engine.boot()
    assert again.engine.receipt(run_name(1)) == receipt
    assert Receipt.from_bytes(receipt).envelope.payload
    again.engine.close()


def test_outputs_that_were_reported_are_checked_at_the_next_start(tmp_path):
    history = History.active()
    history.join(1)
    history.submit()
    history.report()
    made = Running(tmp_path, history)
    made.engine.boot()
    run = made.engine.room.run(run_name(1))
    assert (run.phase, run.code) == ("refused", "CR-6005")
    made.engine.close()


def test_a_worker_that_does_not_read_is_sent_away():
    outboxes, stream = Outboxes(), Stream()
    outboxes.open("w-1", stream)
    for _ in range(MOST_MESSAGES + 1):
        outboxes.tell("w-1", Stop(run=run_name(1)))
    outboxes.tell("w-1", Stop(run=run_name(1)))
    items = heard(stream)
    assert isinstance(items[-1], Closed)
    assert len(items) == MOST_MESSAGES + 1
