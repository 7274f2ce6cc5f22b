"""Filling a model card: from a verified receipt, the manifest in it, and the results of one party.

Nothing is asked of the room. What the party did not receive, or the gate withheld, is not there.
"""

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from cleanroom.client.card import (
    CardColumn,
    CardInput,
    CardMetric,
    CardModel,
    CardOutput,
    CardPoint,
    CardReceipt,
    CardShare,
    ModelCard,
)
from cleanroom.client.points import COLUMNS as POINT_COLUMNS
from cleanroom.encoding import content_digest
from cleanroom.errors import Usage
from cleanroom.manifest.model import AnyTraining, Manifest, Training
from cleanroom.manifest.rules import WARNINGS, warnings
from cleanroom.manifest.words import learned
from cleanroom.protocol.predicate import Predicate

if TYPE_CHECKING:
    from cleanroom.client.results import Result

APART = ("op", "inputs", "outputs", "submitters", "on")
"""What of a computation stands in fields of its own."""
ABOUT_THE_ROOM = (warnings.simulated, warnings.any_host, warnings.no_witnesses)
"""Warnings that hold for every computation."""
NOT_PROVEN = (
    "that the columns hold what their names say: each owner answers for its own rows",
    "that the model is fair, lawful or fit for any purpose",
    "that the model does as well on other units, or later",
    "that nothing about a row can be told from the model: only noise limits that",
)
"""Nobody vouches for these, whatever the machines."""
SIMULATED = "anything about machines: they were simulated, and whoever ran them could read all rows"


def model_card(results: "Sequence[Result]") -> ModelCard:
    """The card of one training.

    Args:
        results: of one run, for one party; what is not among them is left out.

    Raises:
        Usage: they are not of one run, or it was no training.
    """
    claimed = results[0].receipt.claimed
    manifest = Manifest.from_bytes(results[0].receipt.record.statement.manifest or b"")
    training = training_of(manifest, claimed.computation)
    runs = sorted({result.run for result in results})
    if len(runs) != 1:
        raise Usage(f"the results are of runs {runs}, expected one")
    metadata = manifest.metadata
    card = ModelCard(
        room=metadata.name,
        purpose=metadata.purpose,
        lineage=str(metadata.lineage),
        manifest=manifest.digest,
        version=metadata.version,
        mode=metadata.mode,
        parties={name: party.name for name, party in manifest.parties.items()},
        run=claimed.run,
        computation=claimed.computation,
        operation=training.op,
        submitter=claimed.submitter,
        told_to=results[0].recipient,
        parameters=claimed.parameters,
        settings=_flat({k: v for k, v in training.to_plain().items() if k not in APART}),
        on=training.on,
        inputs={
            name: CardInput(dataset=part.dataset, owner=part.owner, version=part.version)
            for name, part in claimed.inputs.items()
        },
        columns=list(_columns(manifest, training)),
        outputs=list(_outputs(manifest, claimed)),
        budgets=claimed.budgets,
        unprotected=_unprotected(manifest, claimed.computation),
        not_proven=[*NOT_PROVEN, *([SIMULATED] if claimed.assurance == "simulated" else [])],
        receipt=_receipt(claimed, results[0].receipt.record.envelope.payload),
        metrics=[],
        points=[],
        importance=[],
        model=None,
    )
    return functools.reduce(_told, results, card)


def training_of(manifest: Manifest, computation: str) -> AnyTraining:
    """The training of this name.

    Raises:
        Usage: it is another operation.
    """
    found = manifest.computations[computation]
    if not isinstance(found, AnyTraining):
        raise Usage(f"{computation!r} is {found.op}, expected a training: others have no card")
    return found


def _columns(manifest: Manifest, training: Training) -> Iterator[CardColumn]:
    for name, read in training.inputs.items():
        dataset = manifest.datasets[read.dataset]
        for column in dataset.columns:
            if column.name in read.columns:
                yield CardColumn(
                    input=name,
                    dataset=read.dataset,
                    owner=dataset.owner,
                    column=column.name,
                    role=column.role,
                    type=column.type,
                    values=column.values,
                    bounds=None if column.bounds is None else list(column.bounds),
                )


def _outputs(manifest: Manifest, claimed: Predicate) -> Iterator[CardOutput]:
    rules = manifest.computations[claimed.computation].outputs
    for sealed in claimed.outputs:
        terms = rules[sealed.output].to_plain()
        kind = terms.pop("kind", "")
        terms.pop("recipients", None)
        yield CardOutput(
            output=sealed.output,
            kind=str(kind),
            recipient=sealed.recipient,
            digest=sealed.digest,
            withheld=sealed.suppressed,
            terms=_flat(terms),
            words=learned(manifest, claimed.computation, sealed.output, sealed.recipient),
        )


def _unprotected(manifest: Manifest, computation: str) -> list[str]:
    """Warnings about the room as a whole, and about this computation."""
    return [
        problem.message
        for rule in WARNINGS
        for problem in rule(manifest)
        if rule in ABOUT_THE_ROOM or problem.where.startswith(f"computations.{computation}.")
    ]


def _receipt(claimed: Predicate, payload: bytes) -> CardReceipt:
    simulated = " --allow-simulated" if claimed.assurance == "simulated" else ""
    return CardReceipt(
        payload=content_digest(payload),
        approvals=claimed.approvals,
        engine=claimed.engine,
        assurance=claimed.assurance,
        workers=len(claimed.workers),
        runs_used=claimed.runs_used,
        runs_allowed=claimed.runs_allowed,
        submitted_at=claimed.submitted_at,
        released_at=claimed.released_at,
        verify=f"cleanroom receipt verify {claimed.run}.receipt.json{simulated}",
    )


def _told(card: ModelCard, result: "Result") -> ModelCard:
    """The card with the numbers of one more output, unless it was withheld."""
    table = result.table
    match [] if result.suppressed else table.column_names:
        case ["metric", "value"] | ["owners", "metric", "value"]:
            metrics = [
                CardMetric(owners=owners, metric=metric, value=value)
                for owners, told in result.comparison.items()
                for metric, value in told.items()
            ]
            return card.model_copy(update={"metrics": metrics})
        case ["owner", "column", "share"]:
            shares = [CardShare(**row) for row in table.to_pylist()]
            return card.model_copy(update={"importance": shares})
        case ["description", "booster"]:
            return card.model_copy(update={"model": _model(table.to_pylist()[0])})
        case names if names == POINT_COLUMNS:
            points = [CardPoint.model_validate(row) for row in table.to_pylist()]
            return card.model_copy(update={"points": points})
        case _:
            return card


def _model(row: Mapping[str, str | bytes]) -> CardModel:
    description, booster = str(row["description"]), bytes(row["booster"])  # type: ignore[arg-type]
    return CardModel(
        description=content_digest(description.encode()),
        booster=content_digest(booster) if booster else None,
    )


def _flat(plain: Mapping[str, object], before: str = "") -> dict[str, str]:
    """Plain JSON values by their path, as words."""
    found: dict[str, str] = {}
    for name, value in plain.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{before}{name}.")
        elif isinstance(value, list):
            found[f"{before}{name}"] = ", ".join(str(each) for each in value)
        elif value is not None:
            found[f"{before}{name}"] = str(value).lower() if isinstance(value, bool) else str(value)
    return found
