"""The mechanism: discrete Laplace noise on whole numbers, by OpenDP.

Its sampler is exact on integers: floating-point noise has holes by which results can be told
apart (Mironov 2012), so neither values nor noise are ever floats here. OpenDP's own map says what
a mechanism costs before it is used; a scale that costs more is never used.

What stays observable is time: OpenDP's sampler takes longer for larger noise by some microseconds.
"""

from collections.abc import Sequence
from decimal import Decimal
from math import inf, nextafter

import opendp.prelude as dp

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


def rounded_down(number: Decimal) -> float:
    """The largest 64-bit float that is not above the number."""
    nearest = float(number)
    return nearest if Decimal(nearest) <= number else nextafter(nearest, -inf)
