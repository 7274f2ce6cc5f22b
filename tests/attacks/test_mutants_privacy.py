"""Each part of the noise is spoilt once: then persons are told apart more often than allowed."""

import numpy as np
import pytest

from enclave.computations.privacy import grid, layers, noise
from tests.attacks import test_privacy_distinguished as distinguished
from tests.support.breaches import Mutant, assert_gets_through, shown
from tests.support.mutants import hands_back

NOISE = "enclave.computations.privacy.noise"


def of_floats(counts, epsilon):
    """What everybody writes first: 64-bit floats from numpy."""
    drawn = np.random.default_rng().laplace(0, 1 / float(epsilon), len(counts))
    return list(np.asarray(counts) + drawn)


def of_a_quarter(epsilon):
    """The scale of a sensitivity of 1/4: somebody forgot in how many places a person stands."""
    return 4 * float(epsilon)


MOMENT_LENGTH = grid.moment_length
SCALE = noise.gaussian_scale
SPREAD_LENGTH = grid.spread_length
TOO_LONG = "InternalError"
"""The length of what is summed is asked once more."""
TOO_CHEAP = "InternalError"
"""OpenDP's own map says what a scale costs, and it is asked."""


def gaussian_of_floats_without_a_length(sums, sensitivity, rho):
    """What everybody writes first: the noise of one number, on each of many."""
    longest = sensitivity / len(sums)
    drawn = np.random.default_rng().normal(0, longest / np.sqrt(2 * rho), len(sums))
    return list(np.asarray(sums) + drawn)


LAYERS = "enclave.computations.privacy.layers"


def of_what_is_left(network, rows, labels, residues):
    """What everybody writes first: the network learns from rows as long as they happen to be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layers, "cut", lambda _, deltas: deltas)
        patch.setattr(layers, "require_short", lambda _, deltas: deltas)
        return ADDED(network, rows, labels, residues)


def normalised_by_others(fitted, vectors):
    """As batch normalisation does: what is said of one row moves with the rows beside it."""
    return fitted.layers.scores(np.rint(vectors - vectors.mean(axis=0)))


ADDED = layers.WholeNetwork.added
OF_A_NETWORK = (
    distinguished.test_a_step_of_a_network_with_and_without_the_loudest_person_looks_alike
)

MUTANTS = [
    *(
        Mutant(f"{LAYERS}:WholeNetwork.added", of_what_is_left, OF_A_NETWORK, {"task": task})
        for task in distinguished.TASKS
    ),
    *(
        Mutant(
            f"{LAYERS}:cut",
            lambda _, deltas: list(deltas),
            OF_A_NETWORK,
            {"task": task},
            second=TOO_LONG,
        )
        for task in distinguished.TASKS
    ),
    *(
        Mutant(
            f"{NOISE}:gaussian", gaussian_of_floats_without_a_length, OF_A_NETWORK, {"task": task}
        )
        for task in distinguished.TASKS
    ),
    Mutant(
        f"{NOISE}:gaussian_scale",
        lambda length, rho: SCALE(length, rho) / 4,
        OF_A_NETWORK,
        {"task": "classification"},
        second=TOO_CHEAP,
    ),
    Mutant(
        "enclave.computations.privacy.descent:spread_length",
        lambda places: SPREAD_LENGTH(places) // 4,
        distinguished.test_means_and_deviations_with_and_without_the_loudest_person_look_alike,
    ),
    Mutant(
        "enclave.computations.privacy.descent:NoisyNetwork.says",
        normalised_by_others,
        distinguished.test_what_a_network_says_of_somebody_does_not_depend_on_who_else_is_asked,
    ),
    Mutant(
        f"{NOISE}:laplace",
        of_floats,
        distinguished.test_noisy_counts_of_neighbours_are_told_apart_no_more_often_than_epsilon_allows,
        {"epsilon": "0.5"},
    ),
    Mutant(
        f"{NOISE}:rounded_down",
        of_a_quarter,
        distinguished.test_noisy_counts_of_neighbours_are_told_apart_no_more_often_than_epsilon_allows,
        {"epsilon": "0.5"},
    ),
    Mutant(
        f"{NOISE}:rounded_down",
        of_a_quarter,
        distinguished.test_released_counts_of_neighbours_are_told_apart_no_more_often_than_epsilon_allows,
    ),
    Mutant(
        "enclave.computations.privacy.lines:moment_length",
        lambda squared: MOMENT_LENGTH(squared) // 4,
        distinguished.test_moments_with_and_without_the_loudest_person_look_alike,
    ),
    *(
        Mutant(
            f"{NOISE}:gaussian_scale",
            lambda length, rho: SCALE(length, rho) / 4,
            story,
            second=TOO_CHEAP,
        )
        for story in (
            distinguished.test_moments_with_and_without_the_loudest_person_look_alike,
            distinguished.test_a_step_with_and_without_the_loudest_person_looks_alike,
        )
    ),
    *(
        Mutant(f"{NOISE}:gaussian", gaussian_of_floats_without_a_length, story)
        for story in (
            distinguished.test_moments_with_and_without_the_loudest_person_look_alike,
            distinguished.test_a_step_with_and_without_the_loudest_person_looks_alike,
        )
    ),
    *(
        Mutant("enclave.computations.registry:noisy_count", hands_back(), story)
        for story in (
            distinguished.test_released_counts_of_neighbours_are_told_apart_no_more_often_than_epsilon_allows,
            distinguished.test_whether_a_count_is_withheld_tells_no_more_than_the_count,
        )
    ),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=shown)
def test_persons_are_told_apart_where_the_noise_is_spoilt(monkeypatch, mutant):
    assert_gets_through(monkeypatch, mutant)
