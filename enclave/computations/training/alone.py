"""What each owner tells without the others: the same fit, settings and test, from less.

Where rows stand beside each other that is each owner's features, with the same rows and label;
below each other it is each owner's rows, with the same columns. A comparison is fair because
nothing else changes. It is no secret between the parties that agreed to it: the models end with
the run.

An owner knows the model of its own rows, and what that says of its own units that test: the joint
quality of that model tells it of all others' units. So these are a group of their own, as large as
every test, or nothing is told of the model, and a group of their own in each point of its curves;
nor is anything told of a model that few units made.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from cleanroom.manifest.model import EvaluationOutput, MetricsOutput
from enclave.computations.plan import Lesson
from enclave.computations.training.evaluation import Trial
from enclave.computations.training.examples import classes_of, features_of, teaches
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
        quiet = replace(lesson, outputs={})  # nobody draws the curve of such a model
        try_alone = _rows_alone if _stacked(lesson) else _features_alone
        for owner in owners:
            yield try_alone(fit, seen, quiet, owner)


def shown(trial: Trial, output: MetricsOutput | EvaluationOutput) -> Trial:
    """A trial as an output may tell it: one about too few of one owner's units says nothing."""
    if trial.sides is None:
        return trial
    if trial.sides.learned < output.gate.min_group or trial.sides.tested < output.min_test:
        return replace(trial, said=None)
    return trial


def _rows_alone(fit: Fit[S], seen: S, lesson: Lesson, owner: str) -> Trial:
    """What a model of the owner's rows says; nothing where they cannot be learned from."""
    own, sides = seen.alone(owner)
    if not teaches(own, lesson):
        return Trial(owner, None, sides)
    names = [name for feature in features_of(lesson) for name in feature.names]
    return Trial(owner, own.asked(fit(own, lesson, classes_of(lesson), names)), sides)


def _features_alone(fit: Fit[S], seen: S, lesson: Lesson, owner: str) -> Trial:
    """What a model of the owner's columns says."""
    features = features_of(lesson)
    kept = np.repeat([each.owner == owner for each in features], [len(f.names) for f in features])
    names = [name for feature in features for name in feature.names if feature.owner == owner]
    own = seen.narrowed(np.array(kept, dtype=np.bool_))
    return Trial(owner, own.asked(fit(own, lesson, classes_of(lesson), names)))


def _stacked(lesson: Lesson) -> bool:
    """Whether a column is one of all inputs, below each other."""
    return any(source is None for source, _ in lesson.features)


def _owners(lesson: Lesson) -> list[str]:
    """Whose features are learned from."""
    sources = {source for source, _ in lesson.features}
    inputs = lesson.owners.items()
    return sorted({owner for name, owner in inputs if _stacked(lesson) or name in sources})
