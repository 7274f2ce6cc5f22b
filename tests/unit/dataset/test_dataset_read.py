"""Whatever a party has becomes one stream of batches."""

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from cleanroom.dataset.read import MOST_BATCH_ROWS, open_source
from cleanroom.errors import DataMismatch, DataUnreadable
from tests.support.tables import CUSTOMERS, column, customers

NAMES = ["email", "income", "segment"]


def read_back(given, columns=CUSTOMERS.columns):
    return pa.Table.from_batches(open_source(given, columns).batches(NAMES))


def as_parquet(table, path):
    pq.write_table(table, path / "t.parquet")
    return path / "t.parquet"


def as_csv(table, path):
    pa.csv.write_csv(table, path / "t.csv")
    return path / "t.csv"


def as_feather(table, path):
    pa.feather.write_feather(table, path / "t.feather")
    return str(path / "t.feather")


def as_stream(table, path):
    with pa.ipc.new_stream(path / "t.arrow", table.schema) as writer:
        writer.write_table(table, max_chunksize=7)
    return path / "t.arrow"


def as_reader(table, _path):
    return table.to_reader(max_chunksize=7)


def as_frame(table, _path):
    return table.to_pandas()


def as_itself(table, _path):
    return table


@pytest.mark.parametrize(
    "form", [as_parquet, as_csv, as_feather, as_stream, as_reader, as_frame, as_itself]
)
def test_every_form_reads_the_same(form, tmp_path):
    table = customers(100)
    found = read_back(form(table, tmp_path))
    assert found.cast(table.schema).equals(table)


def test_several_files_are_read_in_order(tmp_path):
    pq.write_table(customers(5), tmp_path / "a.parquet")
    pq.write_table(customers(3), tmp_path / "b.parquet")
    (tmp_path / "_SUCCESS").touch()
    whole = pa.concat_tables([customers(5), customers(3)])
    assert read_back(tmp_path).equals(whole)
    assert read_back([tmp_path / "a.parquet", tmp_path / "b.parquet"]).equals(whole)


def test_files_with_other_columns_do_not_mix(tmp_path):
    pq.write_table(customers(5), tmp_path / "a.parquet")
    pq.write_table(customers(5).drop_columns(["income"]), tmp_path / "b.parquet")
    with pytest.raises(DataMismatch, match=r"'b.parquet' has other columns"):
        open_source(tmp_path, CUSTOMERS.columns)


def test_a_directory_with_something_else_is_refused(tmp_path):
    (tmp_path / "notes.docx").write_text("x")
    with pytest.raises(DataUnreadable, match="1 are not data"):
        open_source(tmp_path, CUSTOMERS.columns)


def test_long_tables_come_in_bounded_batches():
    source = open_source(customers(MOST_BATCH_ROWS + 1), CUSTOMERS.columns)
    assert [batch.num_rows for batch in source.batches(["income"])] == [MOST_BATCH_ROWS, 1]
    assert source.rows == MOST_BATCH_ROWS + 1


def test_a_reader_is_read_once():
    source = open_source(customers(3).to_reader(), CUSTOMERS.columns)
    assert not source.replayable
    assert sum(batch.num_rows for batch in source.batches(NAMES)) == 3
    with pytest.raises(DataUnreadable, match="read before"):
        next(source.batches(NAMES))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.parquet", b"", "is empty"),
        ("t.csv", b"", "is empty"),
        ("t.parquet", b"PAR1 and no more", "is damaged"),
        ("t.arrow", b"ARROW1\0\0 and no more", "is damaged"),
        ("t.parquet", b"PARE", "already encrypted"),
        ("t.bin", b"whatever", "neither Parquet nor Arrow"),
    ],
)
def test_files_that_cannot_be_read(name, content, message, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataUnreadable, match=message):
        open_source(tmp_path / name, CUSTOMERS.columns)


def test_a_missing_file_is_named_without_its_directory(tmp_path):
    with pytest.raises(DataUnreadable, match=r"^there is no file 'gone.csv'$"):
        open_source(tmp_path / "gone.csv", CUSTOMERS.columns)


def test_what_is_no_table_is_refused():
    with pytest.raises(DataUnreadable, match="the table is a dict, expected a path"):
        open_source({"email": ["a@b.co"]}, CUSTOMERS.columns)


def test_a_frame_with_mixed_values_is_refused():
    frame = pd.DataFrame({"email": ["a@b.co", 7]})
    with pytest.raises(DataUnreadable, match="values of several types"):
        open_source(frame, CUSTOMERS.columns)


def test_csv_takes_its_types_from_the_manifest(tmp_path):
    (tmp_path / "t.csv").write_text('zip,note\n01234,\n9,""\n')
    source = open_source(tmp_path / "t.csv", [column("zip"), column("note", nullable=True)])
    found = pa.Table.from_batches(source.batches(["note", "zip"]))
    assert found.to_pydict() == {"note": [None, ""], "zip": ["01234", "9"]}


def test_csv_columns_that_are_missing_are_named(tmp_path):
    (tmp_path / "t.csv").write_text("email,other\na@b.co,1\n")
    with pytest.raises(DataMismatch, match=r"columns \['income', 'segment'\] are missing"):
        open_source(tmp_path / "t.csv", CUSTOMERS.columns)


def test_equal_column_names_are_refused():
    table = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(DataMismatch, match="1 column names occur twice"):
        open_source(table, CUSTOMERS.columns)
