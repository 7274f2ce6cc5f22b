"""Models that stay in the room: a training's output becomes a version of a model's dataset.

Nobody brings such a dataset and nobody gets it: its key is sealed to the room and ends with it.
"""

from collections.abc import Iterator

from cleanroom.manifest.computation import Computation
from cleanroom.manifest.made import ROOM
from cleanroom.manifest.model import AnyComputation, AnyOutput, Manifest, ModelOutput

__all__ = ["ROOM", "addressees", "kept_by", "makers", "sources"]


def addressees(output: AnyOutput) -> list[str]:
    """Whom an output is sealed to, one by one: its recipients, and the room if a model stays."""
    stays = isinstance(output, ModelOutput) and output.stays
    return [*output.recipients, ROOM] if stays else output.recipients


def makers(manifest: Manifest) -> dict[str, tuple[str, str]]:
    """The datasets that nobody brings: the computation and the output that make each."""
    return {
        dataset: (name, output_id)
        for name, computation in manifest.computations.items()
        for output_id, dataset in kept_by(name, computation).items()
    }


def kept_by(name: str, computation: AnyComputation) -> dict[str, str]:
    """The datasets that models of a computation become, by output.

    Args:
        name: the computation's.
        computation: as the manifest has it.
    """
    return {
        output_id: output.kept_as or f"{name}.{output_id}"
        for output_id, output in computation.outputs.items()
        if isinstance(output, ModelOutput) and output.stays
    }


def sources(manifest: Manifest, computation: Computation) -> Iterator[str]:
    """The declared tables and models whose content a computation's results tell something of.

    A model that was made in the room tells of what it was trained on. The manifest's rules hold.
    """
    made = makers(manifest)
    for read in computation.reads.values():
        if read.dataset in made:
            yield from sources(manifest, manifest.computations[made[read.dataset][0]])
        else:
            yield read.dataset
