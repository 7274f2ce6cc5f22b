"""What is sealed can be read with its key, part by part, and nothing else is left behind."""

import hashlib

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cleanroom.dataset import seal as sealing
from cleanroom.dataset.check import conforming
from cleanroom.dataset.read import open_source
from cleanroom.dataset.seal import seal
from cleanroom.dataset.unseal import open_part
from cleanroom.errors import DataMismatch, DataOversized
from tests.support.tables import CANARY, CUSTOMERS, LINEAGE, customers, opened, opened_part, sealed


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(sealing, "PART_BYTES", 1)
    monkeypatch.setattr("cleanroom.dataset.read.MOST_BATCH_ROWS", 100)


def test_there_and_back(tmp_path):
    version = sealed(customers(1000), CUSTOMERS, tmp_path)
    assert opened(version, CUSTOMERS).to_pydict() == customers(1000).to_pydict()
    assert version.rows == 1000
    assert version.parts[0].size == version.paths[0].stat().st_size
    digest = hashlib.sha256(version.paths[0].read_bytes()).hexdigest()
    assert version.parts[0].digest == f"sha256:{digest}"


@pytest.mark.usefixtures("small_parts")
def test_several_parts_keep_the_order_of_rows(tmp_path):
    version = sealed(customers(950), CUSTOMERS, tmp_path)
    assert [part.index for part in version.parts] == list(range(10))
    assert [part.rows for part in version.parts] == [100] * 9 + [50]
    assert opened(version, CUSTOMERS, ["income"])["income"].to_pylist() == list(range(950))


@pytest.mark.usefixtures("small_parts")
def test_parts_are_handed_out_in_order_before_the_end(tmp_path):
    handed, still_to_come = [], []

    def batches():
        for start in range(5):
            still_to_come.append(start)
            yield customers(10).to_batches()[0]

    reader = pa.RecordBatchReader.from_batches(customers(1).schema, batches())
    table = conforming(open_source(reader, CUSTOMERS.columns), CUSTOMERS)

    def upload(done):
        handed.append((done.part.index, len(still_to_come)))
        assert done.path.stat().st_size == done.part.size

    seal(
        table,
        lineage=LINEAGE,
        dataset="customers",
        owner="bank",
        directory=tmp_path,
        on_part=upload,
    )
    assert [index for index, _ in handed] == [0, 1, 2, 3, 4]
    assert handed[0][1] < 5


def test_identities_are_normalised_before_they_are_sealed(tmp_path):
    version = sealed(customers(2, email=[" A@B.co", "nope"]), CUSTOMERS, tmp_path)
    assert opened(version, CUSTOMERS, ["email"]).to_pydict() == {"email": ["a@b.co", None]}


def test_only_granted_columns_come_out_in_the_order_asked(tmp_path):
    version = sealed(customers(3), CUSTOMERS, tmp_path)
    assert opened(version, CUSTOMERS, ["segment", "email"]).column_names == ["segment", "email"]
    with pytest.raises(DataMismatch, match=r"granted columns are \['iban'\], expected some"):
        opened(version, CUSTOMERS, ["iban"])


def test_a_part_in_memory_opens_like_a_file(tmp_path):
    version = sealed(customers(3), CUSTOMERS, tmp_path)
    in_memory = version.paths[0].read_bytes()
    found = opened_part(version, version.sealed_parts[0], CUSTOMERS, sealed=in_memory)
    assert found.equals(opened(version, CUSTOMERS))


def test_row_groups_come_one_after_another(tmp_path, monkeypatch):
    monkeypatch.setattr(sealing, "ROW_GROUP_ROWS", 400)
    version = sealed(customers(1000), CUSTOMERS, tmp_path)
    batches = open_part(
        version.paths[0],
        version.parts[0],
        context=version.context,
        key=version.key,
        columns=CUSTOMERS.columns,
        granted=["income"],
    )
    assert [batch.num_rows for batch in batches] == [400, 400, 200]


def test_every_version_has_its_own_key_and_name(tmp_path):
    first, second = (sealed(customers(3), CUSTOMERS, tmp_path) for _ in range(2))
    assert first.version != second.version
    assert first.key != second.key
    assert len(first.key) == 32


def test_the_key_is_never_shown(tmp_path):
    version = sealed(customers(3), CUSTOMERS, tmp_path)
    shown = repr(version) + str(version)
    assert version.key.hex() not in shown
    assert repr(version.key) not in shown


def test_ciphertext_shows_neither_values_nor_names(tmp_path):
    table = customers(500, email=[f"{CANARY}{index}@example.com" for index in range(500)])
    table = table.replace_schema_metadata({"note": CANARY})
    version = sealed(table, CUSTOMERS, tmp_path)
    ciphertext = version.paths[0].read_bytes()
    for word in (CANARY, "email", "income", "segment", "gold", LINEAGE, version.version):
        assert word.encode() not in ciphertext
    with pytest.raises(OSError, match="no decryption found"):
        pq.read_metadata(version.paths[0])


def test_nothing_of_the_source_file_travels_but_its_columns(tmp_path):
    table = customers(5).append_column("secret", pa.array([CANARY] * 5))
    version = sealed(table.replace_schema_metadata({"pandas": CANARY}), CUSTOMERS, tmp_path)
    found = opened(version, CUSTOMERS)
    assert found.schema.metadata is None
    assert found.column_names == ["email", "income", "segment"]


@pytest.mark.usefixtures("small_parts")
def test_a_violation_in_the_last_row_leaves_no_file(tmp_path):
    income = pa.array([0] * 949 + [500_001], pa.int64())
    with pytest.raises(DataMismatch, match="'income': 1 values are outside"):
        sealed(customers(950, income=income), CUSTOMERS, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("small_parts")
def test_a_table_of_too_many_parts_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(sealing, "MOST_PARTS", 3)
    with pytest.raises(DataOversized, match="needs more than 3 parts"):
        sealed(customers(301), CUSTOMERS, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("small_parts")
def test_an_upload_that_fails_leaves_no_file(tmp_path):
    def upload(_part):
        raise ConnectionResetError

    table = conforming(open_source(customers(950), CUSTOMERS.columns), CUSTOMERS)
    with pytest.raises(ConnectionResetError):
        seal(
            table,
            lineage=LINEAGE,
            dataset="customers",
            owner="bank",
            directory=tmp_path,
            on_part=upload,
        )
    assert list(tmp_path.iterdir()) == []
