"""The journal keeps what was acknowledged, and refuses to open when anything else is there."""

import hashlib
import sqlite3
from datetime import timedelta

import pytest

from cleanroom.crypto.certificates import spki_digest
from cleanroom.errors import RunUnknown, StateUnreadable
from cleanroom.manifest.genesis import Genesis
from enclave.coordinator.events import Booted, Proposed
from enclave.coordinator.journal import FILE, Journal
from enclave.coordinator.keys import RoomKeys
from enclave.coordinator.room import step
from enclave.coordinator.seed import SEED
from enclave.coordinator.store import Store
from tests.support.manifests import NOW, approvals, good_manifest

MANIFEST = good_manifest()
GENESIS = Genesis.of(MANIFEST)
KEY = bytes(range(32))


def derive(context):
    """A platform's key derivation."""
    return hashlib.sha256(b"a platform" + context).digest()


def opened(directory, **changes):
    return Journal.open(
        directory,
        changes.get("genesis", GENESIS),
        changes.get("derive", derive),
        NOW,
    )


def write(journal, event):
    made = step(journal.room, event)
    journal.log.extend(made)
    journal.commit(event, made, [])


def boot(journal):
    epoch = journal.room.epoch + 1
    write(journal, Booted(at=NOW, sign_key=bytes(journal.keys.sign_key), epoch=epoch))


@pytest.fixture
def directory(tmp_path):
    """A directory with the state of a room that holds an approved manifest."""
    journal = opened(tmp_path)
    boot(journal)
    proposal = Proposed(at=NOW, manifest=MANIFEST.to_bytes(), approvals=approvals(MANIFEST))
    write(journal, proposal)
    journal.close()
    return tmp_path


def altered(directory, statement, *values):
    """Change the closed state with the database's own tools."""
    connection = sqlite3.connect(directory / FILE)
    with connection:
        changed = connection.execute(statement, values).rowcount
    connection.close()
    assert changed


def test_what_was_written_is_there_after_a_restart(directory):
    journal = opened(directory)
    assert journal.room.manifest == MANIFEST
    assert journal.room.phase_at(NOW) == "active"
    assert journal.log.tree.size == journal.room.size == 5
    journal.close()


def test_the_rooms_keys_survive_a_restart(directory):
    keys = []
    for _ in range(2):
        journal = opened(directory)
        keys.append(journal.keys)
        journal.close()
    assert keys[0].to_bytes() == keys[1].to_bytes()
    assert keys[0].root == spki_digest(keys[1].root_certificate)
    assert keys[0].seal_key == keys[1].seal_key


def test_keys_are_not_shown():
    keys = RoomKeys.generate(NOW)
    assert repr(keys) == "RoomKeys()"


def test_each_start_has_an_epoch_key_of_its_own(directory):
    for _ in range(3):
        journal = opened(directory)
        boot(journal)
        journal.close()
    connection = sqlite3.connect(directory / FILE)
    salts = [salt for (salt,) in connection.execute("SELECT salt FROM epochs")]
    connection.close()
    assert len(set(salts)) == len(salts) == 4


def test_two_copies_of_a_state_never_share_key_and_nonce(directory, tmp_path_factory):
    """A forked coordinator writes the same event at the same place; the ciphertexts differ."""
    copy = tmp_path_factory.mktemp("copy")
    for name in (FILE, SEED):
        (copy / name).write_bytes((directory / name).read_bytes())
    rows = []
    for place in (directory, copy):
        journal = opened(place)
        boot(journal)
        journal.close()
        connection = sqlite3.connect(place / FILE)
        rows.append(connection.execute("SELECT max(place), sealed FROM rows").fetchone())
        connection.close()
    assert rows[0][0] == rows[1][0]
    assert rows[0][1] != rows[1][1]


