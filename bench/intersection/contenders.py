"""The contenders: each finds the people whom all parties share, from files, or from memory.

`sealed-*` is this project: encrypted Parquet in, encrypted result out, through the very functions
that a worker calls. The others read and write plaintext with the library's own defaults. A
contender's time runs from `start()` until it returns.
"""

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from bench.intersection.inputs import open_sealed
from enclave.computations.keys import PLAIN, key_table
from enclave.computations.partition import gather_blocks, partition, partitions_for
from enclave.computations.plan import InputPlan, Plan
from enclave.computations.registry import operations
from enclave.computations.release import OutputColumn, Released, Rule, release
from enclave.worker.outputs import encrypt_result

READERS = 2
"""Parts that are decrypted at the same time, as in a worker."""
Contender = Callable[[Path, int, Callable[[], None]], Callable[[], int]]
"""Takes the prepared directory, the number of parties, and `start`; returns what reads, after the
clock has stopped, how many people were found."""


def _plan(operation: str, parties: int) -> Plan:
    rows = operation == "intersect.rows"
    column = (
        OutputColumn("0.email", PLAIN["string"], "0", identity=True)
        if rows
        else OutputColumn("overlap", PLAIN["int64"], "", count=True)
    )
    largest = 1_000_000_000 if rows else 1
    rule = Rule("result", ("0",), (column,), 10, 1, largest, 1 << 40, aggregate=not rows)
    inputs = tuple(
        InputPlan(
            str(party), f"set-{party}", str(party), ("email",), ("email",) * (rows and not party)
        )
        for party in range(parties)
    )
    return Plan(operation, inputs, (rule,))


def _sealed(operation: str) -> Contender:
    def run(directory: Path, parties: int, start: Callable[[], None]) -> Callable[[], int]:
        sealed = [open_sealed(directory, party) for party in range(parties)]
        plan = _plan(operation, parties)
        start()
        (released,) = _compute(plan, sealed)
        encrypt_result(released, secrets.token_bytes(32), b"bench", directory)
        rows = plan.op.endswith("rows")
        return lambda: released.rows if rows else released.table[0][0].as_py()

    return run


def _compute(plan: Plan, sealed: list) -> tuple[Released, ...]:
    secret = secrets.token_bytes(32)
    operation = operations[plan.op]
    count = partitions_for(sum(part.rows for one in sealed for _, part in one.parts))

    def block(place: tuple[int, int]) -> tuple[list[pa.Table], pa.Table]:
        party, index = place
        one, planned = sealed[party], plan.inputs[party]
        first = sum(part.rows for _, part in one.parts[:index])
        rows = one.read(index, ["email"])
        keys = partition(key_table(rows, planned.keys, first), count, secret)
        return keys, rows.select(list(planned.payload))

    places = [(party, index) for party, one in enumerate(sealed) for index in range(len(one.parts))]
    with ThreadPoolExecutor(READERS) as pool:
        blocks = dict(zip(places, pool.map(block, places), strict=True))
    spread = [
        gather_blocks([blocks[place][0] for place in places if place[0] == party], count)
        for party in range(len(sealed))
    ]
    payload = {
        planned.name: pa.concat_tables([blocks[place][1] for place in places if place[0] == party])
        for party, planned in enumerate(plan.inputs)
        if planned.payload
    }
    blocks.clear()
    parts = [
        operation.match(plan, [tables[slot] for tables in spread], secret) for slot in range(count)
    ]
    outcomes = operation.outcomes(plan, operation.combine(plan, parts), payload)
    return tuple(result for rule, outcome in outcomes for result in release(outcome, rule))


def _duckdb(query: str) -> Contender:
    def run(directory: Path, parties: int, start: Callable[[], None]) -> Callable[[], int]:
        joins = " ".join(
            f"semi join '{directory}/{party}.parquet' p{party} using (email)"
            for party in range(1, parties)
        )
        result = directory / "result.duckdb.parquet"
        with duckdb.connect() as engine:
            start()
            asked = query.format(source=f"'{directory}/0.parquet' p0 {joins}")
            engine.execute(f"copy ({asked}) to '{result}' (format parquet)")
        return lambda: _found(result)

    return run


def _polars(*, count: bool) -> Contender:
    def run(directory: Path, parties: int, start: Callable[[], None]) -> Callable[[], int]:
        result = directory / "result.polars.parquet"
        start()
        joined = pl.scan_parquet(directory / "0.parquet").select("email")
        for party in range(1, parties):
            other = pl.scan_parquet(directory / f"{party}.parquet").select("email")
            joined = joined.join(other, on="email", how="semi")
        if count:
            joined = joined.select(pl.len().cast(pl.Int64).alias("overlap"))
        joined.sink_parquet(result)
        return lambda: _found(result)

    return run


def _found(result: Path) -> int:
    table = pq.read_table(result) if pq.read_metadata(result).num_rows == 1 else None
    return pq.read_metadata(result).num_rows if table is None else table[0][0].as_py()


def _columns(directory: Path, parties: int) -> list[pa.Table]:
    return [
        pq.read_table(directory / f"{party}.parquet", columns=["email"]) for party in range(parties)
    ]


def _memory_duckdb(directory: Path, parties: int, start: Callable[[], None]) -> Callable[[], int]:
    tables = _columns(directory, parties)
    with duckdb.connect() as engine:
        for party, table in enumerate(tables):
            engine.register(f"p{party}", table)
        joins = " ".join(f"semi join p{party} using (email)" for party in range(1, parties))
        start()
        shared = engine.execute(f"select email from p0 {joins}").to_arrow_table()
        return lambda: shared.num_rows


def _memory_polars(directory: Path, parties: int, start: Callable[[], None]) -> Callable[[], int]:
    frames = [pl.from_arrow(table) for table in _columns(directory, parties)]
    start()
    joined = frames[0]
    for frame in frames[1:]:
        joined = joined.join(frame, on="email", how="semi")
    return lambda: joined.height


def _memory_pyarrow(directory: Path, parties: int, start: Callable[[], None]) -> Callable[[], int]:
    tables = _columns(directory, parties)
    start()
    joined = tables[0]
    for table in tables[1:]:
        joined = joined.join(table, keys="email", join_type="left semi")
    return lambda: joined.num_rows


CONTENDERS: dict[str, Contender] = {
    "sealed-count": _sealed("intersect.count"),
    "sealed-rows": _sealed("intersect.rows"),
    "duckdb-count": _duckdb("select count(*) as overlap from {source}"),
    "duckdb-rows": _duckdb("select p0.email from {source}"),
    "polars-count": _polars(count=True),
    "polars-rows": _polars(count=False),
    "memory-duckdb-rows": _memory_duckdb,
    "memory-polars-rows": _memory_polars,
    "memory-pyarrow-rows": _memory_pyarrow,
}
"""Every contender by its name; `-count` writes a number, `-rows` the first party's addresses."""
