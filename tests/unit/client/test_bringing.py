"""Data on its way to the room: checked, sealed, uploaded while sealing, resumed after a break."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cleanroom.client.room import connect
from cleanroom.dataset import seal as sealing
from cleanroom.dataset.context import DatasetContext
from cleanroom.dataset.unseal import read_part
from cleanroom.errors import (
    ApprovalMissing,
    DataMismatch,
    DataUnreadable,
    TransportError,
    Usage,
)
from cleanroom.protocol.dataset import DatasetVersion, key_context, open_version
from tests.support.hostile_room import HostileRoom, identity_of, simulated_manifest
from tests.support.manifests import NOW
from tests.support.source_tree import ROOT

MIB = 1 << 20


@pytest.fixture(scope="module")
def manifest():
    return simulated_manifest()


@pytest.fixture
def room(manifest):
    return HostileRoom(manifest)


def customers(rows, seed=""):
    """Rows that fit the bank's dataset; incompressible enough to have some size."""
    numbers = range(rows)
    return pa.table(
        {
            "email": [f"{seed}{n * 0x9E3779B97F4A7C15 % 2**64:016x}@example.com" for n in numbers],
            "segment": pa.array(["basic", "gold", "private", "gold"] * (rows // 4), pa.string()),
            "income": pa.array([(n * 7919) % 500_000 for n in numbers], pa.int64()),
            "since": pa.array([n % 20_000 for n in numbers], pa.int32()).cast(pa.date32()),
        }
    )


@contextmanager
def entered(room, directory, **choices):
    """The bank in the room, which is served meanwhile."""
    with room.serving() as address, as_bank(room, address, directory, **choices) as bank:
        yield bank


def as_bank(room, address, directory, patience_s=10.0):
    return connect(
        room.manifest,
        identity=identity_of("bank"),
        coordinator=address,
        allow_simulated=True,
        directory=directory,
        clock=lambda: NOW,
        patience_s=patience_s,
    )


def opened(room, offer) -> pa.Table:
    """What the room can open with the key that was sealed to it: the table as it was sealed."""
    manifest = room.manifest
    version = open_version(offer, manifest)
    lineage = str(manifest.metadata.lineage)
    context = key_context(lineage, manifest.digest, "customers", "bank", version.version)
    key = room.keys.unsealer.open(offer.sealed_key, context=context)
    columns = manifest.datasets["customers"].columns
    place = DatasetContext(lineage, "customers", "bank", version.version)
    granted = [column.name for column in columns]
    return pa.concat_tables(
        read_part(
            bytes(room.blobs[part.digest]),
            part,
            context=place,
            key=key,
            columns=columns,
            granted=granted,
        )
        for part in version.parts
    )


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(sealing, "PART_BYTES", MIB)


def test_a_table_arrives_whole_and_only_the_room_can_open_it(room, tmp_path):
    with entered(room, tmp_path) as bank:
        digest = bank.add("customers", customers(1000))
    (offer,) = room.offers
    assert digest == open_version(offer, room.manifest).digest
    assert opened(room, offer).to_pydict() == customers(1000).to_pydict()


def test_every_kind_of_table_is_taken(room, tmp_path):
    table = customers(400)
    path = tmp_path / "customers.parquet"
    pq.write_table(table, path)
    csv = tmp_path / "customers.csv"
    table.to_pandas().to_csv(csv, index=False)
    reader = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(100))
    with entered(room, tmp_path) as bank:
        for given in (table, table.to_pandas(), reader, path, str(csv), [path, path]):
            bank.add("customers", given)
    assert [opened(room, offer).num_rows for offer in room.offers] == [400] * 5 + [800]


@pytest.mark.usefixtures("small_parts")
def test_several_parts_are_uploaded_while_sealing(room, tmp_path):
    seen = []
    with entered(room, tmp_path) as bank:
        bank.add("customers", customers(400_000), progress=lambda *now: seen.append(now))
    (offer,) = room.offers
    version = open_version(offer, room.manifest)
    total = sum(part.size for part in version.parts)
    assert len(version.parts) > 2
    assert seen[-1] == (total, total)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert opened(room, offer).num_rows == 400_000


def test_nothing_is_left_once_the_version_is_accepted(room, tmp_path):
    with entered(room, tmp_path) as bank:
        bank.add("customers", customers(1000))
    left = [path.name for path in (tmp_path / ".cleanroom/uploads/customers").iterdir()]
    assert left == ["lock"]


def with_column(table, name, values):
    return table.set_column(table.schema.get_field_index(name), name, values)


def test_data_that_does_not_fit_is_refused_with_every_fault(room, tmp_path):
    table = with_column(customers(1000), "income", pa.array([10**9] * 1000, pa.int64()))
    table = with_column(table, "segment", pa.array(["canary-7f3a91"] * 1000))
    with entered(room, tmp_path) as bank, pytest.raises(DataMismatch) as refused:
        bank.add("customers", table)
    assert {problem.where for problem in refused.value.problems} == {"income", "segment"}
    assert "canary" not in repr(refused.value.problems)
    assert not {"Put", "Stat", "OfferDataset"} & set(room.received)


@pytest.mark.usefixtures("small_parts")
def test_a_fault_in_the_last_row_leaves_nothing_offered_and_nothing_behind(room, tmp_path):
    table = customers(400_000)
    worst = pa.concat_arrays([table["income"].combine_chunks()[:-1], pa.array([-1], pa.int64())])
    with entered(room, tmp_path) as bank, pytest.raises(DataMismatch, match="outside"):
        bank.add("customers", with_column(table, "income", worst))
    assert room.offers == []
    left = [path.name for path in (tmp_path / ".cleanroom/uploads/customers").iterdir()]
    assert left == ["lock"]


def test_a_check_reports_and_sends_nothing(room, tmp_path):
    table = customers(8).set_column(0, "email", pa.array(["not an address"] * 8))
    with entered(room, tmp_path) as bank:
        before = list(room.received)
        report = bank.check("customers", table)
        assert room.received == before
    assert [column.invalid for column in report.columns if column.column.name == "email"] == [8]


def test_a_dataset_of_another_party_is_refused(room, tmp_path):
    with entered(room, tmp_path) as bank, pytest.raises(Usage, match="'bank' owns"):
        bank.add("baskets", customers(8))


def test_a_file_that_is_not_there_is_refused_by_name(room, tmp_path):
    with entered(room, tmp_path) as bank, pytest.raises(DataUnreadable, match=r"'nowhere.csv'"):
        bank.add("customers", tmp_path / "nowhere.csv")


def test_no_data_goes_to_a_room_that_is_not_active(room, tmp_path):
    room.phase = "proposed"
    with (
        entered(room, tmp_path) as bank,
        pytest.raises(ApprovalMissing, match="the room is proposed, expected active"),
    ):
        bank.add("customers", customers(8))
    assert not {"Put", "Stat", "OfferDataset", "OpenSession"} & set(room.received)


@pytest.mark.usefixtures("small_parts")
def test_a_line_that_breaks_once_is_taken_up_where_it_broke(room, tmp_path):
    room.break_after = 2 * MIB
    with entered(room, tmp_path) as bank:
        bank.add("customers", customers(100_000))
    (offer,) = room.offers
    assert opened(room, offer).num_rows == 100_000
    assert room.received.count("GetStatement") > 1, "the room was verified again after the break"


def written(directory, rows=100_000):
    path = directory / "customers.parquet"
    pq.write_table(customers(rows), path)
    return path


def interrupted(room, directory, path):
    """One upload that the line does not survive; says what was sealed."""
    room.break_after = 2 * MIB
    with entered(room, directory, patience_s=0.0) as bank, pytest.raises(TransportError):
        bank.add("customers", path)
    assert room.offers == []
    return json.loads((directory / ".cleanroom/uploads/customers/pending.json").read_bytes())


def version_of(offer):
    return DatasetVersion.from_bytes(offer.version.payload).version


@pytest.mark.usefixtures("small_parts")
def test_a_later_call_sends_only_what_is_missing(room, tmp_path):
    path = written(tmp_path)
    interrupted(room, tmp_path, path)
    had = sum(len(blob) for blob in room.blobs.values())
    assert had
    with entered(room, tmp_path) as bank:
        room.break_after = 10**12
        bank.add("customers", path)
    sent = 10**12 - room.break_after
    (offer,) = room.offers
    total = sum(part.size for part in open_version(offer, room.manifest).parts)
    assert sent == total - had
    assert opened(room, offer).num_rows == 100_000


@pytest.mark.usefixtures("small_parts")
def test_what_waits_on_the_disk_holds_no_key_and_no_row(room, tmp_path):
    path = written(tmp_path)
    interrupted(room, tmp_path, path)
    waiting = tmp_path / ".cleanroom/uploads/customers"
    kept = b"".join(one.read_bytes() for one in waiting.iterdir())
    with entered(room, tmp_path) as bank:
        bank.add("customers", path)
    (offer,) = room.offers
    manifest = room.manifest
    version = open_version(offer, manifest)
    context = key_context(
        str(manifest.metadata.lineage), manifest.digest, "customers", "bank", version.version
    )
    key = room.keys.unsealer.open(offer.sealed_key, context=context)
    assert key not in kept
    assert b"@example.com" not in kept
    assert waiting.stat().st_mode & 0o777 == 0o700


@pytest.mark.usefixtures("small_parts")
def test_a_file_that_changed_meanwhile_is_sealed_again(room, tmp_path):
    path = written(tmp_path)
    interrupted(room, tmp_path, path)
    pq.write_table(customers(80_000, seed="x"), path)
    with entered(room, tmp_path) as bank:
        bank.add("customers", path)
    (offer,) = room.offers
    assert opened(room, offer).num_rows == 80_000


@pytest.mark.usefixtures("small_parts")
def test_a_room_with_another_seal_key_gets_a_fresh_sealing(room, tmp_path):
    path = written(tmp_path)
    interrupted(room, tmp_path, path)
    other = HostileRoom(room.manifest)
    with entered(other, tmp_path) as bank:
        bank.add("customers", path)
    (offer,) = other.offers
    assert opened(other, offer).num_rows == 100_000


@pytest.mark.usefixtures("small_parts")
def test_parts_that_were_altered_while_they_waited_do_not_pass(room, tmp_path):
    """The room names blobs by digest, so an altered part is never complete."""
    path = written(tmp_path)
    interrupted(room, tmp_path, path)
    for part in (tmp_path / ".cleanroom/uploads/customers").glob("*.part"):
        content = bytearray(part.read_bytes())
        content[-10] ^= 1
        part.write_bytes(content)
    room.blobs.clear()
    with entered(room, tmp_path, patience_s=0.0) as bank, pytest.raises(TransportError):
        bank.add("customers", path)
    assert room.offers == []


PROGRAM = """
import sys
from pathlib import Path
import cleanroom.dataset.seal as sealing
from tests.support.hostile_room import HostileRoom, identity_of, simulated_manifest
from tests.support.manifests import NOW
from cleanroom.client.room import connect
from cleanroom.manifest.model import Manifest
address, manifest, directory, path = sys.argv[1:]
sealing.PART_BYTES = 1 << 20
own = Manifest.from_bytes(Path(manifest).read_bytes())
room = connect(own, identity=identity_of("bank"), coordinator=address, allow_simulated=True,
               directory=directory, clock=lambda: NOW)
room.add("customers", path)
"""


def test_an_upload_whose_process_was_killed_goes_on_in_the_next_one(room, tmp_path):
    path = written(tmp_path)
    (tmp_path / "manifest.json").write_bytes(room.manifest.to_bytes())
    room.stall_after = 2 * MIB
    pending = tmp_path / ".cleanroom/uploads/customers/pending.json"
    with room.serving() as address:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, address, tmp_path / "manifest.json", tmp_path, path],
            cwd=ROOT,
        )
        deadline = time.monotonic() + 60
        while not (pending.exists() and room.stalled.is_set()) and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        sealed = json.loads(pending.read_bytes())["offer"]["sealed_key"]
        room.stall_after = 10**12
        room.resume.set()
        with as_bank(room, address, tmp_path) as bank:
            bank.add("customers", path)
    (offer,) = room.offers
    assert offer.to_plain()["sealed_key"] == sealed, "sealed once, before the process was killed"
    assert opened(room, offer).num_rows == 100_000
