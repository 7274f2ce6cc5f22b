"""What a row adds to a network's gradient: exact whole numbers, of no other row, not too long."""

from fractions import Fraction
from itertools import pairwise
from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cleanroom.errors import InternalError
from enclave.computations.privacy import layers
from enclave.computations.privacy.grid import ONE, WEIGHT_ONE, spread_length, spreads
from enclave.computations.privacy.layers import (
    CHANCES,
    DELTA_ONE,
    LARGEST_WEIGHT,
    LONGEST,
    MOST_DELTA,
    MOST_SIGNAL,
    MOST_UNITS,
    ROWS,
    WholeNetwork,
    by_chance,
    by_distance,
    require_short,
    whole_weights,
)

ACTIVATIONS = ("relu", "tanh", "sigmoid")
SIZES = [3, 4, 2, 1]
TASKS = {"two classes": by_chance, "a number": by_distance}


def network(chance, size=1.0, sizes=SIZES, activation="relu"):
    """Layers of weights of about this size; half of the largest sizes are at the limit."""
    weights = [chance.normal(0, size, (a + 1, b)) for a, b in pairwise(sizes)]
    return WholeNetwork(whole_weights(weights), activation)


def rows_of(chance, rows, size=1.0, width=SIZES[0]):
    """Rows with a leading 1, and labels 0 or 1."""
    numbers = np.clip(
        np.rint(chance.normal(0, size, (rows, width)) * ONE), -MOST_SIGNAL, MOST_SIGNAL
    )
    vectors = np.column_stack([np.full(rows, float(ONE)), numbers])
    return vectors, chance.integers(0, 2, rows) * float(ONE)


def rounded(number, one):
    """A fraction of whole numbers to the nearest whole one, half to even."""
    return round(Fraction(number, one))


