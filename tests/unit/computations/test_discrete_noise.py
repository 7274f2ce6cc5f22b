"""The noise has the distribution that its analysis assumes, on whole numbers of any size."""

import math
from decimal import Decimal

import pytest

from cleanroom.errors import ComputationFailed
from cleanroom.manifest.model import CountNoise
from enclave.computations.privacy.counts import noisy_count
from enclave.computations.privacy.noise import laplace, rounded_down

DRAWS = 40_000


@pytest.mark.parametrize("epsilon", ["0.05", "0.5", "3"])
def test_laplace_noise_has_the_variance_of_its_scale(epsilon):
    drawn = laplace([0] * DRAWS, Decimal(epsilon))
    ratio = math.exp(-float(epsilon))
    expected = 2 * ratio / (1 - ratio) ** 2
    variance = sum(value * value for value in drawn) / DRAWS
    assert all(isinstance(value, int) for value in drawn)
    assert variance == pytest.approx(expected, rel=0.12)
    assert abs(sum(drawn) / DRAWS) < 6 * math.sqrt(expected / DRAWS)


def test_counts_of_any_size_get_the_same_noise():
    drawn = laplace([2**53 + 1] * DRAWS, Decimal("0.5"))
    assert abs(sum(value - 2**53 - 1 for value in drawn) / DRAWS) < 0.1


@pytest.mark.parametrize("number", ["0.1", "0.3", "1", "0.000001", "999.999999999999999999"])
def test_an_epsilon_is_never_rounded_up(number):
    assert Decimal(rounded_down(Decimal(number))) <= Decimal(number)
    assert rounded_down(Decimal(number)) == pytest.approx(float(number), rel=1e-15)


def test_noise_that_cannot_be_drawn_ends_the_run_without_a_value():
    with pytest.raises(ComputationFailed, match="noise could not be drawn"):
        noisy_count(7, CountNoise(mechanism="laplace", epsilon="0"))
