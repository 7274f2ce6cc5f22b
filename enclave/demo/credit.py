"""Two seeded tables for training: who repays a loan depends on what both companies know together.

The bank knows accounts and who repaid, the shop knows habits. A part of the risk is planted in an
interaction of a bank's with a shop's column, which neither can see alone. Nobody here exists.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

PRODUCTS = ("card", "car", "home", "none")
"""What else a customer has at the bank."""
PAYMENTS = ("card", "cash", "later")
"""How a customer pays at the shop."""
Numbers = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Credit:
    """What the two parties bring."""

    bank: pa.Table
    """Columns `email`, `income`, `balance`, `overdrafts`, `months`, `product`, `defaulted`."""
    shop: pa.Table
    """Columns `email`, `spend`, `visits`, `returns`, `late`, `payment`."""
    overlap: int
    """How many people are in both."""


def credit(rows: int, overlap: int, seed: int) -> Credit:
    """Make both tables.

    Args:
        rows: rows of each table; every row is another person.
        overlap: people who are in both tables, at most `rows`.
        seed: any whole number.
    """
    chance = np.random.default_rng(seed)
    people = 2 * rows - overlap
    at_bank = chance.permutation(rows)
    at_shop = chance.permutation(rows) + rows - overlap
    wealth, thrift, haste = (chance.standard_normal(people) for _ in range(3))
    product = chance.integers(0, len(PRODUCTS), people)
    payment = chance.choice(len(PAYMENTS), people, p=(0.5, 0.3, 0.2))
    risk = (
        -1.9 * wealth
        - 1.5 * thrift
        + 1.5 * haste
        + 0.5 * (product == 1)
        + 1.0 * (payment == 2)
        - 1.6 * wealth * haste  # neither company has both factors
        - 1.8
    )
    defaulted = chance.random(people) < 1 / (1 + np.exp(-risk))
    numbers = pl.int_range(people, eager=True).cast(pl.String)
    emails = ("customer" + numbers + "@example.com").to_arrow().cast(pa.string())
    bank = {
        "income": _whole(np.exp(10.4 + 0.5 * wealth + _noise(people, chance)), 500_000),
        "balance": _cents(2000 + 1500 * thrift + 400 * chance.standard_normal(people)),
        "overdrafts": chance.poisson(np.exp(0.3 - 0.7 * thrift)),
        "months": chance.integers(1, 240, people),
        "product": np.array(PRODUCTS)[product],
        "defaulted": defaulted,
    }
    shop = {
        "spend": _whole(np.exp(5.5 + 0.6 * haste + _noise(people, chance)), 1_000_000),
        "visits": chance.poisson(np.exp(1.6 + 0.4 * haste)),
        "returns": _cents(np.clip(0.2 + 0.1 * haste + 0.05 * chance.standard_normal(people), 0, 1)),
        "late": chance.random(people) < 1 / (1 + np.exp(1.0 - haste)),
        "payment": np.array(PAYMENTS)[payment],
    }
    return Credit(_table(emails, bank, at_bank), _table(emails, shop, at_shop), overlap)


def _table(emails: pa.Array, columns: dict[str, Any], rows: np.ndarray[Any, Any]) -> pa.Table:
    chosen = {name: pa.array(column[rows]) for name, column in columns.items()}
    return pa.table({"email": emails.take(pa.array(rows)), **chosen})


def _noise(people: int, chance: np.random.Generator) -> Numbers:
    return 0.15 * chance.standard_normal(people)


def _whole(amounts: Numbers, most: int) -> np.ndarray[Any, Any]:
    return np.clip(amounts, 0, most).astype(np.int64)


def _cents(amounts: Numbers) -> Numbers:
    return np.round(amounts, 2)
