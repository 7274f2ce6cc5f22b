"""What Ray runs on a gang's nodes: plain functions, one part or one partition at a time.

Keys are asked for where they are used and wiped there. What goes between tasks is key columns by
partition, and chosen rows: Arrow tables inside Ray's TLS, never a data key. An error leaves a task
as a code; its words stay here. This module does not import Ray.
"""

import functools
import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np
import pyarrow as pa

from cleanroom.errors import CleanroomError, ComputationFailed
from cleanroom.manifest.model import Manifest
from enclave.computations.keys import key_table
from enclave.computations.partition import partition
from enclave.computations.plan import Plan
from enclave.computations.registry import operations
from enclave.computations.training.spread import require_lawful_rows
from enclave.worker.inputs import Source
from enclave.worker.orders import adopt
from enclave.worker.raycommand import SOCKET_VARIABLE
from enclave.worker.serving import ask

WARM_S = 0.2
"""A warming task keeps its process busy, so that the next one goes to another; in seconds."""
P = ParamSpec("P")
R = TypeVar("R")


class TaskFailed(Exception):
    """A task ended with this code; all that Ray carries of an error."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def coded(function: Callable[P, R]) -> Callable[P, R]:
    """Let nothing out of a function that runs on a node but its result, or a code."""

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except CleanroomError as known:
            code = known.code
        except Exception:  # noqa: BLE001 - its words may quote a value
            code = ComputationFailed.code
        raise TaskFailed(code)

    return guarded


def coded_words(function: Callable[P, Iterator[R]]) -> Callable[P, Iterator[R]]:
    """As `coded`, for what is said one after the other."""

    @functools.wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Iterator[R]:
        try:
            yield from function(*args, **kwargs)
        except CleanroomError as known:
            code = known.code
        except Exception:  # noqa: BLE001 - its words may quote a value
            code = ComputationFailed.code
        else:
            return
        raise TaskFailed(code)

    return guarded


@coded
def warm() -> None:
    """Importing this module is all there is to do."""
    time.sleep(WARM_S)


@coded
def read_block(name: str, index: int, count: int, secret: bytes) -> tuple[pa.Table, ...]:
    """Decrypt the key columns of one part and spread them over `count` partitions.

    Args:
        name: the input.
        index: the part, which this node has fetched.
        count: number of partitions.
        secret: the run's 32 secret bytes.
    """
    source, rows = _read(name, index, lambda source: source.planned.keys)
    keys = key_table(rows, source.planned.keys, source.first_row(index))
    return tuple(partition(keys, count, secret))


@coded
def match_slot(plan: Plan, secret: bytes, lengths: Sequence[int], *blocks: pa.Table) -> pa.Table:
    """Intersect one partition of all inputs.

    Args:
        plan: the run's plan.
        secret: the run's 32 secret bytes.
        lengths: how many of `blocks` belong to each input, in the plan's order.
        blocks: the partition's share of every part, by input, then by part.
    """
    bounds = np.cumsum([0, *lengths])
    inputs = [pa.concat_tables(blocks[start:stop]) for start, stop in itertools.pairwise(bounds)]
    return operations[plan.op].match(plan, inputs, secret)


@coded
def take_rows(name: str, index: int, positions: np.ndarray) -> pa.Table:
    """Decrypt the payload columns of one part and keep only rows of the result.

    Args:
        name: the input.
        index: the part.
        positions: positions of the wanted rows in the input, in order, all in this part.
    """
    source, rows = _read(name, index, lambda source: source.planned.payload)
    return rows.take(pa.array(positions - source.first_row(index)))


@coded
def take_shares(name: str, index: int, wanted: Sequence[np.ndarray]) -> tuple[object, ...]:
    """Decrypt what a training reads of one part, and keep for each worker the rows it wants.

    Args:
        name: the input.
        index: the part.
        wanted: for each worker positions of rows in the input, in order, all in this part.

    Returns:
        A table for each worker, and last a small word for the driver that all went well.

    Raises:
        DataMismatch: some row of the part, wanted or not, breaks its column's rules.
    """
    source, rows = _read(name, index, lambda source: source.planned.payload)
    lesson = source.accepted.plan.lesson
    if lesson is None:
        raise ComputationFailed("a training has no lesson")
    require_lawful_rows(lesson, name, rows)
    first = source.first_row(index)
    return *(rows.take(pa.array(positions - first)) for positions in wanted), True


def _read(
    name: str, index: int, columns: Callable[[Source], tuple[str, ...]]
) -> tuple[Source, pa.Table]:
    # a task has no other way to learn where its own node is
    given = ask(os.environ[SOCKET_VARIABLE], name, index)  # noqa: TID251
    assignment = given.assignment
    accepted = adopt(assignment.order, Manifest.from_bytes(assignment.manifest))
    source = Source.of(accepted, name)
    try:
        file = Path(given.fetched.file)
        return source, source.read(index, file, memoryview(given.key), columns(source))
    finally:
        given.key[:] = bytes(len(given.key))