def from_table(values, number):
    return int(values[min(max(number // 32 + 8192, 0), len(values) - 1)])


def by_hand(network, row, label, residue):
    """What one row adds, in Python's whole numbers; only the share of the cut is a float."""
    weights = [[[int(each) for each in line] for line in layer] for layer in network.weights]
    signals, slopes = [[int(each) for each in row]], []
    for place, layer in enumerate(weights):
        entering = [
            rounded(
                sum(s * line[j] for s, line in zip(signals[-1], layer, strict=True)), WEIGHT_ONE
            )
            for j in range(len(layer[0]))
        ]
        if place == len(weights) - 1:
            break
        if network.activation == "relu":
            said = [min(max(each, 0), MOST_SIGNAL) for each in entering]
            slopes.append([ONE * (a == b) for a, b in zip(said, entering, strict=True)])
        else:
            tables = layers._TANH if network.activation == "tanh" else layers._SIGMOID
            said, slope = ([from_table(table, each) for each in entering] for table in tables)
            slopes.append(slope)
        signals.append([ONE, *said])
    deltas = [[residue(entering[0], int(label))]]
    for layer, slope in zip(weights[:0:-1], slopes[::-1], strict=True):
        back = [
            rounded(sum(d * w for d, w in zip(deltas[0], line, strict=True)), WEIGHT_ONE)
            for line in layer[1:]
        ]
        back = [min(max(each, -MOST_DELTA), MOST_DELTA) for each in back]
        deltas.insert(0, [rounded(b * s, ONE) for b, s in zip(back, slope, strict=True)])
    length = sqrt(
        sum(float(squared(s)) * float(squared(d)) for s, d in zip(signals, deltas, strict=True))
    )
    share = layers._CUT / max(length, layers._CUT)
    cut = [[int(delta * share) for delta in layer] for layer in deltas]
    return [
        s * d for signal, delta in zip(signals, cut, strict=True) for s in signal for d in delta
    ]


def squared(numbers):
    return sum(each * each for each in numbers)


RESIDUES = {
    "two classes": lambda score, label: from_table(CHANCES, score) - label * (DELTA_ONE // ONE),
    "a number": lambda score, label: min(
        max((score - label) * (DELTA_ONE // ONE), -MOST_DELTA), MOST_DELTA
    ),
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("size", [0.3, 3.0, 100.0])
def test_a_gradient_is_that_of_pythons_whole_numbers(activation, task, size):
    chance = np.random.default_rng(3)
    whole, (rows, labels) = network(chance, size, activation=activation), rows_of(chance, 40, size)
    exact = [by_hand(whole, *each, RESIDUES[task]) for each in zip(rows, labels, strict=True)]
    summed = [sum(each) for each in zip(*exact, strict=True)]
    assert whole.gradient(rows, labels, TASKS[task]) == summed
    assert any(summed)


seeds, sizes = st.integers(0, 1 << 32), st.sampled_from([0.01, 1.0, 30.0, 1e6])


@settings(max_examples=40, deadline=None)
@given(seeds, sizes, sizes, st.sampled_from(ACTIVATIONS), st.sampled_from(sorted(TASKS)))
def test_no_row_changes_a_gradient_by_more_than_its_noise_is_drawn_for(
    seed, weight, value, activation, task
):
    """Whatever rows and weights are: what leaving one out changes is exactly what it adds alone."""
    chance = np.random.default_rng(seed)
    whole, (rows, labels) = (
        network(chance, weight, activation=activation),
        rows_of(chance, 6, value),
    )
    residues = TASKS[task]
    every = whole.gradient(rows, labels, residues)
    for out in range(len(rows)):
        kept = np.arange(len(rows)) != out
        without = whole.gradient(rows[kept], labels[kept], residues)
        change = [a - b for a, b in zip(every, without, strict=True)]
        assert squared(change) <= LONGEST**2
        assert change == whole.gradient(rows[~kept], labels[~kept], residues)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_blocks_orders_and_other_rows_change_nothing(activation, monkeypatch):
    chance = np.random.default_rng(5)
    wide = [40, 30, 20, 1]
    whole = network(chance, 0.5, wide, activation)
    rows, labels = rows_of(chance, 3000, width=wide[0])
    every, said = whole.gradient(rows, labels, by_chance), whole.scores(rows)
    order = chance.permutation(len(rows))
    assert whole.gradient(rows[order], labels[order], by_chance) == every
    assert whole.scores(rows[order]).tolist() == said[order].tolist()
    for size in (1, 7, 1024, 4 * ROWS):
        monkeypatch.setattr(layers, "ROWS", size)
        assert whole.gradient(rows[:300], labels[:300], by_chance) == [
            a - b
            for a, b in zip(every, whole.gradient(rows[300:], labels[300:], by_chance), strict=True)
        ]
        assert whole.scores(rows).tolist() == said.tolist()


def test_the_largest_products_are_exact():
    rows = np.full((2, MOST_UNITS), float(MOST_SIGNAL))
    most = WholeNetwork((np.full((MOST_UNITS, 1), float(LARGEST_WEIGHT)),), "relu")
    assert (
        most.scores(rows).tolist() == [MOST_SIGNAL * LARGEST_WEIGHT * MOST_UNITS // WEIGHT_ONE] * 2
    )
    assert MOST_SIGNAL * LARGEST_WEIGHT * MOST_UNITS < 2**53
    assert MOST_DELTA * LARGEST_WEIGHT * MOST_UNITS < 2**53
    assert max(MOST_SIGNAL, MOST_DELTA) ** 2 * MOST_UNITS < 2**53
    assert ROWS * LONGEST < 2**53
    assert 1_000_000_000 * LONGEST < 2**63


def test_a_row_that_was_not_cut_ends_the_run():
    signals, deltas = [np.full((1, 2), float(ONE))], [np.full((1, 1), float(DELTA_ONE))]
    with pytest.raises(InternalError, match="by more than its noise hides"):
        require_short(signals, deltas)


def test_nobody_learns_from_no_rows():
    whole = network(np.random.default_rng(1))
    assert not any(whole.gradient(np.empty((0, 4)), np.empty(0), by_chance))
    assert whole.scores(np.empty((0, 4))).tolist() == []


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_gradients_are_those_of_the_loss(activation, monkeypatch):
    """Against differences of the loss itself, in floats, where nothing is cut."""
    chance = np.random.default_rng(11)
    monkeypatch.setattr(layers, "cut", lambda _, deltas: deltas)
    monkeypatch.setattr(layers, "require_short", lambda _, deltas: deltas)
    whole, (rows, labels) = network(chance, 0.7, activation=activation), rows_of(chance, 200)
    found = np.array(whole.gradient(rows, labels, by_chance)) / LONGEST
    weights = [each / WEIGHT_ONE for each in whole.weights]
    expected = []
    for place, layer in enumerate(weights):
        for line, column in np.ndindex(layer.shape):
            nudged = [each.copy() for each in weights]
            ends = []
            for step in (1e-5, -1e-5):
                nudged[place][line, column] = layer[line, column] + step
                ends.append(loss(nudged, rows / ONE, labels / ONE, activation))
            expected.append((ends[0] - ends[1]) / 2e-5)
    assert found == pytest.approx(np.array(expected), abs=0.02)


def loss(weights, rows, labels, activation):
    """The logistic loss of plain layers over all rows."""
    between = {"relu": lambda z: np.maximum(z, 0), "tanh": np.tanh, "sigmoid": expit}[activation]
    signal = rows
    for layer in weights[:-1]:
        signal = np.column_stack([np.ones(len(rows)), between(signal @ layer)])
    score = (signal @ weights[-1])[:, 0]
    return np.sum(np.logaddexp(0, score) - labels * score)


def expit(numbers):
    return 1 / (1 + np.exp(-numbers))


def test_gradients_are_those_of_torch(monkeypatch):
    torch = pytest.importorskip("torch", reason="torch is an extra, of no lock")
    chance = np.random.default_rng(13)
    monkeypatch.setattr(layers, "cut", lambda _, deltas: deltas)
    monkeypatch.setattr(layers, "require_short", lambda _, deltas: deltas)
    whole, (rows, labels) = network(chance, 0.7, activation="tanh"), rows_of(chance, 200)
    weights = [torch.tensor(each / WEIGHT_ONE, requires_grad=True) for each in whole.weights]
    signal = torch.tensor(rows / ONE)
    one = torch.ones(len(rows), 1, dtype=torch.float64)
    for layer in weights[:-1]:
        signal = torch.cat([one, torch.tanh(signal @ layer)], 1)
    score, truth = (signal @ weights[-1])[:, 0], torch.tensor(labels / ONE)
    lost = torch.nn.functional.binary_cross_entropy_with_logits(score, truth, reduction="sum")
    lost.backward()
    expected = np.concatenate([each.grad.numpy().ravel() for each in weights])
    found = np.array(whole.gradient(rows, labels, by_chance)) / LONGEST
    assert found == pytest.approx(expected, abs=0.02)


@given(st.lists(st.tuples(*[st.integers(-ONE, ONE)] * 3), max_size=8))
def test_no_row_changes_means_and_deviations_by_more_than_their_length(rows):
    vectors = np.array([[ONE, *row] for row in rows], dtype=np.float64).reshape(-1, 4)
    every = spreads(vectors)
    assert every == [
        *(sum(int(row[place]) * ONE for row in vectors) for place in range(4)),
        *(sum(int(row[place]) ** 2 for row in vectors) for place in range(1, 4)),
    ]
    for out in range(len(rows)):
        without = spreads(np.delete(vectors, out, axis=0))
        change = [a - b for a, b in zip(every, without, strict=True)]
        assert squared(change) <= spread_length(3) ** 2
