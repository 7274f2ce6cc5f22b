"""Attack: learn something from a result that was withheld."""

import pickle

import numpy as np
import pyarrow as pa
import pytest

from enclave.computations.encode import encode
from tests.support.intersections import PARTIES, count_plan, emails, rows_plan, run


def people(low, high):
    numbers = np.arange(low, high)
    return pa.table({"id": emails(numbers), "v": pa.array(numbers)})


def withheld(shared, operation):
    """What leaves when `shared` people are in both inputs and 50 would be needed."""
    tables = [people(0, 100), people(100 - shared, 200 - shared)]
    if operation == "count":
        return run(count_plan(["id"], min_group=50), tables)
    return run(rows_plan(["id"], tables, PARTIES[:3], min_group=50), tables)


@pytest.mark.parametrize("operation", ["count", "rows"])
def test_withheld_results_of_any_size_are_the_same_bytes(operation):
    files = {
        tuple(bytes(encode(released)) for released in withheld(shared, operation))
        for shared in (0, 1, 17, 49)
    }
    assert len(files) == 1


@pytest.mark.parametrize("operation", ["count", "rows"])
def test_what_is_held_beside_the_table_does_not_tell_either(operation):
    """A `Released` says pass or fail for each owner, never how close it was."""
    told = {
        repr(
            [
                (each.rows, each.reached, each.suppressed, each.table.to_pydict())
                for each in withheld(shared, operation)
            ]
        )
        for shared in (1, 17, 49)
    }
    assert len(told) == 1


def test_the_number_of_people_is_nowhere_in_a_withheld_count():
    (released,) = withheld(37, "count")
    held = pickle.dumps(
        (released.output, released.reached, released.rows, released.table.to_pydict())
    )
    shown = pickle.dumps(37)[2:-1]
    assert released.suppressed
    assert released.table["overlap"].to_pylist() == [None]
    assert shown not in held


def test_too_many_rows_of_too_few_people_are_withheld_not_refused():
    """A refusal for size would tell that the withheld group has many rows."""
    heavy = pa.table({"id": ["one"] * 40, "v": range(40)})
    plan = rows_plan(["id"], [heavy, heavy], duplicates="all", min_group=2, max_rows=5)
    assert run(plan, [heavy, heavy])[0].suppressed
