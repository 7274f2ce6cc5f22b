"""A party brings a file that lies about its size, or holds values that must not show in a message.

Nothing a file says may make the reader allocate without limit, crash, or repeat a cell in an error:
errors travel to logs and to other people's screens.
"""

import resource
import traceback

import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from cleanroom.dataset.check import check, conforming
from cleanroom.dataset.read import open_source
from cleanroom.dataset.seal import seal
from cleanroom.errors import CleanroomError, DataMismatch, DataOversized, DataUnreadable
from tests.support.tables import (
    CANARY,
    CUSTOMERS,
    LINEAGE,
    column,
    customers,
    dataset_of,
    sealed,
    write_bomb,
)

EMAIL_ONLY = dataset_of(column("email", role="identity"))
MEBIBYTE = 1024 * 1024


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_parquet_bomb_of_ten_gigabytes_in_a_kilobyte_stays_small(tmp_path):
    path = write_bomb(tmp_path / "bomb.parquet", rows=10_000, length=1_000_000)
    assert path.stat().st_size < 10_000
    before = peak_mib()
    batches = open_source(path, EMAIL_ONLY.columns).batches(["email"])
    sizes = [batch.nbytes for batch in batches]
    assert sum(sizes) > 10_000_000_000
    assert max(sizes) < 17 * MEBIBYTE
    assert peak_mib() - before < 200


def test_delta_encoded_bomb_is_read_in_small_steps(tmp_path):
    path = tmp_path / "bomb.parquet"
    alike = [f"{'x' * 1000}{index}" for index in range(1000)]
    pq.write_table(
        pa.table({"email": alike}),
        path,
        use_dictionary=False,
        column_encoding={"email": "DELTA_BYTE_ARRAY"},
    )
    batches = list(open_source(path, EMAIL_ONLY.columns).batches(["email"]))
    assert max(batch.num_rows for batch in batches) == 256
    assert pa.Table.from_batches(batches)["email"].to_pylist() == alike


def test_parquet_bomb_of_one_huge_value_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("cleanroom.dataset.formats.MOST_DECODED", MEBIBYTE)
    path = write_bomb(tmp_path / "bomb.parquet", rows=2, length=MEBIBYTE + 1)
    with pytest.raises(DataOversized, match=r"one row decodes to 1048577 bytes, expected at most"):
        next(open_source(path, EMAIL_ONLY.columns).batches(["email"]))


def test_dictionary_bomb_in_memory_is_refused():
    texts = pa.DictionaryArray.from_arrays(
        pa.repeat(pa.scalar(0, pa.int32()), 1000), pa.array(["x" * MEBIBYTE])
    )
    with pytest.raises(DataOversized, match="a dictionary column decodes to"):
        check(open_source(pa.table({"email": texts}), EMAIL_ONLY.columns), "c", EMAIL_ONLY)


def test_bomb_of_rows_stops_at_the_manifests_limit(tmp_path):
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"n": pa.repeat(pa.scalar(7, pa.int64()), 20_000_000)}), path)
    assert path.stat().st_size < 100_000
    dataset = dataset_of(column("n", "int64"), most=100_000)
    read = []
    with pytest.raises(DataOversized, match="more than 100000 rows"):
        check(open_source(path, dataset.columns), "c", dataset, lambda rows, _: read.append(rows))
    assert read
    assert max(read) <= 100_000


def test_csv_row_without_an_end_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("email\n" + "x" * (9 * MEBIBYTE))
    with pytest.raises(DataUnreadable, match="damaged"):
        check(open_source(path, EMAIL_ONLY.columns), "c", EMAIL_ONLY)


def test_altered_arrow_files_never_crash_the_reader(tmp_path):
    path = tmp_path / "t.feather"
    pa.feather.write_feather(customers(50), path, compression="uncompressed")
    good = path.read_bytes()
    for place in range(0, len(good), 7):
        path.write_bytes(good[:place] + bytes([good[place] ^ 0x5A]) + good[place + 1 :])
        try:
            report = check(open_source(path, CUSTOMERS.columns), "customers", CUSTOMERS)
        except CleanroomError:
            continue
        assert report.rows <= 50


