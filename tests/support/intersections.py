"""Plans and random tables for tests of computations, and what plain Python says they should give.

The oracles know nothing of Arrow or hashing: dictionaries of key tuples to row numbers.
"""

import itertools
import secrets
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from enclave.computations.keys import plain_type
from enclave.computations.plan import InputPlan, Plan
from enclave.computations.process import compute
from enclave.computations.release import OutputColumn, Released, Rule

PARTIES = ("ann", "bea", "cem", "dora", "eli")
"""Owners of the inputs `a`, `b`, `c`, `d`, `e`."""


def input_name(number: int) -> str:
    """`a`, `b`, …"""
    return "abcde"[number]


def count_plan(on: Sequence[str], parties: int = 2, min_group: int = 1, round_to: int = 1) -> Plan:
    """`intersect.count` over one input of each party, for the first party."""
    overlap = OutputColumn("overlap", pa.int64(), owner="", count=True)
    rule = Rule("size", (PARTIES[0],), (overlap,), min_group, round_to, 1, 1 << 16, aggregate=True)
    return Plan("intersect.count", _inputs(on, parties, ()), (rule,))


def rows_plan(
    on: Sequence[str],
    tables: Sequence[pa.Table],
    recipients: Sequence[str] = PARTIES[:1],
    **changes: object,
) -> Plan:
    """`intersect.rows` with every column of every input in one output.

    Key columns are identities. `changes` may set `duplicates`, `limit`, `min_group`, `max_rows`
    and `max_bytes`.
    """
    columns = tuple(
        OutputColumn(
            f"{input_name(number)}.{field.name}",
            plain_type(field.type),
            PARTIES[number],
            identity=field.name in on,
        )
        for number, table in enumerate(tables)
        for field in table.schema
    )
    rule = Rule(
        "matches",
        tuple(recipients),
        columns,
        min_group=changes.get("min_group", 1),
        round_to=1,
        max_rows=changes.get("max_rows", 1_000_000),
        max_bytes=changes.get("max_bytes", 1 << 30),
        aggregate=False,
    )
    inputs = _inputs(on, len(tables), tuple(tables[0].column_names))
    return Plan(
        "intersect.rows",
        inputs,
        (rule,),
        changes.get("duplicates", "first"),
        changes.get("limit"),
    )


def _inputs(on: Sequence[str], parties: int, payload: tuple[str, ...]) -> tuple[InputPlan, ...]:
    return tuple(
        InputPlan(input_name(number), f"set-{number}", PARTIES[number], tuple(on), payload)
        for number in range(parties)
    )


def run(plan: Plan, tables: Sequence[pa.Table], partitions: int = 1) -> list[Released]:
    """Compute `plan` over the inputs with a fresh secret."""
    named = {input_name(number): table for number, table in enumerate(tables)}
    return list(compute(plan, named, secrets.token_bytes(32), partitions))


def overlap(on: Sequence[str], tables: Sequence[pa.Table], partitions: int = 1) -> int:
    """The released count of units that are in every table."""
    released = run(count_plan(on, len(tables)), tables, partitions)
    return released[0].table["overlap"][0].as_py() or 0


def units_by_rows(on: Sequence[str], table: pa.Table) -> dict[tuple[object, ...], list[int]]:
    """Oracle: the row numbers of each complete key, in order."""
    found: dict[tuple[object, ...], list[int]] = {}
    keys = zip(*(table.column(name).to_pylist() for name in on), strict=True)
    for row, key in enumerate(keys):
        if None not in key:
            found.setdefault(key, []).append(row)
    return found


def expected_lines(
    on: Sequence[str], tables: Sequence[pa.Table], duplicates: str
) -> list[tuple[int, ...]]:
    """Oracle: the rows that stand side by side, in the order of the first input."""
    found = [units_by_rows(on, table) for table in tables]
    shared = set(found[0]).intersection(*found[1:])
    lines = [
        line
        for key in shared
        for line in itertools.product(
            *(each[key][:1] if duplicates == "first" else each[key] for each in found)
        )
    ]
    return sorted(lines)


def expected_table(tables: Sequence[pa.Table], lines: Sequence[tuple[int, ...]]) -> dict[str, list]:
    """Oracle: the output of `rows_plan` for its first party."""
    result: dict[str, list] = {}
    for number, table in enumerate(tables):
        for name in table.column_names:
            values = table.column(name).to_pylist()
            result[f"{input_name(number)}.{name}"] = [values[line[number]] for line in lines]
    return result


def emails(numbers: np.ndarray) -> pa.Array:
    """Distinct e-mail addresses for distinct numbers."""
    return pa.array([f"person{number}@example.org" for number in numbers.tolist()], pa.string())
