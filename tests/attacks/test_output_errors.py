"""Attack: put values where they make an engine fail, and read them in the error.

Messages of Arrow and Polars quote cells. Whatever a computation raises has one of a closed list of
texts, and nothing of the original is reachable from it.
"""

import traceback

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from cleanroom.errors import ComputationFailed, MemoryShort
from enclave.computations.encode import encode
from enclave.computations.failure import Reason, value_free
from enclave.computations.keys import key_table
from enclave.computations.matches import combine_lines
from enclave.computations.partition import partition
from enclave.computations.process import compute
from enclave.computations.release import rebuild, release
from tests.support.intersections import rows_plan
from tests.support.mutants import assert_mutant_is_caught, returns

POISON = "canary-4711"
SECRET = bytes(32)


def told(failure):
    """Everything that a careless logger could write about an error."""
    formatted = "".join(traceback.format_exception(failure))
    return formatted + repr(vars(failure)) + repr(failure.__context__) + repr(failure.__cause__)


def poisoned_column_type():
    table = pa.table({POISON: pa.array([POISON])})
    key_table(table, ["id"])


def poisoned_partition():
    partition(pa.table({POISON: [POISON]}), 2, SECRET)


def poisoned_lines():
    combine_lines([pa.table({POISON: [POISON]}), pa.table({"row_0": [1]})])


def poisoned_payload():
    tables = [pa.table({"id": ["x"], "v": [1]}), pa.table({"id": ["x"], "v": [1]})]
    plan = rows_plan(["id"], tables)
    swapped = pa.table({"id": ["x"], "v": [POISON]})
    compute(plan, {"a": tables[0], "b": swapped}, SECRET)


ATTACKS = (poisoned_column_type, poisoned_partition, poisoned_lines, poisoned_payload)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_no_value_is_in_the_error_of_a_step(attack):
    with pytest.raises(ComputationFailed) as caught:
        attack()
    frames = told(caught.value).replace(f'"{POISON}"', "").replace("POISON", "")
    assert POISON not in frames
    assert str(caught.value).removeprefix("the computation stopped: ") in set(Reason)


def errors_of_a_failing_cast_are_value_free():
    @value_free(Reason.RELEASE)
    def failing():
        return rebuild(pa.chunked_array([[POISON]]), np.array([0]), pa.int64())

    with pytest.raises(ComputationFailed) as caught:
        failing()
    assert POISON not in told(caught.value)
    assert caught.value.__context__ is None


def test_errors_of_a_failing_cast_are_value_free():
    with pytest.raises(pa.ArrowInvalid, match=POISON):
        rebuild(pa.chunked_array([[POISON]]), np.array([0]), pa.int64())
    assert errors_of_a_failing_cast_are_value_free() is None


def test_an_error_that_is_only_wrapped_is_noticed(monkeypatch):
    def chained(function):
        def call(*args, **kwargs):
            try:
                return function(*args, **kwargs)
            except Exception as failure:
                raise ComputationFailed("the computation stopped") from failure

        return call

    assert_mutant_is_caught(
        monkeypatch,
        f"{__name__}:value_free",
        returns(chained),
        errors_of_a_failing_cast_are_value_free,
    )


def test_a_panic_of_the_engine_below_is_an_error_like_any_other():
    @value_free(Reason.MATCH)
    def panicking():
        raise pl.exceptions.PanicException(POISON)

    with pytest.raises(ComputationFailed, match="could not be intersected") as caught:
        panicking()
    assert POISON not in repr(vars(caught.value))


def test_running_out_of_memory_says_so_and_no_more():
    @value_free(Reason.MATCH)
    def greedy():
        raise MemoryError(POISON)

    with pytest.raises(MemoryShort, match=r"^the inputs do not fit into memory$") as caught:
        greedy()
    assert caught.value.__context__ is None


def test_every_step_that_touches_values_is_guarded():
    guarded = (key_table, partition, combine_lines, release, encode)
    assert all(hasattr(step, "__wrapped__") for step in guarded)
