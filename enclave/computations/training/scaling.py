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
    fills = column_means(sample.rows, sample.weights)
    complete = np.where(np.isnan(sample.rows), fills, sample.rows)
    scaler = StandardScaler().fit(complete, sample_weight=sample.weights)
    return Scaling(fills, scaler.mean_, scaler.scale_)


def column_means(rows: Matrix, weights: Numbers | None) -> Matrix:
    """The mean of each column's values that are there; 0 for a column without any."""
    there = ~np.isnan(rows)
    if weights is None:
        sums = np.where(there, rows, 0).sum(axis=0)
        return np.asarray(sums / np.maximum(there.sum(axis=0), 1))
    total = weights @ there
    return np.asarray(weights @ np.where(there, rows, 0) / np.where(total > 0, total, 1))
