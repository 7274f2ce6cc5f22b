"""A network fitted to noisy sums: noisy means and deviations once, then a noisy gradient each step.

Each step takes all rows: what a random batch would save is proved for continuous noise, and is not
claimed here. Whatever happens to noisy sums costs nothing more: steps with momentum, a decay of the
weights, and the mean of the later half of the steps, where noise evens out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

import numpy as np

from cleanroom.dataset.features import Matrix
from cleanroom.dataset.network_part import NetworkModel, NetworkPart
from cleanroom.manifest.dataset import Network
from enclave.computations.privacy.grid import (
    ONE,
    WEIGHT_ONE,
    Scale,
    Whole,
    spread_length,
    spreads,
)
from enclave.computations.privacy.layers import (
    LONGEST,
    MOST_SIGNAL,
    WIDEST,
    WholeNetwork,
    by_chance,
    by_distance,
    whole_weights,
)
from enclave.computations.privacy.noise import gaussian, gaussian_scale

SHARE_OF_SPREADS = 0.1
"""Of a network's budget; its steps share the rest."""
MOMENTUM = 0.9
"""Of each step, what the next one goes on with."""
NARROWEST = 1 / 1024
"""No variance counts as less, of a column between -1 and 1: it then stays within 64 deviations."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Noisy means and deviations, of columns between -1 and 1."""

    means: Matrix
    """Within -1 and 1."""
    deviations: Matrix
    """Of each, at least 1/32."""
    units: int
    """The noisy number of rows; can be negative."""

    def standard(self, numbers: Whole) -> Whole:
        """Columns brought to mean 0 and deviation 1, in units of 2^-15."""
        brought = np.rint((numbers - self.means * ONE) / self.deviations)
        return np.clip(brought, -MOST_SIGNAL, MOST_SIGNAL)


@dataclass(frozen=True, slots=True)
class Declared:
    """What the manifest says of a fit."""

    network: Network
    """The hidden layers."""
    task: str
    """`classification`, of 0 and 1, or `regression`."""
    label: tuple[float, float]
    """What 0 and 1 are in units of the label; 0 and 1 for a classification."""
    rate: float
    """Length of each step."""
    l2: float
    """Share of each weight that a step takes off, times the rate."""
    seed: int
    """Of the first weights, which are no secret."""


@dataclass(frozen=True, slots=True)
class NoisyNetwork:
    """A network that was fitted to noisy sums."""

    layers: WholeNetwork
    scale: Scale
    """Of the vectors it was fitted to."""
    spread: Spread
    """Of their columns; of a number to be told, the last is the label's."""
    declared: Declared

    @property
    def label(self) -> tuple[float, float]:
        """See `Judged.label`."""
        return self.declared.label

    @property
    def units(self) -> int:
        """The noisy number of rows that it learned from; can be negative."""
        return self.spread.units

    def says(self, vectors: Whole) -> Whole:
        """See `Judged.says`."""
        said = self.layers.scores(_entering(vectors, self.spread))
        if self.declared.task == "regression":
            said = np.rint(said * self.spread.deviations[-1] + self.spread.means[-1] * ONE)
        return said

    @property
    def model(self) -> NetworkModel:
        """The network as its recipients compute it, in the features' own units."""
        part = NetworkPart(
            hidden=self.declared.network.hidden,
            activation=self.declared.network.activation,
            fills=self.scale.middle.tolist(),
            means=(self.scale.middle + self.scale.half * self._columns(self.spread.means)).tolist(),
            deviations=(self.scale.half * self._columns(self.spread.deviations)).tolist(),
            mean=self._of_label[0],
            deviation=self._of_label[1],
        )
        return NetworkModel(part, self._tensors, self.declared.task)

    def _columns(self, numbers: Matrix) -> Matrix:
        return numbers[: len(self.scale.middle)]

    @property
    def _of_label(self) -> tuple[float, float]:
        if self.declared.task == "classification":
            return 0.0, 1.0
        middle, half = self.label
        return (
            middle + half * float(self.spread.means[-1]),
            half * float(self.spread.deviations[-1]),
        )

    @property
    def _tensors(self) -> dict[str, Matrix]:
        *hidden, last = (each / WEIGHT_ONE for each in self.layers.weights)
        if self.declared.task == "classification":
            last = np.column_stack([-last / 2, last / 2])  # whose difference is the score
        tensors: dict[str, Matrix] = {}
        for place, layer in enumerate([*hidden, last]):
            tensors[f"layers.{place}.weight"] = np.ascontiguousarray(layer[1:].T)
            tensors[f"layers.{place}.bias"] = layer[0]
        return tensors


