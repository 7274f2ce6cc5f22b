"""How good a model is on rows it has not seen: the usual numbers, by scikit-learn."""

import numpy as np
from sklearn import metrics

from cleanroom.dataset.features import Matrix
from enclave.computations.training.units import Numbers

Scores = dict[str, float | None]
"""Value by the metric's name; None where the test rows do not define it."""


def scores(truth: Numbers, said: Matrix, weights: Numbers | None) -> Scores:
    """What a model's word on some rows is worth.

    Args:
        truth: their labels: numbers of classes, or numbers.
        said: what the model says of them: probabilities, rows by classes, or numbers.
        weights: how much each row counts, of one at least more than 0; None: all alike.
    """
    if weights is not None:
        counts = weights > 0
        truth, said, weights = truth[counts], said[counts], weights[counts]
    judge = _regression if said.ndim == 1 else _classification
    return judge(truth, said, weights)


def _classification(labels: Numbers, said: Matrix, weights: Numbers | None) -> Scores:
    """Accuracy, area under the ROC curve and log loss."""
    classes = np.arange(said.shape[1])
    everyone = len(np.unique(labels)) == len(classes)
    ranked = said[:, 1] if len(classes) == 2 else said
    hits = metrics.accuracy_score(labels, said.argmax(axis=1), sample_weight=weights)
    loss = metrics.log_loss(labels, said, labels=classes, sample_weight=weights)
    area = None
    if everyone:
        area = metrics.roc_auc_score(labels, ranked, multi_class="ovr", sample_weight=weights)
    return {
        "accuracy": float(hits),
        "auc": None if area is None else float(area),
        "log_loss": float(loss),
    }


def _regression(labels: Numbers, said: Matrix, weights: Numbers | None) -> Scores:
    """Root mean squared error and the share of the variance that the model explains."""
    varies = len(labels) > 1 and bool((labels != labels[0]).any())
    share = metrics.r2_score(labels, said, sample_weight=weights) if varies else None
    return {
        "rmse": float(metrics.root_mean_squared_error(labels, said, sample_weight=weights)),
        "r2": None if share is None else float(share),
    }
