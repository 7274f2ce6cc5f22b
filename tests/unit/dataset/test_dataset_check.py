"""The report tells the owner everything at once; the conforming source lets nothing else through."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from cleanroom.dataset.check import check, conforming
from cleanroom.dataset.distinct import Duplicates
from cleanroom.dataset.read import open_source
from cleanroom.dataset.report import HEADINGS, Report
from cleanroom.errors import DataMismatch, DataOversized
from tests.support.tables import CUSTOMERS, column, customers, dataset_of


def checked(table, dataset=CUSTOMERS):
    return check(open_source(table, dataset.columns), "customers", dataset)


def conformed(table, dataset=CUSTOMERS):
    return pa.Table.from_batches(conforming(open_source(table, dataset.columns), dataset).batches())


def test_a_good_table_has_no_findings():
    report = checked(customers(50)).require()
    assert (report.rows, report.errors(), report.warnings()) == (50, [], [])
    assert [seen.repeated for seen in report.columns] == [0, None, None]


def test_everything_wrong_is_reported_at_once():
    table = pa.table(
        {
            "segment": ["gold", "GOLD", None, "basic"],
            "income": pa.array([-1, 500_001, 500_000, None], pa.float64()).cast(pa.int64()),
            "email": ["A@b.co", "a@b.co ", "nope", None],
            "shoe": [1, 2, 3, 4],
        }
    )
    report = checked(table)
    assert [(one.where, one.message) for one in report.errors()] == [
        ("email", "1 values are missing, expected none"),
        ("income", "1 values are missing, expected none"),
        ("income", "2 values are outside of ['0', '500000']"),
        ("segment", "1 values are missing, expected none"),
        ("segment", "1 values are not among those the manifest lists"),
    ]
    assert [(one.where, one.message) for one in report.warnings()] == [
        ("email", "1 values are no email and will never match"),
        ("email", "1 values repeat an earlier one"),
        ("columns", "1 columns are not in the manifest and are left out"),
    ]
    with pytest.raises(
        DataMismatch, match=r"'email': 1 values are missing.* and 4 more"
    ) as refused:
        report.require()
    assert len(refused.value.problems) == 5


def test_missing_and_wrong_columns_are_reported():
    table = pa.table({"email": [1, 2], "income": [1, 2]})
    assert [(one.where, one.message) for one in checked(table).errors()] == [
        ("email", "the type is int64, expected string"),
        ("segment", "the column is missing"),
    ]
    with pytest.raises(DataMismatch, match=r"'email': the type is int64.* 1 more"):
        conforming(open_source(table, CUSTOMERS.columns), CUSTOMERS)


def test_too_few_rows_are_an_error_and_too_many_stop_the_reading():
    dataset = dataset_of(column("n", "int64"), fewest=3, most=5)
    report = checked(pa.table({"n": [1, 2]}), dataset)
    assert [one.message for one in report.errors()] == ["the table has 2 rows, expected 3 or more"]
    with pytest.raises(DataMismatch, match="has 2 rows, expected 3 or more"):
        conformed(pa.table({"n": [1, 2]}), dataset)
    for read in (checked, conformed):
        with pytest.raises(DataOversized, match="more than 5 rows"):
            read(pa.table({"n": list(range(6))}), dataset)


def test_report_as_text_and_as_record():
    report = checked(customers(3, email=["a@b.co", "a@b.co", "x"]))
    assert Report.from_bytes(report.to_bytes()) == report
    assert report.table()[0] == HEADINGS
    lines = report.to_text().splitlines()
    assert lines[3].split() == ["email", "string", "0", "1", "1", "0", "warning"]
    assert lines[-1] == "warning: email: 1 values repeat an earlier one"


def test_progress_is_told_after_each_batch():
    told = []
    source = open_source(customers(10), CUSTOMERS.columns)
    check(source, "customers", CUSTOMERS, lambda done, total: told.append((done, total)))
    assert told == [(10, 10)]


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("int64", pa.array([1, 2], pa.uint8()), [1, 2]),
        ("int32", pa.array([1, 2], pa.int64()), [1, 2]),
        ("float64", pa.array([1.5], pa.float32()), [1.5]),
        ("float64", pa.array([2**53], pa.int64()), [2.0**53]),
        ("string", pa.array(["a"], pa.large_string()), ["a"]),
        ("string", pa.array(["a"], pa.string_view()), ["a"]),
        ("string", pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]),
        ("timestamp", pa.array([1000], pa.timestamp("ns", "Europe/Berlin")), None),
        ("date32", pa.array([86_400_000], pa.date64()), None),
    ],
)
def test_lossless_types_are_accepted(kind, given, expected):
    sealed = conformed(pa.table({"c": given}), dataset_of(column("c", kind)))["c"]
    assert sealed.null_count == 0
    if expected is not None:
        assert sealed.to_pylist() == expected


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("int32", pa.array([1, 2**31], pa.int64())),
        ("int64", pa.array([1, 2**63], pa.uint64())),
        ("float64", pa.array([0, 2**53 + 1], pa.int64())),
        ("float64", pa.array([0, -(2**63)], pa.int64())),
        ("timestamp", pa.array([0, 1], pa.timestamp("ns", "UTC"))),
        ("timestamp", pa.array([0, 2**62], pa.timestamp("s", "UTC"))),
    ],
)
def test_values_that_do_not_fit_are_counted(kind, given):
    dataset = dataset_of(column("c", kind))
    assert checked(pa.table({"c": given}), dataset).columns[0].misfits == 1
    with pytest.raises(DataMismatch, match=f"'c': 1 values do not fit {kind}"):
        conformed(pa.table({"c": given}), dataset)


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("int64", pa.array([1.0])),
        ("string", pa.array([b"a"])),
        ("bool", pa.array([1])),
        ("int64", pa.array([True])),
        ("timestamp", pa.array([datetime(2020, 1, 1)])),  # noqa: DTZ001 - the point of the case
        ("date32", pa.array([datetime(2020, 1, 1, tzinfo=UTC)])),
        ("string", pa.array([["a"]])),
        ("string", pa.array([{"a": 1}])),
    ],
)
def test_other_types_are_refused(kind, given):
    with pytest.raises(DataMismatch, match=f"'c': the type is .*, expected {kind}"):
        conformed(pa.table({"c": given}), dataset_of(column("c", kind)))


def test_a_float_that_is_no_number_is_missing():
    given = pa.table({"c": [1.0, float("nan"), float("inf")]})
    assert conformed(given, dataset_of(column("c", "float64", nullable=True)))["c"].null_count == 1
    with pytest.raises(DataMismatch, match="1 values are missing"):
        conformed(given, dataset_of(column("c", "float64")))


def test_bounds_are_inclusive_for_floats_too():
    dataset = dataset_of(column("c", "float64", bounds=["-0.5", "1"]))
    assert checked(pa.table({"c": [-0.5, 1.0]}), dataset).columns[0].outside == 0
    assert checked(pa.table({"c": [-0.51, 1.1, 0.0]}), dataset).columns[0].outside == 2


def test_repeated_identities_are_counted_over_batches():
    counting = Duplicates()
    counting.add(pa.array(["a", "b", "a", None]))
    counting.add(pa.array(["b", "c", None]))
    assert (counting.count(), counting.complete) == (2, True)


def test_counting_repeats_stops_at_its_budget(monkeypatch):
    monkeypatch.setattr("cleanroom.dataset.distinct.FIRST_MERGE", 0)
    counting = Duplicates(most=64)
    for start in range(0, 1000, 100):
        counting.add(pa.array(range(start, start + 100), pa.int64()))
    assert not counting.complete
    assert counting.count() == 0
