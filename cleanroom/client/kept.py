"""A model that a training left in the room, as its parties see it: a name, and nothing inside."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from cleanroom.client.display import mimebundle
from cleanroom.errors import ModelSealed
from cleanroom.ledger.entry import OutputRecord
from cleanroom.manifest.keeping import ROOM, kept_by
from cleanroom.manifest.model import Manifest


@dataclass(frozen=True, slots=True)
class KeptModel:
    """A handle on a model that nobody has; a computation that names its dataset uses it."""

    dataset: str
    """The dataset of kind `model` whose version it is."""
    run: str
    """The training that made it."""
    output: str
    """Which of the training's outputs it was."""
    used_by: tuple[str, ...]
    """The computations that may use it, in this room and under this manifest alone."""

    def predict(self, rows: object) -> NoReturn:
        """Never: only the room can ask it.

        Raises:
            ModelSealed: always; it says which computations ask it.
        """
        del rows
        raise self.sealed()

    def save(self, path: object) -> NoReturn:
        """Never: it leaves the room for nobody.

        Raises:
            ModelSealed: always; it says which computations use it.
        """
        del path
        raise self.sealed()

    def sealed(self) -> ModelSealed:
        """Why it is not to be had."""
        used = ", ".join(self.used_by)
        return ModelSealed(
            f"the model {self.dataset!r} of run {self.run} stays sealed in the room",
            hint=f"run {used}" if used else "agree on a `predict` that names it, or on recipients",
        )

    def to_json(self) -> dict[str, object]:
        """All of it as plain values."""
        return {
            "dataset": self.dataset,
            "run": self.run,
            "output": self.output,
            "used_by": list(self.used_by),
        }

    def __repr__(self) -> str:
        used = f"used by {', '.join(self.used_by)}" if self.used_by else "used by nothing"
        return f"KeptModel({self.dataset!r} by {self.run}: sealed in the room, {used})"

    def _repr_mimebundle_(self, **_formats: object) -> dict[str, str]:
        cells = [(name, str(value)) for name, value in self.to_json().items() if name != "used_by"]
        cells.append(("used by", ", ".join(self.used_by) or "nothing"))
        return mimebundle(repr(self), ("what", "value"), cells)


def kept_models(
    manifest: Manifest, computation: str, run: str, outputs: Iterable[OutputRecord]
) -> tuple[KeptModel, ...]:
    """The models that a run left in the room; none that was withheld.

    Args:
        manifest: the party's own.
        computation: of the run.
        run: its name.
        outputs: what the room says, or a receipt proves, that it sealed, and to whom.
    """
    datasets = kept_by(computation, manifest.computations[computation])
    return tuple(
        handle(manifest, datasets[one.output], run, one.output)
        for one in outputs
        if one.output in datasets and one.recipient == ROOM and not one.suppressed
    )


def handle(manifest: Manifest, dataset: str, run: str, output: str) -> KeptModel:
    """A handle on the model of one output of a run."""
    return KeptModel(dataset, run, output, tuple(manifest.datasets[dataset].allow.computations))