def test_nothing_of_the_state_is_readable(directory):
    raw = (directory / FILE).read_bytes()
    for word in (b"manifest", b"PRIVATE KEY", str(GENESIS.lineage).encode(), b"bank"):
        assert word not in raw
    assert (directory / FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("place", range(3))
def test_a_changed_row_is_noticed(directory, place):
    altered(
        directory,
        "UPDATE rows SET sealed = CAST(substr(sealed, 2) || substr(sealed, 1, 1) AS BLOB)"
        " WHERE place = ?",
        place,
    )
    with pytest.raises(StateUnreadable, match=f"does not open at row {place}"):
        opened(directory)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM rows WHERE place = 1", "row 1 is missing"),
        ("DELETE FROM rows WHERE place = 2", "does not open at row 2"),
        ("DELETE FROM head", "has rows but no head"),
        ("DELETE FROM rows", "does not open at row 0"),
        ("DELETE FROM epochs", "epoch 1 is missing"),
        ("UPDATE epochs SET salt = zeroblob(32)", "does not open at row 0"),
        ("UPDATE rows SET kind = 'event' WHERE place = 0", "does not open at row 0"),
        ("UPDATE rows SET previous = zeroblob(32) WHERE place = 1", "row 1 is missing"),
    ],
)
def test_a_state_with_something_missing_is_refused(directory, statement, words):
    altered(directory, statement)
    with pytest.raises(StateUnreadable, match=words):
        opened(directory)


def test_rows_of_an_older_copy_do_not_fit_under_a_newer_head(directory):
    old = sqlite3.connect(directory / FILE)
    head = old.execute("SELECT epoch, sealed FROM head").fetchone()
    old.close()
    journal = opened(directory)
    boot(journal)
    journal.close()
    altered(directory, "UPDATE head SET epoch = ?, sealed = ?", *head)
    with pytest.raises(StateUnreadable, match="does not open"):
        opened(directory)


def test_a_state_of_another_room_does_not_open(directory):
    other = good_manifest(metadata__lineage="11111111-2222-4333-8444-555555555555")
    with pytest.raises(StateUnreadable, match="of another room"):
        opened(directory, genesis=Genesis.of(other))


def test_a_state_of_another_machine_or_image_does_not_open(directory):
    with pytest.raises(StateUnreadable, match="another image or machine"):
        opened(directory, derive=lambda context: hashlib.sha256(b"other" + context).digest())


def test_a_state_in_use_is_not_opened_twice(directory):
    journal = opened(directory)
    with pytest.raises(StateUnreadable, match="in use"):
        opened(directory)
    journal.close()


def test_a_file_that_is_no_state_is_refused(tmp_path):
    (tmp_path / FILE).write_bytes(b"this is not a database, but it is long enough" * 100)
    with pytest.raises(StateUnreadable, match="no database"):
        opened(tmp_path)


def test_a_run_that_was_not_released_has_no_receipt(directory):
    journal = opened(directory)
    with pytest.raises(RunUnknown, match="has no receipt"):
        journal.receipt("r-0000000000000000")
    journal.close()


def test_a_disk_that_refuses_is_told(tmp_path):
    store = Store.open(tmp_path / FILE, KEY)
    assert list(store.rows()) == []
    store.begin_epoch()
    store.close()
    with pytest.raises(StateUnreadable, match="cannot be read or written"):
        store.append([("event", b"lost")], b"head")


def test_rows_come_back_as_they_were_written(tmp_path):
    store = Store.open(tmp_path / FILE, KEY)
    store.begin_epoch()
    assert store.append([("a", b"one"), ("b", b"two")], b"head one") == [0, 1]
    assert store.append([("a", b"three")], b"head two") == [2]
    store.close()
    again = Store.open(tmp_path / FILE, KEY)
    assert [(row.kind, row.content) for row in again.rows()] == [
        ("a", b"one"),
        ("b", b"two"),
        ("a", b"three"),
    ]
    assert again.head() == b"head two"
    assert again.read(1).content == b"two"
    again.close()


def test_the_clock_of_a_new_room_is_before_any_event(tmp_path):
    journal = opened(tmp_path)
    assert journal.room.at < NOW - timedelta(days=365)
    journal.close()
