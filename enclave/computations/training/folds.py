"""Cross-validation: each unit that does not test is told once by a model that did not see it.

Folds say how much the metrics depend on the units that happened to test. Their models end with the
run; the model that leaves is trained on all units that train.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from enclave.computations.plan import Lesson
from enclave.computations.training.examples import teaches
from enclave.computations.training.seen import Fit, S

Told = dict[str, float | None]
"""Value by the metric's name; None where a fold's units do not define it."""


@dataclass(frozen=True, slots=True)
class Crossed:
    """What the models of all folds said of the units that they did not see."""

    fewest: int
    """Units of the smallest fold, as the gate counts them."""
    folds: Sequence[Told]
    """The metrics of each fold; empty for one that could not be learned from."""

    def lines(self, metric: str) -> Iterator[tuple[str, float | None]]:
        """Mean and standard deviation of a metric over the folds; None unless all define it."""
        values = [fold.get(metric) for fold in self.folds]
        known = [value for value in values if value is not None]
        whole = len(known) == len(values)
        yield f"cv_{metric}_mean", float(np.mean(known)) if whole else None
        yield f"cv_{metric}_std", float(np.std(known)) if whole else None


def crossed(
    fit: Fit[S], seen: S, lesson: Lesson, classes: list[str], names: list[str]
) -> Crossed | None:
    """Learn once for each fold; none where the manifest asks for no folds.

    Args:
        fit: how the operation learns.
        seen: all examples.
        lesson: the run's lesson.
        classes: in the order of the probabilities.
        names: of the matrix's columns.
    """
    # scikit-learn takes seconds to import
    from enclave.computations.training.scores import scores  # noqa: PLC0415

    quiet = replace(lesson, outputs={})  # nobody draws a fold's curve
    fewest, told = [], []
    for fold in seen.folds():
        fewest.append(fold.test_units)
        if fold.test_units and teaches(fold, lesson):
            model = fit(fold, quiet, classes, names)
            told.append(scores(fold.truth, fold.asked(model), fold.worth))
        else:
            told.append({})
    return Crossed(min(fewest), told) if told else None