def csv(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "poisoned.csv"
    path.write_bytes(text.encode(encoding))
    return path


POISONED_CSV = {
    "wrong type": f"email,income,segment\na@b.co,{CANARY},gold\n",
    "too many cells": f"email,income,segment\na@b.co,1,gold,{CANARY}\n",
    "too few cells": f"email,income,segment\n{CANARY}\n",
    "no header": f"{CANARY},1,gold\n{CANARY},1,gold\n",
    "the same header twice": f"email,income,segment,{CANARY},{CANARY}\n,,,,\n",
    "unlisted": f"email,income,segment\na@b.co,1,{CANARY}\n",
}


@pytest.mark.parametrize("case", POISONED_CSV)
def test_csv_messages_carry_no_cell(case, tmp_path):
    path = csv(tmp_path, POISONED_CSV[case])
    with pytest.raises((DataMismatch, DataUnreadable)) as refused:
        check(open_source(path, CUSTOMERS.columns), "customers", CUSTOMERS).require()
    said = "".join(traceback.format_exception(refused.value)) + repr(refused.value.problems)
    assert CANARY not in said


def test_csv_names_the_column_of_a_wrong_type(tmp_path):
    path = csv(tmp_path, POISONED_CSV["wrong type"])
    with pytest.raises(
        DataMismatch, match=r"^column 'income' of the CSV file holds a text that is"
    ):
        check(open_source(path, CUSTOMERS.columns), "customers", CUSTOMERS)


def test_csv_in_another_encoding(tmp_path):
    text = "email,income,segment\nä@b.co,1,gold\n"
    with pytest.raises(DataUnreadable, match="column 'email' of the CSV file is not in UTF-8"):
        check(
            open_source(csv(tmp_path, text, "latin-1"), CUSTOMERS.columns), "customers", CUSTOMERS
        )
    with pytest.raises((DataUnreadable, DataMismatch), match=r"damaged|missing"):
        open_source(csv(tmp_path, text, "utf-16"), CUSTOMERS.columns)


POISONED_TABLES = {
    "wrong type": customers(2, income=[CANARY, CANARY]),
    "outside": customers(2, email=[CANARY, "b"], income=pa.array([-919191, 1])),
    "unlisted": customers(2, segment=[CANARY, "gold"]),
    "not a fit": customers(2, income=pa.array([2**63, 919191], pa.uint64())),
    "missing": customers(2, email=[CANARY, None]),
    "another table": pa.table({CANARY: [1, 2]}),
}


@pytest.mark.parametrize("case", POISONED_TABLES)
def test_messages_about_tables_carry_no_cell(case, tmp_path):
    source = open_source(POISONED_TABLES[case], CUSTOMERS.columns)
    for work in (
        lambda: sealed(POISONED_TABLES[case], CUSTOMERS, tmp_path),
        lambda: check(source, "customers", CUSTOMERS).require(),
    ):
        with pytest.raises(DataMismatch) as refused:
            work()
        said = "".join(traceback.format_exception(refused.value)) + repr(refused.value.problems)
        assert CANARY not in said
        assert "919191" not in said
    assert list(tmp_path.iterdir()) == []


def test_the_report_carries_no_cell():
    table = customers(2, email=[CANARY, CANARY], segment=[CANARY, "gold"])
    report = check(open_source(table, CUSTOMERS.columns), "customers", CUSTOMERS)
    assert CANARY.encode() not in report.to_bytes()
    assert CANARY not in report.to_text()


def test_a_file_that_changes_after_its_check_is_checked_again(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(customers(5), path)
    source = open_source(path, CUSTOMERS.columns)
    check(source, "customers", CUSTOMERS).require()
    pq.write_table(customers(5, segment=["GOLD"] * 5), path)
    with pytest.raises(DataMismatch, match="5 values are not among those the manifest lists"):
        seal(
            conforming(source, CUSTOMERS),
            lineage=LINEAGE,
            dataset="customers",
            owner="bank",
            directory=tmp_path,
        )
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_loses_a_column_after_its_check(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(customers(5), path)
    source = open_source(path, CUSTOMERS.columns)
    pq.write_table(customers(5).drop_columns(["segment"]), path)
    with pytest.raises(DataUnreadable, match="is damaged or cannot be decoded"):
        check(source, "customers", CUSTOMERS)


def test_extension_types_are_not_loaded(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"email": pa.array([b"x" * 16], pa.uuid())}), path)
    with pytest.raises(DataMismatch, match=r"the type is .*, expected string"):
        conforming(open_source(path, EMAIL_ONLY.columns), EMAIL_ONLY)
