"""A trained model as it leaves the room: a description and numbers, which run nothing.

A linear model is wholly in its description. Trees are XGBoost's own UBJ, whose columns the
description names; the layers of a network are safetensors. No format can carry code; pickle is
never read or written.
"""

from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from cleanroom.dataset.features import Feature, Matrix
from cleanroom.dataset.network_part import NetworkPart
from cleanroom.encoding import Digest, Name, Record

COLUMNS = ("description", "booster")
"""Of the table that a model travels in; one row."""


class LinearPart(Record):
    """A linear model in the units of its features."""

    coefficients: list[list[float]] = Field(min_length=1)
    """One list for a number or for two classes, otherwise one for each class; by matrix column."""
    intercepts: list[float] = Field(min_length=1)
    """One for each list of coefficients."""
    fills: list[float]
    """What a missing value counts as, by matrix column."""

    def predict(self, rows: Matrix, task: str) -> Matrix:
        """What the model says of rows.

        Args:
            rows: from `features.matrix`.
            task: `classification` or `regression`.

        Returns:
            Probabilities, rows by classes; for a regression one number for each row.
        """
        complete = np.where(np.isnan(rows), np.array(self.fills), rows)
        scores = complete @ np.array(self.coefficients).T + np.array(self.intercepts)
        if task == "regression":
            return np.asarray(scores[:, 0])
        if scores.shape[1] == 1:
            # the logistic function of a score is a softmax of the score against 0
            scores = np.hstack([np.zeros_like(scores), scores])
        raised = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))


class ModelDescription(Record):
    """What a model is and how rows become its numbers."""

    kind: Literal["linear", "gbdt", "torch"]
    """The operation that made it, without `train.`."""
    task: Literal["classification", "regression"]
    """Classes or a number."""
    label: str
    """What it predicts: `<input>.<column>`, or `<column>` where every input has it."""
    label_owner: Name | None
    """The party that brought the label; null where every input has it."""
    classes: list[str]
    """In the order of the probabilities; empty for a number."""
    features: list[Feature] = Field(min_length=1)
    """In the order of the matrix."""
    linear: LinearPart | None
    """The whole of a linear model; null for others."""
    booster: Digest | None
    """Of the trees' UBJ or the network's safetensors, null for a linear model. XGBoost's reader
    crashes on damaged bytes, so it gets no others than these."""
    network: NetworkPart | None = None
    """How rows become the first layer's numbers; absent for others than networks."""

    def to_plain(self) -> dict[str, object]:
        """See `Record`; without `network` where there is none, as before networks were known."""
        plain = super().to_plain()
        return plain if self.network else {k: v for k, v in plain.items() if k != "network"}

    @model_validator(mode="after")
    def _whole(self) -> Self:
        linear = self.kind == "linear"
        if (self.linear is not None) != linear or (self.booster is None) != linear:
            raise ValueError("a linear model is written in `linear`, others are in a booster")
        if (self.network is not None) != (self.kind == "torch"):
            raise ValueError("a network, and nothing else, has a `network`")
        if self.network is not None and self.network.width != len(self.matrix_names):
            raise ValueError(f"the network does not fit {len(self.matrix_names)} columns")
        if self.linear is not None:
            width = len(self.matrix_names)
            lengths = {len(row) for row in (*self.linear.coefficients, self.linear.fills)}
            if lengths != {width} or len(self.linear.intercepts) != len(self.linear.coefficients):
                raise ValueError(f"coefficients and fills do not fit {width} columns")
        return self

    @property
    def sizes(self) -> list[int]:
        """How many numbers go into a network's first layer, and how many come out of each."""
        hidden = self.network.hidden if self.network else []
        return [len(self.matrix_names), *hidden, max(len(self.classes), 1)]

    @property
    def matrix_names(self) -> list[str]:
        """The names of the matrix's columns, in order."""
        return [name for feature in self.features for name in feature.names]
