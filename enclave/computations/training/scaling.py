"""Means and deviations of the training rows, by their weights; what is missing counts as a mean."""

from typing import NamedTuple

import numpy as np
from sklearn.preprocessing import StandardScaler

from cleanroom.dataset.features import Matrix
from enclave.computations.training.samples import Sample
from enclave.computations.training.units import Numbers


class Scaling(NamedTuple):
    """How each matrix column is brought to mean 0 and deviation 1."""

    fills: Matrix
    """What a missing value counts as."""
    means: Matrix
    """Taken off."""
    deviations: Matrix
    """Divided by; 1 for a column that is the same everywhere."""


def scaling(sample: Sample) -> Scaling:
    """The scaling of some rows, by their weights."""
    return _scaling(sample)[0]


def standardised(sample: Sample) -> tuple[Scaling, Matrix]:
    """The scaling of some rows, by their weights, and the rows, complete and scaled."""
    found, complete = _scaling(sample)
    scaled = complete - found.means
    scaled /= found.deviations
    return found, scaled


def column_means(rows: Matrix, weights: Numbers | None) -> Matrix:
    """The mean of each column's values that are there; 0 for a column without any."""
    if weights is not None:
        there = ~np.isnan(rows)
        total = weights @ there
        return np.asarray(weights @ np.where(there, rows, 0) / np.where(total > 0, total, 1))
    sums = rows.sum(axis=0)
    if not np.isnan(sums).any():
        return np.asarray(sums / max(len(rows), 1))
    there = ~np.isnan(rows)
    return np.asarray(np.where(there, rows, 0).sum(axis=0) / np.maximum(there.sum(axis=0), 1))


def _scaling(sample: Sample) -> tuple[Scaling, Matrix]:
    fills = column_means(sample.rows, sample.weights)
    missing = np.isnan(sample.rows)
    # most tables miss nothing, and are not worth a copy
    complete = np.where(missing, fills, sample.rows) if missing.any() else sample.rows
    scaler = StandardScaler().fit(complete, sample_weight=sample.weights)
    return Scaling(fills, scaler.mean_, scaler.scale_), complete
