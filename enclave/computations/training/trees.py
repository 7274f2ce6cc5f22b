"""Trees: XGBoost's own growth, its rounds listened to, and stopped where the manifest says so.

Looking at a part of the rows after each round changes no tree. What XGBoost writes down on the
side, such as its best score, is dropped from the model: such numbers leave through outputs only.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xgboost

from cleanroom.dataset.features import Matrix
from enclave.computations.plan import Lesson
from enclave.computations.threads import THREADS
from enclave.computations.training.examples import Examples
from enclave.computations.training.rounds import AfterRound, Measured
from enclave.computations.training.samples import Sample
from enclave.computations.training.seen import Fitted
from enclave.computations.training.watched import VALIDATION, parts_watched


@dataclass(frozen=True, slots=True)
class Trees:
    """Gradient-boosted trees."""

    model: xgboost.Booster
    names: list[str]
    task: str
    measured: tuple[Measured, ...]
    linear: None = None
    network: None = None

    def predict(self, rows: Matrix) -> Matrix:
        """See `Fitted.predict`."""
        said = self.model.inplace_predict(rows).astype(np.float64)
        if self.task == "regression":
            return np.asarray(said)
        if said.ndim == 1:
            return np.column_stack([1 - said, said])
        return np.asarray(said / said.sum(axis=1, keepdims=True))

    def weights(self) -> Matrix:
        """Each column's gain over all trees."""
        gains = self.model.get_score(importance_type="total_gain")
        return np.array([float(gains.get(name, 0.0)) for name in self.names])  # type: ignore[arg-type]

    @property
    def booster(self) -> bytes:
        """See `Fitted.booster`."""
        return bytes(self.model.save_raw(raw_format="ubj"))


@dataclass(eq=False)  # XGBoost keeps its callbacks in a set
class Listening(xgboost.callback.TrainingCallback):
    """Writes down what XGBoost measured after each round, and tells it."""

    after_round: AfterRound
    measured: list[Measured] = field(default_factory=list)

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ANN401 - XGBoost's
        """See XGBoost; it never stops the growth."""
        del model
        number = epoch + 1
        parts = {
            part: {metric: float(values[-1]) for metric, values in metrics.items()}
            for part, metrics in evals_log.items()
        }
        self.measured += [
            Measured(number, metric, part, value)
            for part, metrics in parts.items()
            for metric, value in metrics.items()
        ]
        self.after_round(number, parts)
        return False


def fit_trees(
    examples: Examples,
    lesson: Lesson,
    classes: list[str],
    names: list[str],
    after_round: AfterRound,
) -> Fitted:
    """Grow gradient-boosted trees on the training rows."""
    watched = {
        part: _matrix(rows, names)
        for part, rows in parts_watched(examples, lesson)
        if len(rows.labels)
    }
    rows = watched.get("training") or _matrix(examples.training, names)
    listening = Listening(after_round)
    model = xgboost.train(
        {**tree_settings(lesson, classes), "nthread": THREADS},
        rows,
        int(lesson.settings["rounds"]),
        evals=[(matrix, part) for part, matrix in watched.items()],
        verbose_eval=False,
        callbacks=[listening, *_stopping(lesson)],
    )
    if lesson.stopping is not None:
        # a slice has no attributes of its own
        model = model[: model.best_iteration + 1]
    return Trees(model, names, lesson.task, tuple(listening.measured))


def _stopping(lesson: Lesson) -> list[xgboost.callback.TrainingCallback]:
    if lesson.stopping is None:
        return []
    return [xgboost.callback.EarlyStopping(rounds=lesson.stopping.rounds, data_name=VALIDATION)]


def tree_settings(lesson: Lesson, classes: list[str]) -> dict[str, str | int | float]:
    """XGBoost's parameters, wherever it runs; rounds and threads are said apart."""
    settings = lesson.settings
    return {
        **_objective(lesson, classes),
        "tree_method": "hist",
        "max_depth": int(settings["max_depth"]),
        "learning_rate": settings["learning_rate"],
        "reg_lambda": settings["l2"],
        "min_child_weight": settings["min_child_weight"],
        "subsample": settings["subsample"],
        "colsample_bytree": settings["colsample_bytree"],
        "seed": lesson.split.seed,
        "verbosity": 0,
    }


def _objective(lesson: Lesson, classes: list[str]) -> dict[str, str | int]:
    if lesson.task == "regression":
        return {"objective": "reg:squarederror"}
    if len(classes) == 2:
        return {"objective": "binary:logistic"}
    return {"objective": "multi:softprob", "num_class": len(classes)}


def _matrix(sample: Sample, names: list[str]) -> xgboost.DMatrix:
    return xgboost.DMatrix(
        sample.rows,
        label=sample.labels,
        weight=sample.weights,
        feature_names=names,
        nthread=THREADS,
    )
