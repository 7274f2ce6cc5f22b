"""Does a file hold the model that the manifest declares? A report, and the type that proves it.

`check_model` reads everything and runs nothing. What it returns has been judged by a closed reader
for its format, and is the only thing that is sealed, or handed to a library in the worker.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Self

from cleanroom.dataset.models.appearance import looks_like
from cleanroom.dataset.models.graphs import require_graph
from cleanroom.dataset.models.tensors import require_tensors
from cleanroom.dataset.models.trees import require_trees
from cleanroom.encoding import Digest, Record, content_digest
from cleanroom.errors import DataOversized, DataUnreadable, ModelRefused
from cleanroom.manifest.model import ModelDataset


def _require_nothing(_raw: bytes, _model: ModelDataset) -> dict[str, int]:
    raise ModelRefused("the file is a model as it stays in a room, which nobody brings")


SIGNS: Mapping[str, str] = MappingProxyType(
    {
        "xgboost-ubj": "UBJ, as XGBoost writes",
        "onnx": "ONNX",
        "safetensors": "safetensors",
        "cleanroom": "a model as it stays in a room",
    }
)
"""What a file of each format looks like, in the words of `appearance`."""
Reader = Callable[[bytes, ModelDataset], dict[str, int]]
READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "xgboost-ubj": require_trees,
        "onnx": require_graph,
        "safetensors": require_tensors,
        "cleanroom": _require_nothing,
    }
)
"""What judges a file of each format; it returns how large the model is, in numbers with names."""


class ModelReport(Record):
    """What was found in a model's file, for its owner."""

    dataset: str
    """The dataset's name in the manifest."""
    format: str
    """As the manifest declares it."""
    bytes: int
    """The file's length."""
    digest: Digest
    """Of the file as it is; the room knows the version by another one."""
    facts: dict[str, int]
    """How large the model is, such as `trees` and `nodes`."""

    def require(self) -> Self:
        """Return this report: a model that does not fit has none."""
        return self

    def to_text(self) -> str:
        """The report for a terminal."""
        facts = ", ".join(f"{number:,} {name}" for name, number in self.facts.items())
        return f"{self.dataset}: {self.format}, {self.bytes:,} bytes, {facts}\n{self.digest}"


@dataclass(frozen=True, slots=True)
class CheckedModel:
    """A model's bytes that its format's reader accepts for a dataset; made by `check_model`."""

    content: bytes = field(repr=False)
    """The file, as it was brought."""
    dataset: ModelDataset
    """What the manifest says about it."""
    facts: Mapping[str, int]
    """How large the model is."""

    def report(self, name: str) -> ModelReport:
        """What to tell the owner of the dataset `name`."""
        return ModelReport(
            dataset=name,
            format=self.dataset.format,
            bytes=len(self.content),
            digest=content_digest(self.content),
            facts=dict(self.facts),
        )


def check_model(
    content: bytes, dataset: ModelDataset, readers: Mapping[str, Reader] = READERS
) -> CheckedModel:
    """Return the model once its file is what the manifest declares.

    Args:
        content: the file.
        dataset: what the manifest says about it.
        readers: what judges a file of each format.

    Raises:
        DataOversized: it is longer than `max_bytes`.
        ModelRefused: it is of another format, such as a pickle, damaged, or another model.
    """
    _short_enough(len(content), dataset)
    found, expected = looks_like(content[:4096]), SIGNS[dataset.format]
    if found != expected:
        raise ModelRefused(f"the file looks like {found}, expected {expected}")
    return CheckedModel(content, dataset, readers[dataset.format](content, dataset))


def open_model(given: object, dataset: ModelDataset) -> CheckedModel:
    """Read and check what a party gave for a model.

    Args:
        given: a path, or a list of one path.
        dataset: what the manifest says about it.

    Raises:
        DataUnreadable: it is not one file that can be read.
        DataOversized, ModelRefused: as `check_model`.
    """
    one = given[0] if isinstance(given, list | tuple) and len(given) == 1 else given
    if not isinstance(one, str | os.PathLike):
        raise DataUnreadable(
            f"the model is a {type(one).__name__}, expected the path of one file",
            hint="save the model in the manifest's format first",
        )
    path = Path(one)
    try:
        _short_enough(path.stat().st_size, dataset)
        content = path.read_bytes()
    except OSError:
        raise DataUnreadable(f"there is no file {path.name!r} that can be read") from None
    return check_model(content, dataset)


def _short_enough(size: int, dataset: ModelDataset) -> None:
    if size > dataset.max_bytes:
        raise DataOversized(
            f"the model has {size} bytes, expected at most {dataset.max_bytes}",
            hint="use fewer or smaller trees or layers, or agree on a larger `max_bytes`",
        )