def descend(
    vectors: Whole, labels: Whole, *, scale: Scale, declared: Declared, rhos: Sequence[float]
) -> NoisyNetwork:
    """Fit a network.

    Args:
        vectors: from `Scale.vectors`.
        labels: 0 and 1, or between -1 and 1, in units of 2^-15.
        scale: of the vectors.
        declared: what to fit.
        rhos: what means and deviations cost, then what each step costs.
    """
    known, places, residues = vectors, scale.places, by_chance
    if declared.task == "regression":
        known, places, residues = np.column_stack([vectors, labels]), places + 1, by_distance
    spread = drawn_spread(known, places, rhos[0])
    if declared.task == "regression":
        labels = spread.standard(known[:, 1:])[:, -1]
    rows, units = _entering(vectors, spread), max(spread.units, 1)
    weights = first_weights([vectors.shape[1] - 1, *declared.network.hidden, 1], declared.seed)
    going: list[Matrix] = [np.zeros_like(each) for each in weights]
    late = []
    for rho in rhos[1:]:
        network = WholeNetwork(whole_weights(weights), declared.network.activation)
        drawn = gaussian(network.gradient(rows, labels, residues), LONGEST, rho)
        slopes = _layers(np.array(drawn, dtype=np.float64) / LONGEST / units, weights)
        going = [MOMENTUM * was + slope for was, slope in zip(going, slopes, strict=True)]
        weights = [
            _stepped(weight, step, declared) for weight, step in zip(weights, going, strict=True)
        ]
        late.append(weights)
    settled = [np.mean(layer, axis=0) for layer in zip(*late[len(late) // 2 :], strict=True)]
    layers = WholeNetwork(whole_weights(settled), declared.network.activation)
    return NoisyNetwork(layers, scale, spread, declared)


def drawn_spread(vectors: Whole, places: int, rho: float) -> Spread:
    """Noisy means and deviations of all places but the first, which is 1.

    Args:
        vectors: 1 and numbers between -1 and 1, in units of 2^-15.
        places: how many numbers may be away from 0 together.
        rho: what it costs.
    """
    length = spread_length(places)
    noisy = np.array(gaussian(spreads(vectors), length, rho), dtype=np.float64) / ONE**2
    units = max(noisy[0], 1.0)
    first, second = np.split(noisy[1:] / units, 2)
    means = np.clip(first, -1, 1)
    noise = 2 * gaussian_scale(length, rho) / ONE**2 / units
    variances = np.clip(second - means**2, max(noise, NARROWEST), 1)
    return Spread(means, np.sqrt(variances), round(noisy[0]))


def first_weights(sizes: Sequence[int], seed: int) -> list[Matrix]:
    """Weights before any step: even within three over the inputs, squared; constants are 0.

    Args:
        sizes: how many numbers enter the first layer, and how many come out of each.
        seed: of PCG64, whose raw words they are.
    """
    coins, weights = np.random.PCG64(seed), []
    for inputs, outputs in pairwise(sizes):
        even = coins.random_raw(inputs * outputs).reshape(inputs, outputs) / 2.0**63 - 1
        weights.append(np.vstack([np.zeros(outputs), even * sqrt(3 / inputs)]))
    return weights


def _entering(vectors: Whole, spread: Spread) -> Whole:
    """What enters the first layer: 1 and the columns, standardised."""
    width = vectors.shape[1] - 1
    columns = Spread(spread.means[:width], spread.deviations[:width], spread.units)
    return np.column_stack([vectors[:, 0], columns.standard(vectors[:, 1:])])


def _layers(numbers: Matrix, like: Sequence[Matrix]) -> list[Matrix]:
    """Numbers in one row as layers of these shapes."""
    ends = np.cumsum([each.size for each in like])[:-1]
    parts = np.split(numbers, ends)
    return [part.reshape(each.shape) for part, each in zip(parts, like, strict=True)]


def _stepped(weight: Matrix, step: Matrix, declared: Declared) -> Matrix:
    """Weights after a step, smaller by their decay, which the constants are spared."""
    share = np.full((len(weight), 1), 1 - declared.rate * declared.l2)
    share[0] = 1
    return np.asarray(np.clip(weight * share - declared.rate * step, -WIDEST, WIDEST))
