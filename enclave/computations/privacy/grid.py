"""Rows as whole numbers, and their sums: exact, so that one row changes a sum by a known length.

A row becomes a vector: 1, then each matrix column between -1 and 1 by its signed bounds, in units
of 2^-15. Everything up to the noisy sum is whole-number arithmetic: products and sums of whole
numbers below 2^53 are exact in 64-bit floats in any order, so the fast matrix products of numpy
give the very integers. Sensitivities that are argued for real numbers do not hold for rounded sums
(Casacuberta et al. 2022); these hold for what is computed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import isqrt
from typing import Any

import numpy as np

from cleanroom.dataset.features import Matrix
from cleanroom.manifest.model import Column

Whole = np.ndarray[Any, np.dtype[np.float64]]
"""Whole numbers below 2^53, kept as 64-bit floats."""
ONE = 1 << 15
"""What 1 is in a vector."""
CHUNK = 1 << 20
"""Rows of one product; at most 2^50 for vectors, 2^49 for gradients: exact."""
WEIGHT_ONE = 1 << 16
"""What 1 is in a coefficient."""
LARGEST_WEIGHT = 1 << 26
"""Of a coefficient: 2^26 · 2^15 · 256 columns = 2^49, exact."""
MOST_COLUMNS = 256
"""Vectors are not longer."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How matrix columns become numbers between -1 and 1, by signed bounds alone."""

    middle: Matrix
    """What becomes 0, by matrix column."""
    half: Matrix
    """What lies between 0 and 1, by matrix column; above 0."""
    places: int
    """How many columns the features had: indicators of one text count together, as one."""

    @property
    def length(self) -> int:
        """No vector is longer, in units of 2^-15: one for the 1, one for each feature."""
        return _root((self.places + 1) * ONE * ONE)

    def vectors(self, rows: Matrix) -> Whole:
        """The rows as vectors; what is missing is in the middle, what is outside at its bound."""
        numbers = np.clip(np.rint((rows - self.middle) / self.half * ONE), -ONE, ONE)
        return np.column_stack([np.full(len(rows), float(ONE)), np.nan_to_num(numbers, nan=0.0)])


def scale_of(columns: Sequence[Column]) -> Scale:
    """The scale of some columns: texts as indicators 0 and 1, all others by their bounds."""
    middle: list[float] = []
    half: list[float] = []
    for column in columns:
        if column.values is not None:
            middle += [0.0] * len(column.values)
            half += [1.0] * len(column.values)
        else:
            low, high = span(column)
            middle.append((low + high) / 2)
            half.append((high - low) / 2 or 1.0)
    return Scale(np.array(middle), np.array(half), len(columns))


def span(column: Column) -> tuple[float, float]:
    """Least and greatest number of a column that has bounds, or is a truth value."""
    low, high = (Decimal(bound) for bound in column.bounds or ("0", "1"))
    return float(low), float(high)


def moments(vectors: Whole) -> list[int]:
    """The sums of all products of two places, of the upper triangle, row by row.

    One vector of length r changes them by at most `moment_length(r, places)`.
    """
    upper = np.triu_indices(vectors.shape[1])
    total = np.zeros(len(upper[0]), dtype=np.int64)
    for part in _parts(vectors):
        total += (part.T @ part)[upper].astype(np.int64)
    return [int(each) for each in total]


def moment_length(squared: int) -> int:
    """How much one vector changes `moments`: with z of squared length s in units of 2^-30.

    The squares of the upper triangle are (|z|^4 + Σ z_i^4) / 2, and z_i^4 ≤ z_i² in units of 1.
    """
    return _root((squared * squared + squared) * ONE**4 // 2 + 1)


def spreads(vectors: Whole) -> list[int]:
    """The sums of all places, then of their squares but the first's, in units of 2^-30.

    One vector with so many places away from 0, and the 1, changes them by at most `spread_length`.
    """
    total = np.zeros(2 * vectors.shape[1] - 1, dtype=np.int64)
    for part in _parts(vectors):
        sums = [part.sum(axis=0) * ONE, (part[:, 1:] ** 2).sum(axis=0)]
        total += np.concatenate(sums).astype(np.int64)
    return [int(each) for each in total]


def spread_length(places: int) -> int:
    """How much one vector changes `spreads`: by 1, its places, and their squares."""
    return _root((1 + 2 * places) * ONE**4)


def square_of(noisy: Sequence[int], width: int) -> Matrix:
    """The symmetric matrix whose upper triangle this is, in units of 1."""
    whole = np.zeros((width, width))
    whole[np.triu_indices(width)] = np.array(noisy, dtype=np.float64) / (ONE * ONE)
    return np.asarray(whole + np.triu(whole, 1).T)


def rounded(weights: Matrix) -> Whole:
    """Coefficients on their grid: what is released is what was tested."""
    return np.clip(np.rint(weights * WEIGHT_ONE), -LARGEST_WEIGHT, LARGEST_WEIGHT)


def scores(vectors: Whole, weights: Whole) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The products of vectors with rounded coefficients, in units of 2^-31."""
    return np.asarray((vectors @ weights).astype(np.int64))


def weighed(vectors: Whole, residues: np.ndarray[Any, np.dtype[np.int64]]) -> list[int]:
    """The sum of vectors, each times its residue, which is at most 2^14 in size."""
    total = np.zeros(vectors.shape[1], dtype=np.int64)
    for start in range(0, len(vectors), CHUNK):
        part = slice(start, start + CHUNK)
        total += (residues[part].astype(np.float64) @ vectors[part]).astype(np.int64)
    return [int(each) for each in total]


def _parts(vectors: Whole) -> Iterator[Whole]:
    return (vectors[start : start + CHUNK] for start in range(0, len(vectors), CHUNK))


def _root(number: int) -> int:
    """The square root, rounded up."""
    root = isqrt(number)
    return root if root * root == number else root + 1
