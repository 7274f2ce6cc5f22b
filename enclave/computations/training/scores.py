"""How good a model is on rows it has not seen: the usual numbers, by scikit-learn."""

from typing import Any

import numpy as np
from sklearn import metrics

from cleanroom.dataset.features import Matrix

Scores = dict[str, float | None]
"""Value by the metric's name; None where the test rows do not define it."""


def classification(labels: np.ndarray[Any, Any], said: Matrix) -> Scores:
    """Accuracy, area under the ROC curve and log loss.

    Args:
        labels: numbers of classes.
        said: probabilities, rows by classes.
    """
    classes = np.arange(said.shape[1])
    everyone = len(np.unique(labels)) == len(classes)
    ranked = said[:, 1] if len(classes) == 2 else said
    area = metrics.roc_auc_score(labels, ranked, multi_class="ovr") if everyone else None
    return {
        "accuracy": float(metrics.accuracy_score(labels, said.argmax(axis=1))),
        "auc": None if area is None else float(area),
        "log_loss": float(metrics.log_loss(labels, said, labels=classes)),
    }


def regression(labels: np.ndarray[Any, Any], said: Matrix) -> Scores:
    """Root mean squared error and the share of the variance that the model explains."""
    varies = len(labels) > 1 and bool((labels != labels[0]).any())
    return {
        "rmse": float(metrics.root_mean_squared_error(labels, said)),
        "r2": float(metrics.r2_score(labels, said)) if varies else None,
    }
