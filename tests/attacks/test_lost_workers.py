"""A worker that was lost in the middle of a training comes back, or what it had learned does.

The host ends workers when it likes, keeps the room's disk, and lets old machines speak again. A run
has one result, from its last gang; a snapshot opens for its own run only, and for nobody outside.
"""

from contextlib import contextmanager
from dataclasses import replace

import pytest

from cleanroom.crypto.sealing import Unsealer
from cleanroom.errors import CallerRefused, CleanroomError, RunRefused, SealBroken
from cleanroom.protocol.receipt import Receipt
from cleanroom.protocol.work import Credentials, Finished, Order, Peer, Provision, Ready
from enclave.computations.training.past import Past, Sums
from enclave.coordinator.snapshots import for_head
from enclave.worker.orders import adopt
from enclave.worker.snapshots import LEAST, Keeper, key_of, past_in, sealed
from tests.support.cards import training_changes
from tests.support.gangs import equip
from tests.support.histories import instance, run_name
from tests.support.lost_gangs import running_training
from tests.support.manifests import NOW
from tests.support.rooms import coordinator, room_manifest

CANARY = b"a sum of gradients that nobody else may see" * 8


def past(content=CANARY):
    return Past([(Sums(shards=1, size=len(content)), content)])


# --- late words -----------------------------------------------------------------------------------


@contextmanager
def training_room(directory):
    """A room whose computation `matches` trains on two workers, its data, and the bank."""
    manifest = room_manifest(**training_changes(workers={"role": "cpu", "count": 2}))
    with coordinator(directory, manifest) as room:
        bank, shop = room.party("bank"), room.party("shop")
        bank.add("customers")
        shop.add("baskets")
        yield room, bank


def ordered(gang, run):
    """What the head is ordered once its gang has formed."""
    for worker in gang:
        assert isinstance(worker.next(), Provision)
        equip(worker, run)
    for worker in gang:
        assert isinstance(worker.next(), Credentials)
        worker.report(Ready(run=run, preflight=[]))
    head, *others = [worker.next() for worker in gang]
    assert all(isinstance(each, Order) for each in (head, *others))
    return head


def lost(room, bank):
    """A run whose gang has lost its second worker; the run, the head, and what it was ordered."""
    run = bank.submit("matches").run
    head, other = room.worker(node_ip="127.0.0.2"), room.worker(node_ip="127.0.0.3")
    order = ordered([head, other], run)
    other.leave()
    return run, head, order


def test_who_is_left_of_a_gang_is_dismissed(directory):
    """It has the keys of the run, a token and a stream; the run is not its any more."""
    with training_room(directory) as (room, bank):
        _, head, _ = lost(room, bank)
        with pytest.raises(CleanroomError):
            head.next()
        with pytest.raises(CallerRefused):
            head.store(b"a late result")


def test_a_machine_of_a_lost_gang_comes_back_and_delivers(directory):
    """It joins again, which it may, and reports what it had computed for the run."""
    with training_room(directory) as (room, bank):
        run, head, order = lost(room, bank)
        with pytest.raises(CleanroomError):
            head.next()
        gang = [room.worker(node_ip="127.0.0.4"), room.worker(node_ip="127.0.0.5")]
        again = ordered(gang, run)
        late = room.worker(node_ip="127.0.0.2")
        late.report(Finished(run=run, outputs=late.results(order, b"late")))
        with pytest.raises(CallerRefused, match="not in the gang"):
            late.renew()
        gang[0].finish(again)
        assert bank.watch(run)[-1].phase == "released"
        joins = [join.node_ip for join in Receipt.from_bytes(bank.receipt(run)).joins]
        assert joins == ["127.0.0.4", "127.0.0.5"]


# --- snapshots ------------------------------------------------------------------------------------


