"""Each part of the noise is spoilt once: then persons are told apart more often than allowed."""

import numpy as np
import pytest

from enclave.computations.privacy import grid, noise
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
TOO_CHEAP = "InternalError"
"""OpenDP's own map says what a scale costs, and it is asked."""


def gaussian_of_floats_without_a_length(sums, sensitivity, rho):
    """What everybody writes first: the noise of one number, on each of many."""
    longest = sensitivity / len(sums)
    drawn = np.random.default_rng().normal(0, longest / np.sqrt(2 * rho), len(sums))
    return list(np.asarray(sums) + drawn)


MUTANTS = [
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
