"""An adversary who sees results of one of two neighbouring inputs, and says which it was.

Against a mechanism of ε nobody is right more often than e^ε / (1 + e^ε), on average over both.
"""

import math
from collections.abc import Sequence


def bound(epsilon: float) -> float:
    """How often the best adversary is right against an honest mechanism."""
    return math.exp(epsilon) / (1 + math.exp(epsilon))


def slack(trials: int) -> float:
    """Four standard deviations of a frequency: a test that is honest fails once in 30,000 times."""
    return 4 * 0.5 / math.sqrt(trials)


def rightly_told(lower: Sequence[float], higher: Sequence[float], low: float) -> float:
    """How often the adversary is right.

    Args:
        lower: what was told about the input whose true value is `low`.
        higher: what was told about its neighbour, whose true value is `low + 1`.
        low: the true value.
    """
    right = sum(_says_low(told, low) for told in lower)
    right += sum(not _says_low(told, low) for told in higher)
    return right / (len(lower) + len(higher))


def _says_low(told: float, low: float) -> bool:
    """By the digits first: noise near 0 has digits that a sum with 1 would have lost (Mironov)."""
    if (told * 2.0**53) % 1 and low == 0:
        return True
    return told <= low


def gaussian_bound(rho: float) -> float:
    """The same against Gaussian noise that costs `rho`: what half a distance of sqrt(2 rho) tells."""
    return 0.5 * (1 + math.erf(math.sqrt(2 * rho) / 2 / math.sqrt(2)))


def rightly_pointed(
    lower: Sequence[Sequence[int]],
    higher: Sequence[Sequence[int]],
    low: Sequence[int],
    high: Sequence[int],
) -> float:
    """How often an adversary is right who looks in the direction from one vector to the other."""
    step = [b - a for a, b in zip(low, high, strict=True)]
    middle = sum((a + b) / 2 * s for a, b, s in zip(low, high, step, strict=True))
    sides = [
        [sum(a * b for a, b in zip(told, step, strict=True)) < middle for told in each]
        for each in (lower, higher)
    ]
    return (sum(sides[0]) + len(higher) - sum(sides[1])) / (len(lower) + len(higher))
