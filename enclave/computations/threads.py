"""The threads of one partition: as many as the engine below takes for itself in this process."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import polars as pl

A = TypeVar("A")
R = TypeVar("R")

THREADS = pl.thread_pool_size()
"""Set by `POLARS_MAX_THREADS`, or the processor's cores."""


def on_threads(function: Callable[[A], R], items: Iterable[A]) -> list[R]:
    """Apply a function to every item, several at a time; results are in the items' order."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(function, items))
