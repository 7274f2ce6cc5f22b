"""What a check found, for the owner of the data: counts by column and reason, never a value.

Names of columns that the manifest does not know are not repeated either: in a CSV file without a
header they would be the first row's cells.
"""

from typing import Self

from pydantic import Field

from cleanroom.encoding import Record
from cleanroom.errors import DataMismatch, Problem
from cleanroom.manifest.model import Column

HEADINGS = ("column", "type", "rows missing", "invalid", "repeated", "wrong", "verdict")
"""Of the table in `Report.table`."""


class ColumnReport(Record):
    """What was found in one column of the manifest."""

    column: Column
    """What the manifest says."""
    found: str = Field(default="", max_length=80)
    """The Arrow type that was found; empty when there is no such column."""
    convertible: bool = False
    """Whether the found type can become the manifest's; without it no value was looked at."""
    missing: int = Field(default=0, ge=0)
    """Rows without a value."""
    misfits: int = Field(default=0, ge=0)
    """Values that do not fit the type, such as 2^40 in an int32."""
    invalid: int = Field(default=0, ge=0)
    """Identities that the normaliser refuses; they never match."""
    outside: int = Field(default=0, ge=0)
    """Values below or above the bounds."""
    unlisted: int = Field(default=0, ge=0)
    """Texts that are not among the allowed values."""
    repeated: int | None = Field(default=None, ge=0)
    """Identities equal to an earlier one; null where they were not counted."""
    repeated_at_least: bool = False
    """True when there were too many distinct values to go on: the count is a lower bound."""

    def errors(self) -> list[Problem]:
        """Why this column cannot be sealed."""
        where, kind = self.column.name, self.column.type
        if not self.found:
            return [Problem("the column is missing", where=where)]
        if not self.convertible:
            return [Problem(f"the type is {self.found}, expected {kind}", where=where)]
        missing = 0 if self.column.nullable else self.missing
        counted = (
            (missing, "values are missing, expected none", "set `nullable: true`, or fill them"),
            (self.misfits, f"values do not fit {kind}", ""),
            (self.outside, f"values are outside of {self.column.bounds}", ""),
            (self.unlisted, "values are not among those the manifest lists", ""),
        )
        return [
            Problem(f"{count} {words}", where=where, hint=hint)
            for count, words, hint in counted
            if count
        ]

    def warnings(self) -> list[Problem]:
        """What the owner should know, though it can be sealed."""
        least = "at least " if self.repeated_at_least else ""
        counted = (
            (self.invalid, f"values are no {self.column.normalise} and will never match"),
            (self.repeated or 0, "values repeat an earlier one"),
        )
        return [
            Problem(f"{least if 'repeat' in words else ''}{count} {words}", where=self.column.name)
            for count, words in counted
            if count
        ]


class Report(Record):
    """What was found in a whole table."""

    dataset: str
    """The dataset's name in the manifest."""
    rows: int = Field(ge=0)
    """How many rows were read."""
    fewest: int = Field(ge=0)
    """How many the manifest asks for."""
    columns: list[ColumnReport]
    """One entry for each column of the manifest, in its order."""
    extra: int = Field(default=0, ge=0)
    """Columns that the manifest does not know; they are left out and never leave the owner."""

    def errors(self) -> list[Problem]:
        """Everything that keeps the table from being sealed."""
        short = f"the table has {self.rows} rows, expected {self.fewest} or more"
        few = [Problem(short, where="rows")] if self.rows < self.fewest else []
        return few + [problem for column in self.columns for problem in column.errors()]

    def warnings(self) -> list[Problem]:
        """Everything worth knowing that does not keep it from being sealed."""
        left = f"{self.extra} columns are not in the manifest and are left out"
        extra = [Problem(left, where="columns")] if self.extra else []
        return [problem for column in self.columns for problem in column.warnings()] + extra

    def require(self) -> Self:
        """Return this report, once it holds no error.

        Raises:
            DataMismatch: it does; `problems` lists every one.
        """
        problems = self.errors()
        if problems:
            first = problems[0]
            more = f", and {len(problems) - 1} more problems" if len(problems) > 1 else ""
            raise DataMismatch(f"{first.where!r}: {first.message}{more}", problems=problems)
        return self

    def table(self) -> list[tuple[str, ...]]:
        """`HEADINGS` and one line of texts for each column, to be shown in any medium."""
        return [HEADINGS, *(_line(column) for column in self.columns)]

    def to_text(self) -> str:
        """The report for a terminal, as aligned plain text."""
        lines = self.table()
        widths = [max(len(line[place]) for line in lines) for place in range(len(HEADINGS))]
        shown = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]
        said = [f"error: {one.where}: {one.message}" for one in self.errors()]
        said += [f"warning: {one.where}: {one.message}" for one in self.warnings()]
        return "\n".join(
            [f"{self.dataset}: {self.rows} rows", "", *shown, *([""] if said else []), *said]
        )


def _line(seen: ColumnReport) -> tuple[str, ...]:
    repeated = "-" if seen.repeated is None else str(seen.repeated)
    wrong = seen.misfits + seen.outside + seen.unlisted
    verdict = "error" if seen.errors() else "warning" if seen.warnings() else "ok"
    return (
        seen.column.name,
        seen.column.type,
        str(seen.missing),
        str(seen.invalid),
        f"{repeated}+" if seen.repeated_at_least else repeated,
        str(wrong),
        verdict,
    )
