"""Models that stay in the room: a training's output becomes a version of a model's dataset.

Nobody brings such a dataset and nobody gets it: its key is sealed to the room and ends with it.
"""

from cleanroom.manifest.model import AnyOutput, Manifest, ModelOutput

ROOM = "room"
"""Who gets a model that is kept; where one is, no party has this name."""


def addressees(output: AnyOutput) -> list[str]:
    """Whom an output is sealed to, one by one: its recipients, and the room if it keeps a model."""
    kept = isinstance(output, ModelOutput) and output.kept_as is not None
    return [*output.recipients, ROOM] if kept else output.recipients


def makers(manifest: Manifest) -> dict[str, tuple[str, str]]:
    """The datasets that nobody brings: the computation and the output that make each."""
    return {
        output.kept_as: (name, output_id)
        for name, computation in manifest.computations.items()
        for output_id, output in computation.outputs.items()
        if isinstance(output, ModelOutput) and output.kept_as is not None
    }
