"""Points of ROC, lift, gain and calibration on the test rows, each about enough units.

The test rows are put in order of their score, the highest first, and cut into stretches: at most so
many, of about equal length, never between equal scores, each about at least `min_bin` distinct
units. A point stands at the end of each stretch. Which row got which score stays here. Of a model
of one owner's rows each stretch is about as many units of the owner, and of others: see `alone`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cleanroom.dataset.features import Matrix
from cleanroom.manifest.model import EvaluationOutput
from enclave.computations.training.divisions import Sides
from enclave.computations.training.samples import Mask, some
from enclave.computations.training.seen import Seen
from enclave.computations.training.units import Numbers, count

Line = tuple[str, str, float, float | None, float | None, float, float]
"""As the columns of `EvaluationOutput`."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What one model said of the test rows."""

    owners: str
    """Whose features, or rows, it was trained on: names with commas between them."""
    said: Matrix | None
    """Probabilities, rows by classes, or one number for each row; None where nothing may be told,
    or what there was to learn from did not teach."""
    sides: Sides | None = None
    """Of a model of one owner's rows: what is the owner's, and what others'."""


@dataclass(frozen=True, slots=True)
class Tested:
    """Which unit each test row is about, and how much it counts."""

    unit: Numbers
    """Equal for rows of one unit."""
    weights: Numbers | None
    """None where all rows count alike."""
    own: Mask | None = None
    """Whether it is a row of the owner whose rows made the model; None where no owner's did."""

    def chosen(self, which: Numbers | slice) -> "Tested":
        """Only these rows, in this order."""
        return Tested(self.unit[which], some(self.weights, which), some(self.own, which))

    @property
    def units(self) -> int:
        """How many units the rows are about, as the gate counts them; on either side at least."""
        return min(count(self.unit[one], some(self.weights, one)) for one in sides(self.own))

    @property
    def worth(self) -> float:
        """The sum of all weights."""
        return float(len(self.unit) if self.weights is None else self.weights.sum())


def points(
    trial: Trial, seen: Seen, classes: list[str], output: EvaluationOutput
) -> Iterator[Line]:
    """The points of one model.

    A class that too few test units are of, or too few are not of, has none; nor has a model of
    which nothing is told.

    Args:
        trial: the model's words on the test rows.
        seen: the rows it was tested on.
        classes: in the order of the probabilities; of two only the second is told. None for a
            regression, whose points have neither `tpr` nor `fpr`.
        output: how many points, and about how many units.
    """
    if trial.said is None:
        return
    own = None if trial.sides is None else trial.sides.own
    labels, tested = seen.truth, Tested(seen.tested, seen.worth, own)
    if not classes:
        for share, _, said, found in _cut(trial.said, labels, tested, output):
            yield trial.owners, "", share, None, None, said, found
    for place in range(1 if len(classes) == 2 else 0, len(classes)):
        is_it = labels == place
        if min(tested.chosen(is_it).units, tested.chosen(~is_it).units) < output.min_bin:
            continue
        hits, others = 0.0, 0.0
        for share, worth, said, found in _cut(trial.said[:, place], is_it, tested, output):
            hits += worth * found / tested.chosen(is_it).worth
            others += worth * (1 - found) / tested.chosen(~is_it).worth
            yield trial.owners, classes[place], share, hits, others, said, found


def sides(own: Mask | None) -> tuple[Mask | slice, ...]:
    """The rows that are counted apart: those of an owner who knows its own, and all others."""
    return (slice(None),) if own is None else (own, ~own)


def _cut(
    scores: Matrix, truth: Numbers, tested: Tested, rule: EvaluationOutput
) -> Iterator[tuple[float, float, float, float]]:
    """For each stretch: the share up to its end, its weight, mean score and mean truth."""
    order = np.argsort(-scores, kind="stable")
    scores, truth, tested = scores[order], truth[order].astype(np.float64), tested.chosen(order)
    start, passed = 0, 0.0
    for end in _ends(scores, tested, rule):
        stretch = slice(start, end)
        part = tested.chosen(stretch)
        passed += part.worth
        said, found = (np.average(each[stretch], weights=part.weights) for each in (scores, truth))
        yield passed / tested.worth, part.worth, float(said), float(found)
        start = end


def _ends(scores: Matrix, tested: Tested, rule: EvaluationOutput) -> list[int]:
    """Where stretches end; none where all rows together are about too few units."""
    rows = len(scores)
    apart = np.append(np.flatnonzero(np.diff(scores)) + 1, rows)
    wanted = -(-rows * np.arange(1, rule.points + 1) // rule.points)
    ends = [0]
    for end in np.unique(apart[np.searchsorted(apart, wanted)]):
        if tested.chosen(slice(ends[-1], end)).units >= rule.min_bin:
            ends.append(int(end))
    if len(ends) > 1:
        ends[-1] = rows  # what is left over is too little for a point of its own
    return ends[1:]
