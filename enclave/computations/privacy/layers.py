"""A small network on whole numbers: what each row adds to its gradient, exactly, cut to a length.

Signals, weights and deltas are whole multiples of powers of two, kept in 64-bit floats. Every
product that meets several numbers at once is a sum of whole numbers below 2^53, so it is exact in
any order; everything else is done to each number alone. So what a row adds depends on that row and
the weights only: on no other row, on no block and on no place in it.

A row's gradient of a layer is the product of its signal and its delta, and as long as the product
of their lengths. Deltas are shrunk towards zero until all layers together are within `LONGEST`: the
bound holds for the very integers that are summed, and is asked of them once more.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cleanroom.errors import InternalError
from enclave.computations.privacy.grid import ONE, WEIGHT_ONE, Whole
from enclave.computations.privacy.tables import chance, looked_up, table

MOST_UNITS = 256
"""Signals that enter a layer, the constant among them."""
MOST_SIGNAL = 1 << 21
"""Of a feature or a unit: 64, in units of 2^-15."""
WIDEST = 64
"""No weight is larger."""
LARGEST_WEIGHT = WIDEST * WEIGHT_ONE
"""Of a weight: `WIDEST`, in units of 2^-16; 2^21 · 2^22 · 256 = 2^51, exact."""
DELTA_ONE = 1 << 18
"""What 1 is in a delta: the derivative of a row's loss by what enters a unit."""
MOST_DELTA = 1 << 21
"""Of a delta: 8; times weights and units 2^51, exact."""
LONGEST = DELTA_ONE * ONE
"""No row changes the sum of gradients by more: a length of 1, in units of 2^-33."""
_CUT = LONGEST * (1 - 2.0**-30)
"""To what gradients are cut: the margin is far above what four roundings of 2^-53 may add."""
ROWS = 1 << 14
"""Rows of one product; 2^14 · 2^33 = 2^47, exact."""
CHANCES = table(chance, DELTA_ONE)
"""Of class 1, by the score."""
_TANH = table(np.tanh, ONE), table(lambda each: 1 - np.tanh(each) ** 2, ONE)
_SIGMOID = table(chance, ONE), table(lambda each: chance(each) * chance(-each), ONE)

Residues = Callable[[Whole, Whole], Whole]
"""From scores and labels, both in units of 2^-15, to the deltas of the last layer."""


@dataclass(frozen=True, slots=True)
class WholeNetwork:
    """The layers of a network with one score."""

    weights: tuple[Whole, ...]
    """Of each layer, 1 and inputs by outputs, in units of 2^-16."""
    activation: str
    """Of each unit but the last."""

    def scores(self, rows: Whole) -> Whole:
        """One whole number for each row, in units of 2^-15.

        Args:
            rows: a constant 1 and the features, in units of 2^-15.
        """
        return np.concatenate([self._forward(block)[2] for block in _blocks(rows)])

    def gradient(self, rows: Whole, labels: Whole, residues: Residues) -> list[int]:
        """The sum over rows of what each adds, layer by layer, in units of 2^-33.

        One row more or less changes it by at most `LONGEST`.

        Raises:
            InternalError: a row would add more.
        """
        total = [np.zeros(weight.shape, dtype=np.int64) for weight in self.weights]
        for block, truth in zip(_blocks(rows), _blocks(labels), strict=True):
            for place, (signal, delta) in enumerate(self.added(block, truth, residues)):
                total[place] += (signal.T @ delta).astype(np.int64)
        return [int(each) for layer in total for each in layer.ravel()]

    def added(self, rows: Whole, labels: Whole, residues: Residues) -> list[tuple[Whole, Whole]]:
        """Of each layer, the signals and the cut deltas of some rows: their products are added.

        Raises:
            InternalError: a row would add more than `LONGEST`.
        """
        signals, slopes, scores = self._forward(rows)
        delta = residues(scores, labels)[:, np.newaxis]
        deltas = [delta]
        for weight, slope in zip(reversed(self.weights[1:]), reversed(slopes), strict=True):
            back = np.rint(delta @ weight[1:].T / WEIGHT_ONE)
            back = np.clip(back, -MOST_DELTA, MOST_DELTA)
            delta = np.rint(back * slope / ONE)
            deltas.insert(0, delta)
        shrunk = require_short(signals, cut(signals, deltas))
        return list(zip(signals, shrunk, strict=True))

    def _forward(self, rows: Whole) -> tuple[list[Whole], list[Whole], Whole]:
        """What enters each layer, the slopes of all units but the last, and the scores."""
        signals, slopes = [rows], []
        for weight in self.weights[:-1]:
            said, slope = _activated(_entering(signals[-1], weight), self.activation)
            signals.append(np.column_stack([np.full(len(rows), float(ONE)), said]))
            slopes.append(slope)
        return signals, slopes, _entering(signals[-1], self.weights[-1])[:, 0]


def cut(signals: Sequence[Whole], deltas: Sequence[Whole]) -> list[Whole]:
    """The deltas, of each row shrunk towards zero until its gradient is not too long."""
    share = _CUT / np.maximum(np.sqrt(_squared(signals, deltas)), _CUT)
    return [np.trunc(delta * share[:, np.newaxis]) for delta in deltas]


def require_short(signals: Sequence[Whole], deltas: Sequence[Whole]) -> Sequence[Whole]:
    """Return the deltas once no row's gradient is longer than `LONGEST`.

    Raises:
        InternalError: one is.
    """
    # what is compared is wrong by less than 2^-48 of itself
    if (_squared(signals, deltas) > float(LONGEST) ** 2 * (1 - 2.0**-40)).any():
        raise InternalError("a row would change a gradient by more than its noise hides")
    return deltas


def by_chance(scores: Whole, labels: Whole) -> Whole:
    """The residues of two classes, 0 and 1 in units of 2^-15: of the logistic loss."""
    return np.asarray(looked_up(CHANCES, scores) - labels * (DELTA_ONE // ONE))


def by_distance(scores: Whole, labels: Whole) -> Whole:
    """The residues of numbers: of half the squared loss, within 8."""
    return np.clip((scores - labels) * (DELTA_ONE // ONE), -MOST_DELTA, MOST_DELTA)


def whole_weights(weights: Sequence[np.ndarray]) -> tuple[Whole, ...]:
    """Weights on their grid: what is released is what learned and was tested."""
    return tuple(
        np.clip(np.rint(each * WEIGHT_ONE), -LARGEST_WEIGHT, LARGEST_WEIGHT) for each in weights
    )


def _squared(signals: Sequence[Whole], deltas: Sequence[Whole]) -> Whole:
    """The squared length of each row's gradient; the sums are of whole numbers up to 2^50."""
    layers = zip(signals, deltas, strict=True)
    return np.asarray(sum((s * s).sum(axis=1) * (d * d).sum(axis=1) for s, d in layers))


def _entering(signal: Whole, weight: Whole) -> Whole:
    return np.asarray(np.rint(signal @ weight / WEIGHT_ONE))


def _activated(entering: Whole, activation: str) -> tuple[Whole, Whole]:
    """What units say, and how steeply, both in units of 2^-15."""
    if activation == "relu":
        said = np.clip(entering, 0, MOST_SIGNAL)
        return said, ONE * (said == entering).astype(np.float64)
    values, slopes = _TANH if activation == "tanh" else _SIGMOID
    return looked_up(values, entering), looked_up(slopes, entering)


def _blocks(rows: Whole) -> list[Whole]:
    return [rows[start : start + ROWS] for start in range(0, max(len(rows), 1), ROWS)]
