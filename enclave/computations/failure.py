"""Errors of the engines, made free of values: a closed list of reasons, and nothing else.

Messages of Arrow, Polars and numpy quote cell values. Whatever they raise ends here and becomes
`ComputationFailed` with one of the reasons below; the original is dropped, not chained.
"""

import functools
from collections.abc import Callable
from enum import StrEnum
from typing import ParamSpec, TypeVar

import polars as pl
import pyarrow as pa

from cleanroom.errors import CleanroomError, ComputationFailed, MemoryShort

P = ParamSpec("P")
R = TypeVar("R")


class Reason(StrEnum):
    """Why a computation ended; the only words about it that leave the worker."""

    KEYS = "the key columns could not be read"
    KEY_TYPE = "a key column has a type that cannot name a unit"
    KEY_TYPES_DIFFER = "the key columns differ in type between the inputs"
    PARTITION = "the rows could not be partitioned"
    MATCH = "the inputs could not be intersected"
    COMBINE = "the partitions could not be put together"
    ROWS = "the rows of the result could not be read"
    NOISE = "the noise could not be drawn"
    TRAIN = "the model could not be trained"
    SCORE = "the rows could not be scored"
    SCHEMA = "the result does not have its declared columns"
    RELEASE = "the result could not be rebuilt"
    ENCODE = "the result could not be written"


def failed(reason: Reason) -> ComputationFailed:
    """The error for `reason`."""
    return ComputationFailed(f"the computation stopped: {reason.value}")


def value_free(reason: Reason) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let only errors of the clean room out of a function; any other becomes `reason`.

    The new error is raised outside of the handler, so that not even its `__context__` refers to
    the one that may quote a value.
    """

    def wrap(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except CleanroomError:
                raise
            except (MemoryError, pa.ArrowMemoryError):
                failure: CleanroomError = MemoryShort("the inputs do not fit into memory")
            except (Exception, pl.exceptions.PanicException):  # noqa: BLE001 - see the docstring
                failure = failed(reason)
            raise failure

        return guarded

    return wrap
