"""What each owner's features tell without the others': the same fit, rows, label and test.

A comparison is fair because nothing else changes. It is no secret between the parties that agreed
to it: the models are trained with the label whoever owns it, and end with the run.
"""

from collections.abc import Iterator

import numpy as np

from enclave.computations.plan import Lesson
from enclave.computations.training.evaluation import Trial
from enclave.computations.training.examples import classes_of, features_of
from enclave.computations.training.seen import Fit, Fitted, S


def trials(fit: Fit[S], fitted: Fitted, seen: S, lesson: Lesson) -> Iterator[Trial]:
    """The joint model on the test rows; then, where an output compares, each owner's alone.

    Args:
        fit: how the operation learns.
        fitted: the joint model.
        seen: rows of which some test.
        lesson: the run's lesson.
    """
    owners = _owners(lesson)
    yield Trial(", ".join(owners), seen.asked(fitted))
    if any(getattr(output, "compare", "none") == "alone" for output in lesson.outputs.values()):
        for owner in owners:
            own, names = _narrowed(seen, lesson, owner)
            yield Trial(owner, own.asked(fit(own, lesson, classes_of(lesson), names)))


def _owners(lesson: Lesson) -> list[str]:
    """Whose features are learned from."""
    sources = {source for source, _ in lesson.features}
    everybody = None in sources
    return sorted({owner for name, owner in lesson.owners.items() if everybody or name in sources})


def _narrowed(seen: S, lesson: Lesson, owner: str) -> tuple[S, list[str]]:
    """The same examples with only the columns of `owner`, and the names of these."""
    features = features_of(lesson)
    kept = np.repeat([each.owner == owner for each in features], [len(f.names) for f in features])
    names = [name for feature in features for name in feature.names if feature.owner == owner]
    return seen.narrowed(np.array(kept, dtype=np.bool_)), names
