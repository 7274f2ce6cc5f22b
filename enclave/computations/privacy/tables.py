"""Functions as tables over whole numbers: what a row gets never depends on where the row stands.

A processor may compute exponentials of the first and the last rows of a block in different ways.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from enclave.computations.privacy.grid import ONE, Whole

CELLS = 1 << 10
"""Cells of 1."""
FARTHEST = 8
"""Beyond this a table ends: chances are above 0.9996."""
_MIDDLES = (np.arange(-FARTHEST * CELLS, FARTHEST * CELLS) + 0.5) / CELLS


def chance(numbers: Whole) -> Whole:
    """The chance that a logistic score means."""
    return np.asarray(1 / (1 + np.exp(-numbers)))


def table(function: Callable[[Whole], Whole], one: int) -> Whole:
    """A function in the middle of each cell, in whole multiples of 1/`one`."""
    return np.asarray(np.rint(one * function(_MIDDLES)))


def looked_up(values: Whole, numbers: np.ndarray[Any, Any]) -> Whole:
    """What a table says of whole numbers in units of 2^-15."""
    cell = np.floor(numbers / (ONE // CELLS)) + FARTHEST * CELLS
    return np.asarray(values[np.clip(cell, 0, len(values) - 1).astype(np.intp)])
