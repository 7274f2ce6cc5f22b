"""Who tests, who says when to stop, and who trains: units are drawn by the signed seed.

They are drawn by their place in the joined order, never by a value: the raw 64-bit words of numpy's
PCG64 bit generator, whose stream is fixed (NEP 19), in the order of the units; the units with the
smallest words test, and those that follow are held back.
"""

from typing import Any

import numpy as np

from cleanroom.manifest.model import Split
from enclave.computations.plan import Lesson
from enclave.computations.training.units import Numbers


def held_back(
    units: np.ndarray[Any, np.dtype[np.bool_]], lesson: Lesson
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which of some units validate: those that would have tested next; none where nothing stops."""
    held = np.zeros(len(units), dtype=np.bool_)
    if lesson.stopping is not None:
        among = drawn(len(units), lesson.split)
        among = among[units[among]]
        held[among[: (len(among) * lesson.stopping.validation_percent + 50) // 100]] = True
    return held


def drawn(units: int, split: Split) -> Numbers:
    """The units in the order in which they are drawn."""
    return np.argsort(_words(units, split), kind="stable")


def test_units(units: int, split: Split) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which units test, by their place in the joined order: the first that are drawn."""
    words, most = _words(units, split), (units * split.test_percent + 50) // 100
    if not most:
        return np.zeros(units, dtype=np.bool_)
    # of the last word that tests several units may have a share: the first of them do
    last = np.partition(words, most - 1)[most - 1]
    tested = np.asarray(words < last)
    tested[np.flatnonzero(words == last)[: most - np.count_nonzero(tested)]] = True
    return tested


def _words(units: int, split: Split) -> Numbers:
    return np.random.PCG64(split.seed).random_raw(units)
