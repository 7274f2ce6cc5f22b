"""Which parts of the rows are looked at after each round of a fit, whatever it fits.

Each costs a prediction, so that only what a curve shows, or what says when to stop, is looked at.
"""

from collections.abc import Iterator

from cleanroom.manifest.model import CurveOutput
from enclave.computations.plan import Lesson
from enclave.computations.training.examples import Examples
from enclave.computations.training.samples import Sample

VALIDATION = "validation"
"""The part that says when to stop."""


def parts_watched(examples: Examples, lesson: Lesson) -> Iterator[tuple[str, Sample]]:
    """The parts by their names: all that the fit trains on, and of the others what weighs."""
    if any(isinstance(output, CurveOutput) for output in lesson.outputs.values()):
        yield "training", examples.training
        yield "test", examples.testing.counting
    if lesson.stopping is not None:
        yield VALIDATION, examples.validation.counting
