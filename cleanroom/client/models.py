"""An exported model on its recipient's machine: it takes tables and says what it predicts.

Loading reads JSON, XGBoost's UBJ and safetensors, which hold numbers and nothing to run. This
module needs numpy, and XGBoost for trees, so it is met only when a model is asked for.
"""

import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from cleanroom.client.display import mimebundle
from cleanroom.client.files import PRIVATE_FILE, write_new
from cleanroom.dataset.features import Matrix, matrix
from cleanroom.dataset.model_file import ModelDescription
from cleanroom.dataset.models.layers import tensors_of
from cleanroom.dataset.network_part import NetworkModel
from cleanroom.encoding import content_digest
from cleanroom.errors import DataMismatch, ModelRefused, RecordMalformed, Usage

SUFFIXES = {"linear": ".json", "gbdt": ".ubj", "torch": ".safetensors"}
"""Of the file that holds a model's numbers, by its kind."""


class Model:
    """A trained model.

    Args:
        description: what it is.
        booster: XGBoost's own object for trees, a `NetworkModel` for a network; None for a linear
            model.
        raw: the bytes it was read from.
    """

    def __init__(self, description: ModelDescription, booster: Any, raw: bytes) -> None:  # noqa: ANN401
        self.description = description
        """Features, classes, and the whole of a linear model."""
        self.booster = booster
        """`xgboost.Booster`, `NetworkModel`, or None for a linear model."""
        self._raw = raw

    def predict(self, rows: pa.Table | Mapping[str, Any]) -> Matrix:
        """What the model says of rows.

        Args:
            rows: its features by `<input>.<column>`; other columns are ignored.

        Returns:
            Probabilities, rows by `description.classes`; for a regression one number for each row.

        Raises:
            DataMismatch: a feature is missing or not as it was in training.
        """
        table = rows if isinstance(rows, pa.Table) else pa.table(dict(rows))
        columns = {name: table.column(name) for name in table.column_names}
        found = matrix(self.description.features, columns)
        if self.description.linear is not None:
            return self.description.linear.predict(found, self.description.task)
        if isinstance(self.booster, NetworkModel):
            return self.booster.predict(found)
        return self._by_trees(found)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the model to a new file that only you can read.

        Trees go to `.ubj`, as XGBoost reads them, the layers of a network to `.safetensors`, a
        linear model to `.json`; the description of the others alone may go to `.json`, too.

        Raises:
            Usage: the suffix is another one, or the file exists.
        """
        target = Path(path)
        suffix = SUFFIXES[self.description.kind]
        if target.suffix == suffix and self._raw:
            return write_new(target, memoryview(self._raw), PRIVATE_FILE)
        if target.suffix == ".json":
            return write_new(target, memoryview(self.description.to_bytes()), PRIVATE_FILE)
        expected = f"{suffix} or .json" if self._raw else ".json"
        raise Usage(f"the file is {target.name!r}, expected a name in {expected}")

    def __repr__(self) -> str:
        told = self.description
        return (
            f"Model({told.kind}, {told.task} of {told.label!r} from {len(told.features)} features)"
        )

    def _repr_mimebundle_(self, **_formats: object) -> dict[str, str]:
        told = self.description.features
        cells = [[feature.owner or "all parties", feature.name] for feature in told]
        return mimebundle(repr(self), ["owner", "feature"], cells)

    def _by_trees(self, found: Matrix) -> Matrix:
        xgboost = import_module("xgboost")
        rows = xgboost.DMatrix(
            found.astype(np.float32), feature_names=self.description.matrix_names
        )
        said = self.booster.predict(rows).astype(np.float64)
        if self.description.task == "classification" and said.ndim == 1:
            return np.column_stack([1 - said, said])
        return np.asarray(said)


def model_of(table: pa.Table) -> Model:
    """The model in a result's table.

    Raises:
        DataMismatch: it is not one model as a worker writes it.
    """
    if table.num_rows != 1:
        raise DataMismatch(f"the result has {table.num_rows} models, expected one")
    text, raw = table["description"][0].as_py(), table["booster"][0].as_py()
    try:
        description = ModelDescription.from_bytes(text.encode())
    except RecordMalformed as malformed:
        raise DataMismatch(f"the model's description does not read: {malformed}") from None
    if description.kind == "linear":
        return Model(description, None, b"")
    if content_digest(raw) != description.booster:
        raise DataMismatch("the trees or layers are not those that the description names")
    read = _network if description.network else _booster
    return Model(description, read(raw, description), raw)


def _network(raw: bytes, description: ModelDescription) -> NetworkModel:
    if description.network is None:
        raise DataMismatch("the description is of no network")
    try:
        tensors = tensors_of(raw, description.sizes)
    except ModelRefused as refused:
        raise DataMismatch(f"the layers do not read: {refused.message}") from None
    return NetworkModel(description.network, tensors, description.task)


def _booster(ubj: bytes, description: ModelDescription) -> Any:  # noqa: ANN401 - XGBoost's own
    booster = import_module("xgboost").Booster(model_file=bytearray(ubj))
    if booster.feature_names != description.matrix_names:
        raise DataMismatch("the columns of the trees are not those of the description")
    return booster
