"""A model that a training left in the room, as its parties see it: a name, and nothing inside."""

from dataclasses import dataclass

from cleanroom.client.display import mimebundle


@dataclass(frozen=True, slots=True)
class KeptModel:
    """A handle on a model that nobody has; a computation that names its dataset uses it."""

    dataset: str
    """The dataset of kind `model` whose version it is."""
    run: str
    """The training that made it."""
    output: str
    """Which of the training's outputs it was."""

    def __repr__(self) -> str:
        return f"KeptModel({self.dataset!r} by {self.run}: sealed in the room)"

    def _repr_mimebundle_(self, **_formats: object) -> dict[str, str]:
        cells = [("dataset", self.dataset), ("made by", self.run), ("output", self.output)]
        return mimebundle(repr(self), ("what", "value"), cells)
