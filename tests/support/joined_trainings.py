"""Trainings over one input whole, and over rows below each other: columns, rows and manifests."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tests.support.trainings import LINE, feature, halves, training_plain

LABEL = {"name": "bought", "type": "bool", "role": "label"}
LEFT = {"join": "left", "left": "left"}
FILLED = {**LINE, **LEFT, "missing": "mean"}
ROWS = 400
COLUMNS = ["a", "b", "c"]


def people(rows: int = ROWS, seed: int = 5) -> pd.DataFrame:
    """Three numbers of everybody, and a label that depends on them."""
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame(chance.normal(size=(rows, 3)), columns=COLUMNS)
    risk = frame["a"] + frame["b"] * frame["c"]
    frame["bought"] = chance.random(rows) < 1 / (1 + np.exp(-2 * risk))
    return frame


def beside(how: Mapping[str, Any], label: dict[str, Any] = LABEL) -> dict[str, Any]:
    """A plain manifest of a bank with `a` and the label, and a shop with `b` and `c`."""
    return training_plain([feature("a"), label], [feature("b"), feature("c")], how)


def below(how: Mapping[str, Any], label: dict[str, Any] = LABEL) -> dict[str, Any]:
    """A plain manifest of two parties with the same columns of different people."""
    columns = [*map(feature, COLUMNS), label]
    return training_plain(columns, columns, {**how, "join": "concat"})


def tables_beside(known: int = 250) -> dict[str, pa.Table]:
    """The right party knows only the first so many people."""
    tables = halves(people(), ["a", "bought"], ["b", "c"])
    few = tables["right"].filter(
        pa.array(
            (tables["right"]["id"].to_numpy() < known) | (tables["right"]["id"].to_numpy() >= ROWS)
        )
    )
    return {**tables, "right": few}
