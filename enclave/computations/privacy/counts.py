"""Noisy counts: what `intersect.count` tells with `dp`.

The number of units that are in every input changes by one at most when a unit, with all of its
rows in all inputs, is added or removed. So one draw of scale 1/ε is enough, drawn once for all
recipients: two draws could be averaged. Threshold and rounding see the noisy count only.
"""

from decimal import Decimal

from cleanroom.manifest.model import CountNoise
from enclave.computations.failure import Reason, value_free


@value_free(Reason.NOISE)
def noisy_count(units: int, noise: CountNoise) -> int:
    """The count as it may be told; it can be negative."""
    # OpenDP takes a second to import: only a run with noise pays
    from enclave.computations.privacy.noise import laplace  # noqa: PLC0415

    (told,) = laplace([units], Decimal(noise.epsilon))
    return told
