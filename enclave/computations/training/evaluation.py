"""Points of ROC, lift, gain and calibration on the test rows, each about enough units.

The test rows are put in order of their score, the highest first, and cut into stretches: at most so
many, of about equal length, never between equal scores, each about at least `min_bin` distinct
units. A point stands at the end of each stretch. Which row got which score stays here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from cleanroom.dataset.features import Matrix
from cleanroom.manifest.model import EvaluationOutput
from enclave.computations.training.examples import Seen

Line = tuple[str, str, float, float | None, float | None, float, float]
"""As the columns of `EvaluationOutput`."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What one model said of the test rows."""

    owners: str
    """Whose features it was trained on: names with commas between them."""
    said: Matrix
    """Probabilities, rows by classes, or one number for each row."""


def points(
    trial: Trial, seen: Seen, classes: list[str], output: EvaluationOutput
) -> Iterator[Line]:
    """The points of one model.

    A class that too few test units are of, or too few are not of, has none.

    Args:
        trial: the model's words on the test rows.
        seen: the rows it was tested on.
        classes: in the order of the probabilities; of two only the second is told. None for a
            regression, whose points have neither `tpr` nor `fpr`.
        output: how many points, and about how many units.
    """
    labels, units = seen.truth, seen.tested
    if not classes:
        for share, _, said, found in _cut(trial.said, labels, units, output):
            yield trial.owners, "", share, None, None, said, found
    for place in range(1 if len(classes) == 2 else 0, len(classes)):
        is_it = labels == place
        if min(_distinct(units[is_it]), _distinct(units[~is_it])) < output.min_bin:
            continue
        hits, others = 0.0, 0.0
        for share, rows, said, found in _cut(trial.said[:, place], is_it, units, output):
            hits += rows * found / is_it.sum()
            others += rows * (1 - found) / (~is_it).sum()
            yield trial.owners, classes[place], share, hits, others, said, found


def _cut(
    scores: Matrix, truth: np.ndarray[Any, Any], units: np.ndarray[Any, Any], rule: EvaluationOutput
) -> Iterator[tuple[float, int, float, float]]:
    """For each stretch: the share of rows up to its end, its rows, mean score and mean truth."""
    order = np.argsort(-scores, kind="stable")
    scores, truth, units = scores[order], truth[order].astype(np.float64), units[order]
    start = 0
    for end in _ends(scores, units, rule):
        stretch = slice(start, end)
        told = float(scores[stretch].mean()), float(truth[stretch].mean())
        yield end / len(scores), end - start, *told
        start = end


def _ends(scores: Matrix, units: np.ndarray[Any, Any], rule: EvaluationOutput) -> list[int]:
    """Where stretches end; none where all rows together are about too few units."""
    rows = len(scores)
    apart = np.append(np.flatnonzero(np.diff(scores)) + 1, rows)
    wanted = -(-rows * np.arange(1, rule.points + 1) // rule.points)
    ends = [0]
    for end in np.unique(apart[np.searchsorted(apart, wanted)]):
        if _distinct(units[ends[-1] : end]) >= rule.min_bin:
            ends.append(int(end))
    if len(ends) > 1:
        ends[-1] = rows  # what is left over is too little for a point of its own
    return ends[1:]


def _distinct(units: np.ndarray[Any, Any]) -> int:
    return len(np.unique(units))
