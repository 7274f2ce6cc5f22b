"""A room is erased: whoever copied its disk before, or finds what is left, reads nothing of it."""

import hashlib
import shutil
import tempfile
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from cleanroom.crypto.sealing import CONTENT_KEY_LENGTH, decrypt_content, encrypt_content, seal
from cleanroom.dataset.context import DatasetContext
from cleanroom.dataset.models.sealing import model_context
from cleanroom.errors import FileMissing, StateUnreadable
from cleanroom.manifest.genesis import Genesis
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.dataset import kept_version, key_context
from enclave.commands import coordinator
from enclave.coordinator.journal import FILE, Journal
from enclave.coordinator.seed import SEED, erase
from tests.support.keeping import staying_plain
from tests.support.manifests import NOW
from tests.support.mutants import assert_mutant_is_caught, hands_back

MANIFEST = Manifest.from_plain(staying_plain())
MODEL = b"numbers of a model that nobody has"
PLACE = (str(MANIFEST.metadata.lineage), "model.model", "room", kept_version("r-1", "model"))


def platform(context):
    """A machine's secret: the same before and after, here and for whoever holds the machine."""
    return hashlib.sha256(b"a platform" + context).digest()


def opened(directory):
    return Journal.open(directory, Genesis.of(MANIFEST), platform, NOW)


def key_place():
    lineage, *rest = PLACE
    return key_context(lineage, MANIFEST.digest, *rest)


def begun(directory):
    """A room's directory with a model that stays, and its key as it was sealed to the room."""
    directory.mkdir()
    journal = opened(directory)
    key = bytes(range(CONTENT_KEY_LENGTH))
    sealed_key = seal(key, journal.keys.seal_key, context=key_place())
    journal.close()
    (directory / "blobs").mkdir()
    ciphertext = encrypt_content(MODEL, key, context=model_context(DatasetContext(*PLACE)))
    (directory / "blobs" / "model").write_bytes(ciphertext)
    return directory, sealed_key


@pytest.fixture
def room(tmp_path):
    return begun(tmp_path / "room")


def read_model(directory, sealed_key):
    """What whoever has the machine and a copy of the disk makes of it."""
    journal = opened(directory)
    try:
        key = journal.keys.unsealer.open(sealed_key, context=key_place())
    finally:
        journal.close()
    ciphertext = (directory / "blobs" / "model").read_bytes()
    return decrypt_content(ciphertext, key, context=model_context(DatasetContext(*PLACE)))


def test_a_backup_without_the_seed_opens_no_more(tmp_path):
    """The very machine, with the very image, and every byte of journal and blobs from before."""
    place = Path(tempfile.mkdtemp(dir=tmp_path))
    directory, sealed_key = begun(place / "room")
    assert read_model(directory, sealed_key) == MODEL
    backup = place / "backup"
    shutil.copytree(directory, backup, ignore=shutil.ignore_patterns(SEED))
    erase(directory, FILE)
    with pytest.raises(StateUnreadable, match="does not open at row 0"):
        read_model(backup, sealed_key)
    (backup / SEED).write_bytes(bytes(32))
    with pytest.raises(StateUnreadable, match="does not open at row 0"):
        read_model(backup, sealed_key)


def test_the_story_notices_a_key_without_the_seed(monkeypatch, tmp_path):
    assert_mutant_is_caught(
        monkeypatch,
        "enclave.coordinator.seed:seeded",
        hands_back(0),
        partial(test_a_backup_without_the_seed_opens_no_more, tmp_path),
    )


def test_nothing_is_left_of_it(room):
    directory, _ = room
    seed = (directory / SEED).read_bytes()
    erase(directory, FILE)
    assert list(directory.iterdir()) == []
    fresh = opened(directory)
    assert (directory / SEED).read_bytes() != seed
    fresh.close()


def test_whoever_kept_the_seed_keeps_the_room(room, tmp_path):
    """What erasing does not do: it trusts whoever holds the seed not to have copied it."""
    directory, sealed_key = room
    whole = tmp_path / "whole"
    shutil.copytree(directory, whole)
    erase(directory, FILE)
    assert read_model(whole, sealed_key) == MODEL


def test_a_room_that_is_served_is_not_erased(room):
    directory, sealed_key = room
    journal = opened(directory)
    with pytest.raises(StateUnreadable, match="the room is in use"):
        erase(directory, FILE)
    journal.close()
    assert read_model(directory, sealed_key) == MODEL


def test_a_state_from_before_seeds_still_opens(tmp_path, monkeypatch):
    monkeypatch.setattr("enclave.coordinator.seed._write", lambda _file, _content: None)
    older = tmp_path / "older"
    older.mkdir()
    opened(older).close()
    monkeypatch.undo()
    first = opened(older)
    assert not (older / SEED).exists()
    first.close()


def test_a_cut_seed_is_a_damaged_state(room):
    directory, sealed_key = room
    (directory / SEED).write_bytes(b"short")
    with pytest.raises(StateUnreadable, match="the seed has 5 bytes, expected 32"):
        read_model(directory, sealed_key)


def test_the_operator_erases_a_room_once_asked(room):
    directory, _ = room
    refused = CliRunner().invoke(coordinator, ["erase", str(directory)], input="n\n")
    assert refused.exit_code == 1
    assert (directory / SEED).exists()
    done = CliRunner().invoke(coordinator, ["erase", str(directory), "--yes"])
    assert done.exit_code == 0
    assert not (directory / SEED).exists()
    again = CliRunner().invoke(coordinator, ["erase", str(directory), "--yes"])
    assert isinstance(again.exception, FileMissing)
