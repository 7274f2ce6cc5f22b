"""From (ε, δ) to noise, by Google's dp-accounting: how much each Gaussian draw of a run may cost.

What a draw costs is its `rho`, half of (sensitivity / deviation) squared. Discrete Gaussian noise
on whole numbers has, at every order, the Rényi divergence of continuous Gaussian noise: the order
times `rho` (Canonne, Kamath, Steinke 2020, theorem 14). So the RDP accountant's bounds for Gaussian
events hold for it, and the `rho` of draws that build on each other add up.
"""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from math import sqrt

import dp_accounting
from dp_accounting import rdp

from cleanroom.errors import InternalError

ORDERS = tuple(1 + 10 ** (place / 50) for place in range(-100, 550))
"""Of Rényi divergences, 1.01 to 10^11: the default ones end where an ε below 0.02 needs more."""


def allowed_rho(epsilon: Decimal, delta: Decimal) -> float:
    """The `rho` that all draws of a run may cost together."""
    multiplier = dp_accounting.calibrate_dp_mechanism(
        _fresh, dp_accounting.GaussianDpEvent, float(epsilon), float(delta)
    )
    rho = 1 / (2 * float(multiplier) ** 2)
    # calibration stops within its tolerance, perhaps on the wrong side of it
    while spent_epsilon([rho], delta) > epsilon:
        rho *= 1 - 1e-6
    return rho * (1 - 1e-9)  # the sum of its parts may be above the whole by roundings


def step_rhos(rho: float, steps: int, share: float) -> list[float]:
    """What a first draw and each of some steps cost, of `rho` in all.

    Args:
        rho: the whole.
        steps: how many share what the first draw leaves.
        share: of the first draw.
    """
    return [rho * share, *[rho * (1 - share) / steps] * steps]


def spent_epsilon(rhos: Sequence[float], delta: Decimal) -> Decimal:
    """The ε of draws that build on each other, at this δ."""
    accountant = _fresh()
    for rho, draws in Counter(rhos).items():
        accountant.compose(dp_accounting.GaussianDpEvent(1 / sqrt(2 * rho)), draws)
    return Decimal(float(accountant.get_epsilon(float(delta))))


def require_within(rhos: Sequence[float], epsilon: Decimal, delta: Decimal) -> Sequence[float]:
    """Return what draws cost once all of them together cost no more than (ε, δ).

    Raises:
        InternalError: they cost more.
    """
    if spent_epsilon(rhos, delta) > epsilon:
        raise InternalError("the draws of a training cost more than its epsilon")
    return rhos


def _fresh() -> rdp.RdpAccountant:
    return rdp.RdpAccountant(ORDERS)
