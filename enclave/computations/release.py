"""The one gate that every result passes, and the only place where a `Released` is made.

The order is fixed:

1. schema: exactly the declared columns, of their declared types;
2. distinct units of each contributing owner: fewer than `min_group` and the output is *suppressed*:
   it is released without any row or number; so is what its operation withholds;
3. rounding of counts to the nearest multiple of `round_to`, of other numbers to their decimals;
4. size cap, in rows here and in bytes when encoded;
5. the recipient's view: an identity goes to its owner, others get pseudonyms; rows stand in the
   recipient's own order, or in an order drawn at random;
6. every column is built anew: cast to its plain type, then taken. A filtered dictionary or a slice
   would carry rows that are not in the result.

A threshold stops small groups from being shown, not differencing between runs: run limits do that.
This module draws no noise, seals nothing and decides nothing about approvals or budgets.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cleanroom.errors import OutputTooLarge
from enclave.computations.failure import Reason, failed, value_free
from enclave.computations.keys import plain
from enclave.computations.pseudonyms import Pseudonyms
from enclave.computations.rebuild import rebuild


@dataclass(frozen=True, slots=True)
class OutputColumn:
    """A declared column of an output."""

    name: str
    """`<input>.<column>`, or the name of a number."""
    type: pa.DataType
    """Its plain type."""
    owner: str
    """The party whose column it is; empty for a number that was computed."""
    identity: bool = False
    """Whether it names people: it leaves only to its owner."""
    count: bool = False
    """Whether it is a number of units: it is rounded."""
    decimals: int | None = None
    """A number that is no count is rounded to so many decimals."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What the manifest says about one output."""

    output: str
    """The output's name."""
    recipients: tuple[str, ...]
    """Parties that receive it."""
    columns: tuple[OutputColumn, ...]
    """Its columns, in order."""
    min_group: int
    """Fewer distinct units of any contributing owner suppress it; in units."""
    round_to: int
    """Counts are rounded to the nearest multiple."""
    max_rows: int
    """More are refused; in rows."""
    max_bytes: int
    """A longer encoding is refused; in bytes."""
    aggregate: bool
    """Whether it is one line of numbers, which a suppressed result shows as nulls."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an operation found; nothing of it has passed the gate."""

    units: Mapping[str, int]
    """Distinct units of each contributing owner that the result is about."""
    unit: np.ndarray
    """Which unit each line is about: any numbers, equal for equal units; `int64`."""
    sources: Mapping[str, pa.ChunkedArray]
    """Where each output column is taken from."""
    positions: Mapping[str, np.ndarray]
    """Which rows of its source each output column takes, one for each line; `int64`."""
    order: Mapping[str, np.ndarray]
    """Positions of the lines in an input of this owner: the order in which it gets them."""
    withheld: bool = False
    """Whether the operation itself found too little to tell: a model without a test, for one."""


@dataclass(frozen=True, slots=True)
class Released:
    """A result that passed the manifest's output rule, for one recipient; made only here."""

    output: str
    """The output's name."""
    recipient: str
    """The only party it may be sealed to."""
    table: pa.Table
    """Plain columns in memory of their own; no metadata."""
    suppressed: bool
    """Whether it was withheld: the table then says nothing but its columns."""
    rows: int
    """Rows of `table`."""
    reached: Mapping[str, bool]
    """For each contributing owner, whether its distinct units reached `min_group`."""
    max_bytes: int
    """An encoding that is longer is refused, in bytes."""


@value_free(Reason.RELEASE)
def release(outcome: Outcome, rule: Rule) -> tuple[Released, ...]:
    """Pass an outcome through the gate, once for each recipient.

    Raises:
        ComputationFailed: the outcome does not have exactly the declared columns.
        OutputTooLarge: it has more rows than `max_rows`.
    """
    _require_schema(outcome, rule)  # 1
    reached = {owner: units >= rule.min_group for owner, units in outcome.units.items()}  # 2
    if outcome.withheld or not reached or not all(reached.values()):
        return tuple(_suppressed(rule, recipient, reached) for recipient in rule.recipients)
    lines = len(outcome.unit)
    if lines > rule.max_rows:  # 4
        raise OutputTooLarge(f"output {rule.output!r} has more than {rule.max_rows} rows")
    return tuple(
        Released(
            rule.output,
            recipient,
            _view(outcome, rule, recipient),
            suppressed=False,
            rows=lines,
            reached=reached,
            max_bytes=rule.max_bytes,
        )
        for recipient in rule.recipients
    )


def _require_schema(outcome: Outcome, rule: Rule) -> None:
    names = [column.name for column in rule.columns]
    if sorted(outcome.sources) != sorted(names) or sorted(outcome.positions) != sorted(names):
        raise failed(Reason.SCHEMA)
    for column in rule.columns:
        if plain(outcome.sources[column.name].slice(0, 0)).type != column.type:
            raise failed(Reason.SCHEMA)
        if len(outcome.positions[column.name]) != len(outcome.unit):
            raise failed(Reason.SCHEMA)


def _suppressed(rule: Rule, recipient: str, reached: Mapping[str, bool]) -> Released:
    rows = 1 if rule.aggregate else 0
    columns = [pa.nulls(rows, _type_for(column, recipient)) for column in rule.columns]
    table = pa.table(columns, names=[column.name for column in rule.columns])
    return Released(rule.output, recipient, table, True, rows, reached, rule.max_bytes)


def _type_for(column: OutputColumn, recipient: str) -> pa.DataType:
    hidden = column.identity and column.owner != recipient
    return pa.large_string() if hidden else column.type


def _view(outcome: Outcome, rule: Rule, recipient: str) -> pa.Table:
    """Steps 3, 5 and 6: the table that this recipient, and nobody else, gets."""
    order = outcome.order.get(recipient)
    hides = any(column.identity and column.owner != recipient for column in rule.columns)
    pseudonyms = Pseudonyms.draw(outcome.unit if hides or order is None else outcome.unit[:0])
    place = pseudonyms.shuffle() if order is None else _sorting(order)
    columns: list[pa.Array | pa.ChunkedArray] = []
    for column in rule.columns:
        if column.identity and column.owner != recipient:
            columns.append(pseudonyms.texts(place))
            continue
        positions = outcome.positions[column.name]
        chosen = positions if place is None else positions[place]
        source = outcome.sources[column.name]
        if column.count:
            source = _rounded(source, rule.round_to)
        if column.decimals is not None:
            source = pc.round(source, column.decimals)
        columns.append(rebuild(source, chosen, column.type))
    return pa.table(columns, names=[column.name for column in rule.columns])


def _sorting(order: np.ndarray) -> np.ndarray | None:
    """The permutation that sorts, or None where nothing moves."""
    if bool((order[1:] >= order[:-1]).all()):
        return None
    return np.argsort(order, kind="stable")


def _rounded(counts: pa.ChunkedArray, step: int) -> pa.ChunkedArray:
    """The nearest multiples of `step`; half goes up."""
    rounded = [(count.as_py() + step // 2) // step * step for count in counts]
    return pa.chunked_array([pa.array(rounded, counts.type)])


def released_for(recipient: str, results: Sequence[Released]) -> tuple[Released, ...]:
    """Those of `results` that `recipient` may receive."""
    return tuple(result for result in results if result.recipient == recipient)
