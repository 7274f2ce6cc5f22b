"""Two seeded tables that two companies could have: the same people, spelt differently.

The same seed gives the same bytes of data. The overlap is planted and therefore known, so that the
demo can compare the room's answer with the truth. Nobody in these tables exists.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

FIRST_NAMES = (
    "ada", "amir", "anna", "bela", "chen", "dana", "elif", "emil", "farah", "finn", "greta",
    "hugo", "ines", "ivan", "jana", "karl", "lena", "leo", "maya", "milan", "nora", "omar",
    "petra", "quinn", "rosa", "sami", "tara", "uwe", "vera", "wim", "yara", "zoe",
)  # fmt: skip
LAST_NAMES = (
    "adler", "bauer", "costa", "dietz", "evans", "fuchs", "gomez", "huber", "ito", "jansen",
    "kaya", "lopez", "meier", "novak", "okoro", "peters", "quist", "rossi", "silva", "tanaka",
    "ueda", "vogel", "weber", "xu", "young", "zhang",
)  # fmt: skip
DOMAINS = ("example.com", "example.net", "example.org", "mail.example", "post.example")
SEGMENTS = ("basic", "gold", "private")
FAVOURITES = ("books", "garden", "kitchen", "music", "sport", "toys")
FIRST_DAY = 10_957
"""2000-01-01 in days since 1970-01-01."""


@dataclass(frozen=True, slots=True)
class Tables:
    """What the two parties bring, and the truth about both."""

    bank: pa.Table
    """Columns `email`, `segment`, `income`, `since`."""
    shop: pa.Table
    """Columns `email`, `spend`, `visits`, `favourite`."""
    overlap: int
    """How many people are in both."""


def generate(rows: int, overlap: int, seed: int) -> Tables:
    """Make both tables.

    Args:
        rows: rows of each table; every row is another person.
        overlap: people who are in both tables, at most `rows`.
        seed: any whole number.
    """
    chance = np.random.default_rng(seed)
    people = _people(2 * rows - overlap, chance)
    at_bank = chance.permutation(rows)
    at_shop = chance.permutation(rows) + rows - overlap
    bank = pa.table(
        {
            "email": _spelt_by_bank(people, at_bank, chance),
            "segment": _picked(SEGMENTS, rows, chance, weights=(0.7, 0.2, 0.1)),
            "income": pa.array(
                np.clip(chance.lognormal(10.6, 0.5, rows), 0, 500_000).astype("int64")
            ),
            "since": pa.array(FIRST_DAY + chance.integers(0, 9_000, rows, dtype="int32")).cast(
                pa.date32()
            ),
        }
    )
    shop = pa.table(
        {
            "email": _spelt_by_shop(people, at_shop, chance),
            "spend": pa.array(
                np.clip(chance.gamma(2.0, 150.0, rows), 0, 1_000_000).astype("int64")
            ),
            "visits": pa.array(chance.poisson(6.0, rows).astype("int64")),
            "favourite": _picked(FAVOURITES, rows, chance),
        }
    )
    return Tables(bank=bank, shop=shop, overlap=overlap)


def _people(count: int, chance: np.random.Generator) -> pl.DataFrame:
    """First name, last name with a number of its own, and domain of each person."""
    number = pl.Series("number", np.arange(count)).cast(pl.String)
    return pl.DataFrame(
        {
            "first": np.array(FIRST_NAMES)[chance.integers(0, len(FIRST_NAMES), count)],
            "last": np.array(LAST_NAMES)[chance.integers(0, len(LAST_NAMES), count)],
            "domain": np.array(DOMAINS)[chance.integers(0, len(DOMAINS), count)],
        }
    ).with_columns(pl.col("last") + number)


def _spelt_by_bank(people: pl.DataFrame, rows: np.ndarray, chance: np.random.Generator) -> pa.Array:
    """The bank's clerks often write names with capitals."""
    formal = pl.Series(chance.random(len(rows)) < 0.3)
    plain = pl.col("first") + "." + pl.col("last")
    titled = pl.col("first").str.to_titlecase() + "." + pl.col("last").str.to_titlecase()
    spelt = pl.when(formal).then(titled).otherwise(plain) + "@" + pl.col("domain")
    return people[rows].select(email=spelt)["email"].to_arrow().cast(pa.string())


def _spelt_by_shop(people: pl.DataFrame, rows: np.ndarray, chance: np.random.Generator) -> pa.Array:
    """The shop's customers type in capitals, and leave blanks around what they type."""
    loud = pl.Series(chance.random(len(rows)) < 0.2)
    blank = pl.Series(chance.random(len(rows)) < 0.1)
    plain = pl.col("first") + "." + pl.col("last") + "@" + pl.col("domain")
    spelt = pl.when(loud).then(plain.str.to_uppercase()).otherwise(plain)
    padded = pl.when(blank).then("  " + spelt + " ").otherwise(spelt)
    return people[rows].select(email=padded)["email"].to_arrow().cast(pa.string())


def _picked(
    words: tuple[str, ...],
    count: int,
    chance: np.random.Generator,
    weights: tuple[float, ...] | None = None,
) -> pa.Array:
    picked = chance.choice(len(words), count, p=weights)
    return pa.DictionaryArray.from_arrays(picked.astype("int32"), list(words)).cast(pa.string())


def main(arguments: list[str] | None = None) -> None:
    """`python -m enclave.demo.tables DIRECTORY [ROWS]` writes both tables as Parquet files."""
    given = sys.argv[1:] if arguments is None else arguments
    directory, rows = Path(given[0]), int(given[1]) if len(given) > 1 else 100_000
    tables = generate(rows, overlap=rows * 3 // 10, seed=7)
    pq.write_table(tables.bank, directory / "customers.parquet")
    pq.write_table(tables.shop, directory / "baskets.parquet")


if __name__ == "__main__":
    main()
