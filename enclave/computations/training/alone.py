"""What each owner's features tell without the others': the same fit, rows, label and test.

A comparison is fair because nothing else changes. It is no secret between the parties that agreed
to it: the models are trained with the label whoever owns it, and end with the run.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from enclave.computations.plan import Lesson
from enclave.computations.training.evaluation import Trial
from enclave.computations.training.examples import Examples, classes_of, features_of
from enclave.computations.training.fitting import Fitted

Fit = Callable[[Examples, Lesson, list[str], list[str]], Fitted]
"""See `fitting.FITS`."""


def trials(fit: Fit, fitted: Fitted, seen: Examples, lesson: Lesson) -> Iterator[Trial]:
    """The joint model on the test rows; then, where an output compares, each owner's alone.

    Args:
        fit: how the operation learns.
        fitted: the joint model.
        seen: rows of which some test.
        lesson: the run's lesson.
    """
    rows, _ = seen.testing
    owners = sorted({feature.owner for feature in features_of(lesson)})
    yield Trial(", ".join(owners), fitted.predict(rows))
    if any(getattr(output, "compare", "none") == "alone" for output in lesson.outputs.values()):
        for owner in owners:
            own, names = _narrowed(seen, lesson, owner)
            model = fit(own, lesson, classes_of(lesson), names)
            yield Trial(owner, model.predict(own.testing[0]))


def _narrowed(seen: Examples, lesson: Lesson, owner: str) -> tuple[Examples, list[str]]:
    """The same examples with only the columns of `owner`, and the names of these."""
    features = features_of(lesson)
    kept = np.repeat([each.owner == owner for each in features], [len(f.names) for f in features])
    names = [name for feature in features for name in feature.names if feature.owner == owner]
    return replace(seen, rows=np.ascontiguousarray(seen.rows[:, kept])), names
