"""The mechanisms: discrete Laplace and discrete Gaussian noise on whole numbers, by OpenDP.

Their samplers are exact on integers: floating-point noise has holes by which results can be told
apart (Mironov 2012), so neither values nor noise are ever floats here. OpenDP's own map says what
a mechanism costs before it is used; a scale that costs more is never used.

What stays observable is time: OpenDP's samplers take longer for larger noise by some microseconds.
"""

from collections.abc import Sequence
from decimal import Decimal
from math import inf, nextafter, sqrt

import opendp.prelude as dp

from cleanroom.errors import InternalError

dp.enable_features("contrib")  # where OpenDP keeps the makers of its mechanisms


def laplace(counts: Sequence[int], epsilon: Decimal) -> list[int]:
    """Counts with noise: ε for whatever changes one of them by one, and no other.

    Args:
        counts: such that one unit more or less changes one of them by one.
        epsilon: what all of them together cost.

    See: Ghosh, Roughgarden, Sundararajan 2009; Canonne, Kamath, Steinke 2020, section 5.
    """
    allowed = rounded_down(epsilon)
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l1_distance(T="i64")
    scale = 1 / allowed
    while (mechanism := dp.m.make_laplace(*space, scale)).map(1) > allowed:
        scale = nextafter(scale, inf)
    drawn: list[int] = mechanism(list(counts))
    return drawn


def gaussian(sums: Sequence[int], sensitivity: int, rho: float) -> list[int]:
    """Sums with noise: `rho` of zero-concentrated privacy for what changes them by `sensitivity`.

    Args:
        sums: such that one unit more or less changes them by a vector of at most this length.
        sensitivity: that length, in the Euclidean norm.
        rho: what all of them together cost.

    See: Canonne, Kamath, Steinke 2020, theorem 14: rho = (sensitivity / scale)² / 2.
    """
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l2_distance(T="f64")
    mechanism = dp.m.make_gaussian(*space, gaussian_scale(sensitivity, rho))
    if mechanism.map(nextafter(float(sensitivity), inf)) > rho:
        raise InternalError("a mechanism costs more than it may")
    drawn: list[int] = mechanism(list(sums))
    return drawn


def gaussian_scale(sensitivity: int, rho: float) -> float:
    """The standard deviation, to the relative precision of 1e-9 never too small."""
    return sensitivity / sqrt(2 * rho) * (1 + 1e-9)


def rounded_down(number: Decimal) -> float:
    """The largest 64-bit float that is not above the number."""
    nearest = float(number)
    return nearest if Decimal(nearest) <= number else nextafter(nearest, -inf)
