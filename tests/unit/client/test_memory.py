"""What a party remembers beside its manifest, and what it refuses to forget."""

import stat
import threading
import time

import pytest

from cleanroom.client.memory import Config, Memory
from cleanroom.errors import FileMissing, LogInconsistent, Usage
from cleanroom.ledger.checkpoint import LogHead

LINEAGE = "3f0f5a1e-7c3b-4c55-9f1a-0d2f6f6f1e11"


def head(size, root=b"\x01"):
    return LogHead(lineage=LINEAGE, size=size, root=root * 32)


@pytest.fixture
def memory(tmp_path):
    return Memory(tmp_path)


def test_nothing_is_made_before_something_is_kept(memory):
    assert memory.config == Config()
    assert (memory.coordinator, memory.identity_path, memory.allow_simulated) == (None, None, False)
    assert not memory.directory.exists()


@pytest.mark.parametrize("address", ["room.example:8443", 'a "quoted" \\ name', "zimmer-ü🔑"])
def test_what_was_remembered_is_read_back(memory, tmp_path, address):
    memory.remember(coordinator=address, identity=tmp_path / "bank.key", allow_simulated=True)
    again = Memory(tmp_path)
    assert again.coordinator == address
    assert again.identity_path == tmp_path / "bank.key"
    assert again.allow_simulated


def test_what_is_not_given_stays(memory):
    memory.remember(coordinator="one:1", allow_simulated=True)
    memory.remember(coordinator="two:2")
    assert (memory.coordinator, memory.allow_simulated) == ("two:2", True)


def test_a_relative_identity_starts_beside_the_manifest(memory, tmp_path):
    memory.remember(coordinator="one:1")
    (memory.directory / "config.toml").write_text('identity = "keys/bank.key"\n')
    assert memory.identity_path == tmp_path / "keys" / "bank.key"


def test_text_that_would_break_the_file_is_refused(memory):
    with pytest.raises(Usage, match="not one line of text"):
        memory.remember(coordinator='x"\nallow_simulated = true')
    assert not memory.allow_simulated


@pytest.mark.parametrize("text", ["coordinator = ", "colour = 'red'", "allow_simulated = 'yes'"])
def test_a_config_that_is_not_ours_is_refused(memory, text):
    memory.directory.mkdir()
    (memory.directory / "config.toml").write_text(text)
    with pytest.raises(Usage, match=r"config.toml is malformed"):
        assert memory.config


def test_the_memory_is_for_its_owner_only(memory):
    memory.remember(coordinator="one:1")
    with memory.head_of(LINEAGE) as remembered:
        remembered.keep(head(3))
    modes = {stat.S_IMODE(path.stat().st_mode) for path in memory.directory.rglob("*")}
    assert stat.S_IMODE(memory.directory.stat().st_mode) == 0o700
    assert modes <= {0o600, 0o700}


def test_a_head_is_remembered(memory):
    with memory.head_of(LINEAGE) as remembered:
        assert remembered.head is None
        remembered.keep(head(3))
    with memory.head_of(LINEAGE) as remembered:
        assert remembered.head == head(3)


def test_a_shorter_head_never_replaces_a_longer_one(memory):
    with memory.head_of(LINEAGE) as remembered:
        remembered.keep(head(3))
    with (
        memory.head_of(LINEAGE) as remembered,
        pytest.raises(LogInconsistent, match="has 2 entries, expected 3"),
    ):
        remembered.keep(head(2))
    with memory.head_of(LINEAGE) as remembered:
        assert remembered.head == head(3)


def test_a_damaged_head_is_not_taken_for_a_first_contact(memory):
    with memory.head_of(LINEAGE) as remembered:
        remembered.keep(head(3))
    (memory.directory / "heads" / f"{LINEAGE}.json").write_text("{}")
    with pytest.raises(FileMissing, match="cannot be read"), memory.head_of(LINEAGE):
        pytest.fail("a damaged head was accepted")


def test_the_head_of_another_room_is_refused(memory):
    with memory.head_of(LINEAGE) as remembered:
        remembered.keep(head(3))
    other = LINEAGE.replace("3f", "4f")
    heads = memory.directory / "heads"
    (heads / f"{LINEAGE}.json").rename(heads / f"{other}.json")
    with pytest.raises(LogInconsistent, match="remembered log"), memory.head_of(other):
        pytest.fail("another room's head was accepted")


def test_two_sessions_do_not_hold_the_same_head_at_once(memory):
    order = []
    entered = threading.Event()

    def second():
        entered.wait(10)
        with memory.head_of(LINEAGE) as remembered:
            order.append(remembered.head)

    waiting = threading.Thread(target=second)
    waiting.start()
    with memory.head_of(LINEAGE) as remembered:
        entered.set()
        time.sleep(0.05)
        order.append("first")
        remembered.keep(head(3))
    waiting.join(10)
    assert order == ["first", head(3)]


def test_a_receipt_that_was_not_kept_is_missing(memory):
    with pytest.raises(FileMissing, match="no receipt of run 'r-0123456789abcdef'"):
        memory.receipt("r-0123456789abcdef")
