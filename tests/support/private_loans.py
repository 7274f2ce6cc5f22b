"""The demo's loans as columns within signed bounds: what noisy lines and noisy networks learn."""

from typing import Any

import numpy as np

from cleanroom.manifest.model import Column
from enclave.demo.credit import PAYMENTS, PRODUCTS, credit


def column(name: str, low: str = "0", high: str = "1", values: Any = None) -> Column:
    """A feature: a number within bounds, or one of a few texts."""
    kind = {"type": "string", "values": list(values)} if values else {"type": "float64"}
    bounds = {} if values else {"bounds": [low, high]}
    return Column(name=name, role="feature", **kind, **bounds)


CREDIT = [
    column("income", "0", "150000"),
    column("balance", "-4000", "8000"),
    column("overdrafts", "0", "15"),
    column("months", "0", "240"),
    column("product", values=PRODUCTS),
    column("spend", "0", "2000"),
    column("visits", "0", "25"),
    column("returns"),
    column("late"),
    column("payment", values=PAYMENTS),
]


def loan_rows() -> tuple[np.ndarray, np.ndarray]:
    """The matrix of `CREDIT`, and labels 0 and 1, of 21,000 people, who default or not."""
    made = credit(30_000, overlap=21_000, seed=7)
    rows = made.bank.to_pandas().merge(made.shop.to_pandas(), on="email")
    places = [
        [(rows[each.name] == value).astype(float) for value in each.values]
        if each.values
        else [rows[each.name].astype(float)]
        for each in CREDIT
    ]
    matrix = np.column_stack([place for several in places for place in several])
    return matrix, rows["defaulted"].to_numpy().astype(np.float64)
