"""Rules about networks that are trained here: small enough to stay finite, and in one process."""

from collections.abc import Iterator

from cleanroom.errors import Problem
from cleanroom.manifest.model import Manifest, TrainTorch
from cleanroom.manifest.networks import MOST_LAYERS, MOST_UNITS
from cleanroom.manifest.rules.joining import trainings


def networks_are_small(manifest: Manifest) -> Iterator[Problem]:
    """A network that is trained has at most 8 hidden layers of at most 1,024 units."""
    for name, training in trainings(manifest):
        if not isinstance(training, TrainTorch):
            continue
        hidden = training.network.hidden
        if len(hidden) > MOST_LAYERS or max(hidden, default=0) > MOST_UNITS:
            yield Problem(
                f"hidden is {len(hidden)} layers of up to {max(hidden, default=0)} units, expected "
                f"at most {MOST_LAYERS} of {MOST_UNITS}",
                where=f"computations.{name}.network.hidden",
            )


def networks_on_one_worker(manifest: Manifest) -> Iterator[Problem]:
    """`train.torch` needs `workers.count: 1`."""
    for name, training in trainings(manifest):
        if isinstance(training, TrainTorch) and training.workers.count != 1:
            yield Problem(
                f"count is {training.workers.count}, expected 1: a network learns in one process",
                where=f"computations.{name}.workers.count",
                hint="give the worker more memory instead",
            )
