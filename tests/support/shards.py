"""A gang without a network: shards beside each other in this process, cut as a run cuts them."""

import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from cleanroom.manifest.model import Manifest
from enclave.computations.keys import key_table
from enclave.computations.plan import Lesson, Plan
from enclave.computations.registry import operations
from enclave.computations.release import release
from enclave.computations.training import spread, steps
from enclave.computations.training.operation import Train
from enclave.computations.training.rounds import AfterRound
from enclave.computations.training.seen import Fit
from tests.support.manifests import changed
from tests.support.ranks import Ranks, grown_by, heard
from tests.support.seclusion import require_seclusion
from tests.support.trainings import Trained


@dataclass
class Beside:
    """Shards in one process."""

    shards: list[steps.Shard]

    def grow(
        self, growth: spread.Growth, look: steps.Look, after_round: AfterRound
    ) -> spread.Growth:
        """Every rank in a process of its own, in the gang's own network."""
        require_seclusion()
        with tempfile.TemporaryDirectory() as directory:
            ranks = Ranks(len(self.shards), Path(directory))
            with grown_by(ranks, growth, [steps.view(each, look) for each in self.shards]) as made:
                lead, *_ = heard(made)
        for one in lead:
            after_round(one.done, {})
        measured = tuple(each for one in lead for each in one.measured)
        return replace(growth, trees=lead[-1].trees, done=lead[-1].done, measured=measured)

    def ask(self, look: steps.Look, step: str, *given: Any) -> list[Any]:
        return [steps.take_step(shard, look, step, given) for shard in self.shards]


@dataclass(frozen=True)
class Spreading:
    """A training whose rows are cut, as its driver has it."""

    manifest: Manifest
    operation: Train
    plan: Plan
    lesson: Lesson
    found: pa.Table
    """The lines of the join."""
    seen: spread.Spread


def spreading(
    plain: dict[str, Any],
    tables: Mapping[str, pa.Table],
    workers: int,
    parameters: Mapping[str, int] | None = None,
) -> Spreading:
    """Join, cut, and load the shards."""
    manifest = Manifest.from_plain(plain)
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
    return Spreading(manifest, operation, plan, plan.lesson, found, seen_by(gang))


def train_spread(
    plain: dict[str, Any],
    tables: Mapping[str, pa.Table],
    fit: Fit[spread.Spread],
    workers: int,
    parameters: Mapping[str, int] | None = None,
    **changes: Any,
) -> Trained:
    """As `trainings.train`, over so many shards."""
    cut = spreading(changed(plain, **changes), tables, workers, parameters)
    outcomes = cut.operation.taught(cut.plan, cut.lesson, cut.seen, fit)
    return Trained(
        cut.manifest, tuple(one for rule, outcome in outcomes for one in release(outcome, rule))
    )


def taken(plan, share, tables):
    """The rows that a share wants of each input."""
    return {
        planned.name: tables[planned.name]
        .select(list(planned.payload))
        .take(pa.array(share.wanted(number)))
        for number, planned in enumerate(plan.inputs)
    }