class Case:
    """A run that has its keys, another run of the same room, and the room's own key."""

    def __init__(self):
        self.history = running_training()
        self.history.submit("model", 2)
        self.room = Unsealer.generate()
        self.worker = Unsealer.generate()

    def accepted(self, number=1, head=1):
        """What the driver of a run's gang has accepted."""
        order = Order(
            run=run_name(number),
            manifest=self.history.manifest.digest,
            computation="model",
            parameters={},
            inputs={},
            gang=[Peer(instance=instance(head), node=0, node_ip="127.0.0.2", port_base=7100)],
            deadline=NOW,
        )
        return adopt(order, self.history.manifest)

    def sealed(self, directory, number=1, content=CANARY):
        """A snapshot of a run, as its driver makes it."""
        directory.mkdir(exist_ok=True)
        raw = past(content).to_bytes()
        return sealed(raw, 0, self.accepted(number), self.room.public_key, directory)

    def handed(self, snapshot, number=1):
        """The same, as the room hands it to a run's next head."""
        run = replace(self.history.run(number), snapshot=snapshot)
        head = self.history.run(1).gang[0]
        join = head.join.model_copy(update={"seal_key": self.worker.public_key})
        return for_head(run, replace(head, join=join), self.room)


def files(directory):
    return [path.read_bytes() for path in directory.iterdir()]


def test_a_snapshot_comes_back_to_the_next_gang(directory):
    case = Case()
    handed = case.handed(case.sealed(directory))
    key = key_of(handed, case.accepted(), case.worker)
    [file] = directory.iterdir()
    assert past_in(file, key, case.accepted()).said == past().said


def test_the_snapshot_of_another_run_is_handed_to_no_head(directory):
    """A head names what the room keeps for another run: other rows, perhaps of other parties."""
    case = Case()
    foreign = case.sealed(directory, number=2)
    with pytest.raises(SealBroken):
        case.handed(foreign, number=1)


def test_the_bytes_of_another_runs_snapshot_do_not_open(directory):
    """The key is right, the file was exchanged for one that the same key once sealed."""
    case = Case()
    handed = case.handed(case.sealed(directory))
    key = key_of(handed, case.accepted(), case.worker)
    [file] = directory.iterdir()
    with pytest.raises(SealBroken):
        past_in(file, key, case.accepted(number=2))


def test_a_snapshot_opens_for_no_other_worker(directory):
    case = Case()
    handed = case.handed(case.sealed(directory))
    with pytest.raises(SealBroken):
        key_of(handed, case.accepted(head=2), case.worker)
    with pytest.raises(SealBroken):
        key_of(handed, case.accepted(), Unsealer.generate())


@pytest.mark.parametrize("place", [0, 1000, -1])
def test_a_snapshot_that_was_altered_on_the_disk_does_not_open(directory, place):
    case = Case()
    handed = case.handed(case.sealed(directory))
    key = key_of(handed, case.accepted(), case.worker)
    [file] = directory.iterdir()
    bent = bytearray(file.read_bytes())
    bent[place] ^= 1
    file.write_bytes(bent)
    with pytest.raises(SealBroken):
        past_in(file, key, case.accepted())


def test_a_snapshot_is_read_from_the_disk(directory):
    case = Case()
    case.sealed(directory)
    assert not any(CANARY[:16] in content for content in files(directory))


def test_the_size_of_a_snapshot_tells_how_far_a_search_is(directory):
    """Beyond a power of two it does."""
    case = Case()
    for length in (8, 800, LEAST // 2):
        case.sealed(directory, content=bytes(length))
    assert len({len(content) for content in files(directory)}) == 1


def test_a_head_has_the_room_remove_what_is_no_snapshot():
    """It names a part of somebody's dataset, and then something newer."""
    history = running_training()
    with pytest.raises(RunRefused, match="something else"):
        history.snapshot(content=b"part")


def test_a_snapshot_is_made_at_once_and_then_not_too_often(directory):
    directory.mkdir()
    case, said, now = Case(), [], [0.0]
    keeper = Keeper(
        case.accepted(), case.room.public_key, directory, said.append, clock=lambda: now[0]
    )
    for now[0] in (0.0, 1.0, 4.9, 5.0, 6.0, 11.0):
        keeper.keep(past())
    assert len(said) == 3
    # each under a key of its own
    assert len({each.digest for each in said}) == 3


@pytest.fixture
def directory(tmp_path):
    """Made by whoever uses it."""
    return tmp_path / "made"
