"""A gang without a network: shards beside each other in this process, cut as a run cuts them."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from cleanroom.manifest.model import Manifest
from enclave.computations.keys import key_table
from enclave.computations.registry import operations
from enclave.computations.release import release
from enclave.computations.training import spread, steps
from enclave.computations.training.operation import Train
from enclave.computations.training.seen import Fit
from tests.support.manifests import changed
from tests.support.trainings import Trained


@dataclass
class Beside:
    """Shards in one process."""

    shards: list[steps.Shard]

    def grow(self, *_given: Any) -> spread.Growth:
        raise NotImplementedError("only workers have a tunnel")

    def ask(self, step: str, *given: Any) -> list[Any]:
        return [steps.take_step(shard, step, given) for shard in self.shards]


def train_spread(
    plain: dict[str, Any],
    tables: Mapping[str, pa.Table],
    fit: Fit[spread.Spread],
    workers: int,
    parameters: Mapping[str, int] | None = None,
    **changes: Any,
) -> Trained:
    """As `trainings.train`, over so many shards."""
    manifest = Manifest.from_plain(changed(plain, **changes))
    computation = manifest.computations["model"]
    operation = operations[computation.op]
    plan = operation.plan(computation, manifest.datasets, parameters or {})
    assert isinstance(operation, Train)
    assert plan.lesson is not None
    keys = [key_table(tables[planned.name], planned.keys) for planned in plan.inputs]
    found = operation.combine(plan, [operation.match(plan, keys, secrets.token_bytes(32))])
    shares, seen_by = spread.spread(plan, plan.lesson, found, workers)
    for planned in plan.inputs:
        spread.require_lawful_rows(plan.lesson, planned.name, tables[planned.name])
    gang = Beside(
        [spread.shard_of(plan, plan.lesson, one, taken(plan, one, tables)) for one in shares]
    )
    outcomes = operation.taught(plan, plan.lesson, seen_by(gang), fit)
    return Trained(
        manifest, tuple(one for rule, outcome in outcomes for one in release(outcome, rule))
    )


def taken(plan, share, tables):
    """The rows that a share wants of each input."""
    return {
        planned.name: tables[planned.name]
        .select(list(planned.payload))
        .take(pa.array(share.wanted(number)))
        for number, planned in enumerate(plan.inputs)
    }
