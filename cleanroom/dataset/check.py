"""Does a table fit its dataset? A report for its owner, and the type that proves it to `seal`.

`check` reads everything, counts everything and stops only at unreadable input; its report stays
with the owner. `conforming` gives the one type that `seal` takes: whatever comes out of it obeys
the manifest, also when the file changed after it was checked. Identities that a normaliser refuses
are a warning (they never match); every other violation is an error.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import pyarrow as pa

from cleanroom.dataset.distinct import Duplicates
from cleanroom.dataset.read import Source
from cleanroom.dataset.report import ColumnReport, Report
from cleanroom.dataset.rules import Counts, apply
from cleanroom.dataset.schema import arrow_type, convertible, sealed_schema
from cleanroom.errors import DataMismatch, DataOversized
from cleanroom.manifest.model import Column, Dataset

Progress = Callable[[int, int | None], None]
"""Called with rows done, and rows in all where the source claims to know."""


def silent(_done: int, _total: int | None) -> None:
    """The progress nobody looks at."""


@dataclass(frozen=True, slots=True)
class Conforming:
    """A source of which only batches that obey the manifest come out; made by `conforming`."""

    source: Source
    """Where the rows come from."""
    dataset: Dataset
    """What the manifest says about them."""
    schema: pa.Schema
    """The sealed schema: plain types, the manifest's names and order."""

    def raw_batches(self) -> Iterator[pa.RecordBatch]:
        """Yield batches as they are, in order; each has still to go through `conform`.

        Raises:
            DataOversized: there are more rows than `rows.max`.
            DataMismatch: there are fewer rows than `rows.min`.
        """
        rows = 0
        for batch in self.source.batches(self.schema.names):
            rows += batch.num_rows
            _not_too_many(rows, self.dataset)
            yield batch
        if rows < self.dataset.rows.min:
            raise DataMismatch(
                f"the table has {rows} rows, expected {self.dataset.rows.min} or more"
            )

    def conform(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the batch in its sealed form: plain types, normalised identities.

        Raises:
            DataMismatch: a value breaks a rule; the problems name columns and counts.
        """
        arrays, seen = [], []
        for column, array in zip(self.dataset.columns, batch.columns, strict=True):
            sealed, counts = apply(array, column)
            arrays.append(sealed)
            seen.append(_column_report(column, array.type, counts))
        Report(dataset="", rows=batch.num_rows, fewest=0, columns=seen).require()
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield every batch in its sealed form; raises as `raw_batches` and `conform` do."""
        for batch in self.raw_batches():
            yield self.conform(batch)


def conforming(source: Source, dataset: Dataset) -> Conforming:
    """Vouch that whatever comes out of `source` obeys the manifest, batch by batch.

    Raises:
        DataMismatch: a column is missing or of a type that cannot become the manifest's.
    """
    columns = [_column_report(one, _type_in(source, one), Counts()) for one in dataset.columns]
    Report(dataset="", rows=0, fewest=0, columns=columns).require()
    return Conforming(source, dataset, sealed_schema(dataset.columns))


def check(source: Source, name: str, dataset: Dataset, progress: Progress = silent) -> Report:
    """Read the whole source and report everything that does not fit.

    Args:
        source: what the owner brought; a one-time reader is used up by this.
        name: the dataset's name in the manifest.
        dataset: its entry in the manifest.
        progress: called after each batch.

    Raises:
        DataUnreadable: the source is damaged or not UTF-8.
        DataMismatch: a text of a CSV file is not of its column's type.
        DataOversized: there are more rows than `rows.max`, or a batch decodes to too much.
    """
    tallies = [
        _Tally(column)
        for column in dataset.columns
        if (found := _type_in(source, column)) is not None and _fits(found, column)
    ]
    rows = _count(source, dataset, tallies, progress)
    counted = {tally.column.name: tally for tally in tallies}
    return Report(
        dataset=name,
        rows=rows,
        fewest=dataset.rows.min,
        columns=[
            _column_report(column, _type_in(source, column), Counts(), counted.get(column.name))
            for column in dataset.columns
        ],
        extra=len(set(source.schema.names) - {column.name for column in dataset.columns}),
    )


class _Tally:
    """Running counts of one column; identities are also searched for repeated values."""

    def __init__(self, column: Column) -> None:
        self.column = column
        self.counts = Counts()
        self.duplicates = Duplicates() if column.role == "identity" else None

    def add(self, array: pa.Array) -> None:
        sealed, counts = apply(array, self.column)
        self.counts += counts
        if self.duplicates is not None:
            self.duplicates.add(sealed)


def _count(source: Source, dataset: Dataset, tallies: list[_Tally], progress: Progress) -> int:
    if not tallies:
        return source.rows or 0
    rows = 0
    for batch in source.batches([tally.column.name for tally in tallies]):
        rows += batch.num_rows
        _not_too_many(rows, dataset)
        for tally, array in zip(tallies, batch.columns, strict=True):
            tally.add(array)
        progress(rows, source.rows)
    return rows


def _not_too_many(rows: int, dataset: Dataset) -> None:
    if rows > dataset.rows.max:
        raise DataOversized(
            f"the table has more than {dataset.rows.max} rows, the most that the manifest allows"
        )


def _type_in(source: Source, column: Column) -> pa.DataType | None:
    place = source.schema.get_field_index(column.name)
    return None if place < 0 else source.schema.field(place).type


def _fits(found: pa.DataType, column: Column) -> bool:
    return convertible(found, arrow_type(column))


def _column_report(
    column: Column, found: pa.DataType | None, counts: Counts, tally: _Tally | None = None
) -> ColumnReport:
    duplicates = tally.duplicates if tally else None
    return ColumnReport(
        column=column,
        found="" if found is None else str(found)[:80],
        convertible=found is not None and _fits(found, column),
        **asdict(tally.counts if tally else counts),
        repeated=None if duplicates is None else duplicates.count(),
        repeated_at_least=duplicates is not None and not duplicates.complete,
    )
