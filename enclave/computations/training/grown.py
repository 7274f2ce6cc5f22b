"""Trees over shards: XGBoost's own collective, for which the gang makes a place of its own.

Where no column has more distinct values than a histogram has bins the trees are those of the
pooled rows up to rounding; otherwise each shard sketches its values, and cuts differ a little.
"""

import xgboost

from cleanroom.manifest.model import CurveOutput
from enclave.computations.plan import Lesson
from enclave.computations.training.rounds import AfterRound, best_round
from enclave.computations.training.seen import Fitted
from enclave.computations.training.spread import Growth, Spread
from enclave.computations.training.trees import Trees, tree_settings
from enclave.computations.training.watched import VALIDATION


def fit_grown(
    seen: Spread, lesson: Lesson, classes: list[str], names: list[str], after_round: AfterRound
) -> Fitted:
    """Grow gradient-boosted trees on the training rows of all shards."""
    growth = seen.gang.grow(
        Growth(
            tree_settings(lesson, classes),
            tuple(names),
            int(lesson.settings["rounds"]),
            watched=_watched(seen, lesson),
            patience=lesson.stopping.rounds if lesson.stopping else 0,
        ),
        seen.look,
        after_round,
    )
    model = xgboost.Booster(model_file=bytearray(growth.trees))
    if lesson.stopping is not None:
        model = model[: best_round(growth.measured, VALIDATION)]
    return Trees(model, names, lesson.task, growth.measured)


def _watched(seen: Spread, lesson: Lesson) -> tuple[str, ...]:
    """The parts that are measured after each round, as on one worker; each costs a prediction."""
    drawn = any(isinstance(output, CurveOutput) for output in lesson.outputs.values())
    parts = ["training"] if drawn else []
    parts += ["test"] if drawn and seen.test_units else []
    return (*parts, VALIDATION) if seen.validation_units else tuple(parts)
