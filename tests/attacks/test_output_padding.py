"""Attack: reach an output's threshold with rows of one's own, to see a group that is too small."""

import numpy as np
import pyarrow as pa
import pytest

from tests.support.intersections import PARTIES, count_plan, emails, rows_plan, run
from tests.support.mutants import assert_mutant_is_caught

LEAST = 10


def people(numbers):
    return pa.table({"id": emails(np.asarray(numbers)), "v": pa.array(np.asarray(numbers))})


TARGETS = people([1, 2, 3])
"""The other party's rows that the asker wants to see; three are too few."""
PADDINGS = {
    "strangers": people([1, 2, 3, *range(1000, 2000)]),
    "the same person again": people([1, 2, 3] * 100),
    "persons without a key": pa.concat_tables(
        [people([1, 2, 3]), pa.table({"id": pa.nulls(100, pa.string()), "v": range(100)})]
    ),
}


def padded_results():
    """Everything the asker can get for every way of padding."""
    for padding in PADDINGS.values():
        for duplicates in ("first", "all"):
            tables = [padding, TARGETS]
            plan = rows_plan(["id"], tables, PARTIES[:2], duplicates=duplicates, min_group=LEAST)
            yield from run(plan, tables)
            yield from run(count_plan(["id"], min_group=LEAST), tables)


def padding_does_not_help():
    for released in padded_results():
        assert released.suppressed
        assert all(value is None for line in released.table.to_pylist() for value in line.values())


@pytest.mark.parametrize("padding", PADDINGS)
def test_padding_reaches_many_rows_but_not_the_threshold(padding):
    tables = [PADDINGS[padding], TARGETS]
    assert tables[0].num_rows > LEAST
    assert run(count_plan(["id"], min_group=3), tables)[0].table["overlap"].to_pylist() == [3]
    assert run(count_plan(["id"], min_group=LEAST), tables)[0].suppressed


def test_no_way_of_padding_shows_a_row_or_a_number():
    assert padding_does_not_help() is None


def test_a_gate_that_counts_rows_is_noticed(monkeypatch):
    """The mutant takes each line of `all` combinations for a unit of its own."""
    assert_mutant_is_caught(
        monkeypatch, "enclave.computations.registry:_distinct", len, padding_does_not_help
    )
