"""Rules about how a training goes on: what leaves of its rounds and folds, and how much."""

from collections.abc import Iterator

from cleanroom.errors import Problem
from cleanroom.manifest.model import (
    CurveOutput,
    Manifest,
    MetricsOutput,
    Range,
    TrainGbdt,
    TrainLinear,
    TrainTorch,
)
from cleanroom.manifest.rules.joining import trainings

PARTS = 3
"""Training, validation and test."""
LINE_BYTES = 64
"""Of one line of a curve."""
LARGEST_CURVE = 400_000
"""In bytes, estimated; a worker writes tables of numbers below half a mebibyte."""


def curves_have_rounds(manifest: Manifest) -> Iterator[Problem]:
    """Only trees and networks have a curve, and it is no longer than a table may be."""
    for name, training in trainings(manifest):
        for output_id, output in training.outputs.items():
            if not isinstance(output, CurveOutput):
                continue
            place = f"computations.{name}.outputs.{output_id}.kind"
            if isinstance(training, TrainLinear):
                yield Problem("kind is curve, expected another: a line has no rounds", place)
                continue
            most = LARGEST_CURVE // (PARTS * LINE_BYTES)
            told, rounds = _rounds(training)
            if rounds.max > most:
                yield Problem(
                    f"kind is curve while {told} may be {rounds.max}, expected at most "
                    f"{most} {told}",
                    where=place,
                )


def folds_are_told(manifest: Manifest) -> Iterator[Problem]:
    """`folds` is said where some output tells metrics."""
    for name, training in trainings(manifest):
        told = any(isinstance(output, MetricsOutput) for output in training.outputs.values())
        if training.folds is not None and not told:
            yield Problem(
                f"folds is {training.folds}, expected none: no output tells metrics",
                where=f"computations.{name}.folds",
            )


def _rounds(training: TrainGbdt | TrainTorch) -> tuple[str, Range]:
    """What its rounds are called, and how many there may be."""
    if isinstance(training, TrainTorch):
        return "epochs", training.parameters.epochs
    return "rounds", training.parameters.rounds
