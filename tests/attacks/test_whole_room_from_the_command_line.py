"""A party at its command line, in front of a real room that is not as agreed, or with bad data.

Each command ends with the exit status of its kind, one clear message, and nothing done.
"""

import shutil

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from cleanroom.cli.main import run
from cleanroom.manifest.author import manifest_text
from tests.support.hostile_room import identity_of
from tests.support.ports import free_port
from tests.support.rooms import coordinator, room_manifest
from tests.support.tables import write_bomb
from tests.support.workers import customers

CELL = "canary-cell-value"
MANIFEST = {"computations__matches__limits__max_runs": 1}


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """An active room with both datasets and no worker."""
    directory = tmp_path_factory.mktemp("room")
    with coordinator(directory, room_manifest(**MANIFEST)) as running:
        running.fill()
        yield running


@pytest.fixture
def desk(room, tmp_path, monkeypatch):
    """The bank's directory, where commands run."""
    monkeypatch.chdir(tmp_path)
    write_manifest(tmp_path, room.manifest)
    identity_of("bank").save(tmp_path / "bank.key")
    return tmp_path


def write_manifest(directory, manifest):
    (directory / "cleanroom.yaml").write_text(manifest_text(manifest))


def told(capsys, *words, address=""):
    """The exit status of a command and what it said on standard error."""
    away = ["--coordinator", address, "--allow-simulated"] if address else []
    status = run([*words, *away])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    assert CELL not in captured.err + captured.out
    return status, captured.err


# --- another room ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("desk")
def test_a_simulated_room_without_the_word_that_allows_it(room, capsys):
    assert run(["status", "--coordinator", room.address]) == 4
    assert "CR-3004" in capsys.readouterr().err


def test_a_manifest_that_was_changed_after_signing(room, desk, capsys):
    write_manifest(desk, room_manifest(computations__matches__limits__max_runs=1_000))
    status, said = told(capsys, "status", address=room.address)
    assert status == 4
    assert "the room's manifest is" in said


@pytest.mark.usefixtures("desk")
def test_a_run_before_everybody_has_approved(room, tmp_path_factory, capsys):
    directory = tmp_path_factory.mktemp("room")
    with coordinator(directory, room.manifest, propose=False) as waiting:
        waiting.propose("bank")
        status, said = told(capsys, "run", "matches", address=waiting.address)
    assert status == 5
    assert "CR-2001" in said


@pytest.mark.usefixtures("desk")
def test_a_backup_that_the_operator_put_back(room, tmp_path_factory, capsys):
    """Its log is shorter than the one this party remembers, so its limits are not believed."""
    base, manifest = tmp_path_factory.mktemp("room"), room.manifest
    address = f"127.0.0.1:{free_port()}"
    with coordinator(base / "state", manifest, listen=address) as first:
        first.close()
    shutil.copytree(base / "state", base / "backup")
    with coordinator(base / "state", manifest, propose=False, listen=address) as second:
        second.party("bank").add("customers")
        assert told(capsys, "status", address=address)[0] == 0
    with coordinator(base / "backup", manifest, propose=False, listen=address):
        status, said = told(capsys, "status", address=address)
    assert status == 4
    assert "CR-3006" in said


@pytest.mark.usefixtures("desk")
def test_nobody_at_the_address(capsys):
    status, said = told(capsys, "status", address=f"127.0.0.1:{free_port()}")
    assert status == 7
    assert "nobody answers" in said


# --- more than was signed -------------------------------------------------------------------------


@pytest.mark.usefixtures("desk")
def test_a_parameter_out_of_its_range(room, capsys):
    words = ("run", "matches", "-p", "limit=100001", "--no-watch")
    status, said = told(capsys, *words, address=room.address)
    assert status == 8
    assert "CR-6002" in said


def test_a_party_that_may_not_submit(room, desk, capsys):
    (desk / "bank.key").unlink()
    identity_of("shop").save(desk / "shop.key")
    status, said = told(capsys, "run", "matches", "--no-watch", address=room.address)
    assert status == 8
    assert "CR-6001" in said


@pytest.mark.usefixtures("desk")
def test_runs_beyond_max_runs(room, capsys):
    words = ("run", "matches", "--no-watch")
    assert told(capsys, *words, address=room.address)[0] == 0
    status, said = told(capsys, *words, address=room.address)
    assert status == 6
    assert "max_runs of 'matches' is used up, it was 1" in said


# --- data that does not fit -----------------------------------------------------------------------


def good_table(rows=20):
    return customers(0, rows)


def csv_in_latin(path):
    table = good_table().to_pandas()
    table.loc[3, "email"] = f"{CELL}-\xfc@x.example"
    path.write_text(table.to_csv(index=False), encoding="latin-1")


def csv_without_a_column(path):
    pyarrow.csv.write_csv(good_table().drop_columns(["income"]), path)


def csv_with_words_for_numbers(path):
    table = good_table()
    words = pa.array([CELL] * table.num_rows)
    pyarrow.csv.write_csv(table.set_column(2, "income", words), path)


def nothing(path):
    path.write_bytes(b"")


def no_rows(path):
    pq.write_table(good_table(0), path)


def bomb(path):
    write_bomb(path, rows=100)


def value_nobody_signed(path):
    table = good_table()
    pq.write_table(table.set_column(1, "segment", pa.array([CELL] * table.num_rows)), path)


FILES = {
    "customers.csv": (csv_in_latin, csv_without_a_column, csv_with_words_for_numbers, nothing),
    "customers.parquet": (bomb, no_rows, value_nobody_signed, nothing),
}


CASES = [
    (verb, name, write)
    for verb in ("check", "add")
    for name, several in FILES.items()
    for write in several
]


@pytest.mark.parametrize("case", CASES, ids=lambda one: f"{one[0]} {one[2].__name__} {one[1]}")
def test_data_that_does_not_fit(room, desk, capsys, case):
    """Refused before anything is offered, and no cell of it is in the message."""
    verb, name, write = case
    write(desk / name)
    before = versions(room)
    address = room.address if verb == "add" else ""
    status, said = told(capsys, "data", verb, "customers", name, address=address)
    assert status == 3
    assert "error[CR-4" in said
    assert versions(room) == before
    left = desk / ".cleanroom" / "uploads"
    assert [path.name for path in left.rglob("*.part*")] == []


def versions(room):
    """How long the log is: every version that was taken is an entry of it."""
    return room.statement(bytes(32)).checkpoint.payload
