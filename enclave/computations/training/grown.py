"""Trees over shards: XGBoost's own collective, for which the gang makes a place of its own.

Where no column has more distinct values than a histogram has bins the trees are those of the
pooled rows bit for bit; otherwise each shard sketches its values, and cuts differ a little.
"""

import xgboost

from enclave.computations.plan import Lesson
from enclave.computations.training.examples import Fitted
from enclave.computations.training.spread import Growth, Spread
from enclave.computations.training.trees import Trees, tree_settings


def fit_grown(seen: Spread, lesson: Lesson, classes: list[str], names: list[str]) -> Fitted:
    """Grow gradient-boosted trees on the training rows of all shards."""
    growth = Growth(tree_settings(lesson, classes), tuple(names), int(lesson.settings["rounds"]))
    raw = seen.gang.grow(growth, seen.kept)
    return Trees(xgboost.Booster(model_file=bytearray(raw)), names, lesson.task, ())
