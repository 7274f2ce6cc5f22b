"""The closed table of operations, and the steps in which any engine walks one of them.

    plan = operations[computation.op].plan(computation, datasets, parameters)
    key_table → partition                     each input, or each block of it
    operation.match(plan, tables, secret)     each partition; tasks may be retried
    operation.combine(plan, parts)            once, all partitions together
    operation.outcomes(plan, found, payload)  once, with the columns of `InputPlan.payload`
    release(outcome, rule) → encode           once for each output

Everything between the steps is an Arrow table. Nothing is looked up by import path: an operation
that is not in the table does not exist.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

import numpy as np
import pyarrow as pa

from cleanroom.errors import RunRefused
from cleanroom.manifest.choices import Choice
from cleanroom.manifest.model import AnyComputation, AnyDataset, IntersectCount, IntersectRows
from enclave.computations.failure import Reason, value_free
from enclave.computations.intersect import intersect
from enclave.computations.matches import UNIT, combine_lines, lines, place
from enclave.computations.plan import Plan, plan_count, plan_rows
from enclave.computations.prediction.operation import Score
from enclave.computations.privacy.counts import noisy_count
from enclave.computations.release import Outcome, Rule
from enclave.computations.training.operation import Train


class Operation(Protocol):
    """What an engine needs to run one operation over any number of partitions."""

    def plan(
        self,
        computation: AnyComputation,
        datasets: Mapping[str, AnyDataset],
        parameters: Mapping[str, Choice],
    ) -> Plan:
        """Read off the manifest what a run needs."""
        ...

    def match(self, plan: Plan, inputs: Sequence[pa.Table], secret: bytes) -> pa.Table:
        """The part of the result that one partition of all inputs gives; a pure function."""
        ...

    def combine(self, plan: Plan, parts: Sequence[pa.Table]) -> pa.Table:
        """What all partitions together give, the same for every partitioning."""
        ...

    def outcomes(
        self, plan: Plan, found: pa.Table, payload: Mapping[str, pa.Table]
    ) -> tuple[tuple[Rule, Outcome], ...]:
        """What was found for each output, ready for the gate.

        Args:
            plan: the run's plan.
            found: what `combine` returned.
            payload: for each input with `InputPlan.payload`, those columns, all rows in order; of
                a model its bytes, in one row.
        """
        ...


class Count:
    """`intersect.count`: how many units are in every input."""

    def plan(
        self,
        computation: AnyComputation,
        datasets: Mapping[str, AnyDataset],
        parameters: Mapping[str, Choice],
    ) -> Plan:
        """See `Operation.plan`."""
        if not isinstance(computation, IntersectCount):
            raise RunRefused("the computation is not intersect.count")
        return plan_count(computation, datasets, parameters)

    def match(self, plan: Plan, inputs: Sequence[pa.Table], secret: bytes) -> pa.Table:
        """One line: the number of shared units of this partition."""
        del plan
        return pa.table({UNIT: pa.array([intersect(inputs, secret).units], pa.int64())})

    def combine(self, plan: Plan, parts: Sequence[pa.Table]) -> pa.Table:
        """Counts add up: a unit is in one partition only."""
        del plan
        total = sum(part.column(UNIT)[0].as_py() for part in parts)
        return pa.table({UNIT: pa.array([total], pa.int64())})

    def outcomes(
        self, plan: Plan, found: pa.Table, payload: Mapping[str, pa.Table]
    ) -> tuple[tuple[Rule, Outcome], ...]:
        """The count, which every owner's units contribute to alike; noisy where it must be."""
        del payload
        units = int(found.column(UNIT)[0].as_py())
        return tuple((rule, _counted(plan, rule, units)) for rule in plan.rules)


def _counted(plan: Plan, rule: Rule, units: int) -> Outcome:
    noise = plan.noise.get(rule.output)
    told = units if noise is None else noisy_count(units, noise)
    line = np.zeros(1, dtype=np.int64)
    return Outcome(
        units={planned.owner: told for planned in plan.inputs},
        unit=line,
        sources={"overlap": pa.chunked_array([pa.array([told], pa.int64())])},
        positions={"overlap": line},
        order={},
    )


class Rows:
    """`intersect.rows`: the rows of the units that are in every input."""

    def plan(
        self,
        computation: AnyComputation,
        datasets: Mapping[str, AnyDataset],
        parameters: Mapping[str, Choice],
    ) -> Plan:
        """See `Operation.plan`."""
        if not isinstance(computation, IntersectRows):
            raise RunRefused("the computation is not intersect.rows")
        return plan_rows(computation, datasets, parameters)

    def match(self, plan: Plan, inputs: Sequence[pa.Table], secret: bytes) -> pa.Table:
        """The lines of this partition, in the order of the first input's rows."""
        return lines(intersect(inputs, secret), inputs, plan.duplicates, plan.most)

    def combine(self, plan: Plan, parts: Sequence[pa.Table]) -> pa.Table:
        """All lines in the order of the first input's rows, and no more than may be released."""
        return combine_lines(parts).slice(0, plan.most)

    @value_free(Reason.ROWS)
    def outcomes(
        self, plan: Plan, found: pa.Table, payload: Mapping[str, pa.Table]
    ) -> tuple[tuple[Rule, Outcome], ...]:
        """The lines with the columns of each output."""
        unit = found.column(UNIT).to_numpy()
        distinct = _distinct(unit)
        rows = {
            planned.name: found.column(place(number)).to_numpy()
            for number, planned in enumerate(plan.inputs)
        }
        # reversed: the first of several inputs of one owner gives the order
        order = {planned.owner: rows[planned.name] for planned in reversed(plan.inputs)}
        planned_outcomes = []
        for rule in plan.rules:
            sources, positions = {}, {}
            for column in rule.columns:
                source, _, name = column.name.partition(".")
                sources[column.name] = payload[source].column(name)
                positions[column.name] = rows[source]
            units = {planned.owner: distinct for planned in plan.inputs}
            planned_outcomes.append((rule, Outcome(units, unit, sources, positions, order)))
        return tuple(planned_outcomes)


def _distinct(unit: np.ndarray) -> int:
    """How many different units there are; lines of one row each are counted at a glance."""
    if bool((unit[1:] > unit[:-1]).all()):
        return len(unit)
    return len(np.unique(unit))


operations: Mapping[str, Operation] = MappingProxyType(
    {
        "intersect.count": Count(),
        "intersect.rows": Rows(),
        "train.linear": Train(),
        "train.gbdt": Train(),
        "train.torch": Train(),
        "predict": Score(),
        "evaluate": Score(),
    }
)
"""Every operation there is, by its `op`."""
