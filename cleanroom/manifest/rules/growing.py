"""Rules about trees that are grown round by round: what leaves of the rounds, and how much."""

from collections.abc import Iterator

from cleanroom.errors import Problem
from cleanroom.manifest.model import CurveOutput, Manifest, TrainGbdt
from cleanroom.manifest.rules.joining import trainings

PARTS = 3
"""Training, validation and test."""
LINE_BYTES = 64
"""Of one line of a curve."""
LARGEST_CURVE = 400_000
"""In bytes, estimated; a worker writes tables of numbers below half a mebibyte."""


def curves_have_rounds(manifest: Manifest) -> Iterator[Problem]:
    """Only trees have a curve, and it is no longer than a table may be."""
    for name, training in trainings(manifest):
        for output_id, output in training.outputs.items():
            if not isinstance(output, CurveOutput):
                continue
            place = f"computations.{name}.outputs.{output_id}.kind"
            if not isinstance(training, TrainGbdt):
                yield Problem("kind is curve, expected another: a line has no rounds", place)
                continue
            most = LARGEST_CURVE // (PARTS * LINE_BYTES)
            if training.parameters.rounds.max > most:
                yield Problem(
                    f"kind is curve while rounds may be {training.parameters.rounds.max}, "
                    f"expected at most {most} rounds",
                    where=place,
                )


def rounds_on_one_worker(manifest: Manifest) -> Iterator[Problem]:
    """Who stops early, or draws a curve, needs `workers.count: 1`."""
    for name, training in trainings(manifest):
        drawn = any(isinstance(output, CurveOutput) for output in training.outputs.values())
        stops = isinstance(training, TrainGbdt) and training.early_stopping is not None
        if training.workers.count != 1 and (drawn or stops):
            why = "trees are stopped" if stops else "a curve is drawn"
            yield Problem(
                f"count is {training.workers.count}, expected 1: {why} in one process",
                where=f"computations.{name}.workers.count",
                hint="give the worker more cores and memory instead",
            )
