"""What a receipt says, as an in-toto Statement v1: its predicate, its parts, its subjects.

Only shapes: who signs it and what proves it is the business of `receipt`.
"""

from typing import Annotated, Final, Literal

from pydantic import Field

from cleanroom.attestation.claims import Assurance
from cleanroom.attestation.claims.revocation import is_unknown
from cleanroom.attestation.evidence import is_empty
from cleanroom.encoding import DatasetName, Digest, Instant, Name, Record
from cleanroom.ledger.entry import Instance, OutputRecord, RunId
from cleanroom.ledger.loss import Loss
from cleanroom.manifest.choices import Choice
from cleanroom.manifest.model import Lineage
from cleanroom.protocol.work import Check

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "https://cleanroom.dev/receipt/v1"


class SubjectDigest(Record):
    """A digest in in-toto's form."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Subject(Record):
    """One sealed output."""

    name: str
    """`<output>/<recipient>`."""
    digest: SubjectDigest


class WorkerPart(Record):
    """One worker of the run."""

    instance: Instance
    join: Digest
    """Of the worker's join, which travels with the receipt."""
    reattested: Digest | None = Field(default=None, exclude_if=is_unknown)
    """Of what it showed last, if it was asked since it joined; travels with the receipt."""
    policy: Name
    """The attestation entry that held."""
    result: Digest
    """Of the attestation result of its newest evidence, which travels with the receipt."""
    preflight: list[Check]
    """What the node checked about itself before the run; empty for the process engine."""


class InputPart(Record):
    """One input of the run."""

    dataset: DatasetName
    owner: Name
    version: Digest
    columns: list[str]
    """What the workers could decrypt."""


class BudgetPart(Record):
    """What the run spent of one dataset's privacy budget."""

    limit: Loss
    """The whole budget, as the manifest says."""
    before: Loss
    """What other runs had spent when this one was released; what they had reserved is not in it."""
    spent: Loss
    """What this run cost."""
    after: Loss
    """Both together."""


class Predicate(Record):
    """What the receipt says."""

    lineage: Lineage
    manifest: Digest
    approvals: Digest
    """Digest over all approvals of the manifest."""
    run: RunId
    computation: Name
    submitter: Name
    request: Digest
    """Of the signed request's envelope."""
    parameters: dict[Name, Choice]
    engine: Literal["process", "ray"]
    inputs: dict[Name, InputPart]
    workers: list[WorkerPart] = Field(min_length=1)
    lost: list[list[WorkerPart]] = Field(default=[], exclude_if=is_empty)
    """Gangs that the run had before, each until it lost a worker, oldest first; what their
    evidence was is in the log, by digest."""
    outputs: list[OutputRecord] = Field(min_length=1)
    submitted_at: Instant
    released_at: Instant
    runs_used: int = Field(ge=1)
    """Of the computation's `max_runs`, this one included."""
    runs_allowed: int = Field(ge=1)
    """The computation's `max_runs`."""
    budgets: dict[Name, BudgetPart]
    """By dataset: each that the run read and that has a budget, if its results have noise."""
    assurance: Assurance
    """`simulated` when any platform of this run was."""


class InTotoStatement(Record):
    """The in-toto Statement v1 around the predicate."""

    type_: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: list[Subject] = Field(min_length=1)
    predicate_type: Literal["https://cleanroom.dev/receipt/v1"] = Field(alias="predicateType")
    predicate: Predicate


def compose(predicate: Predicate) -> InTotoStatement:
    """The in-toto Statement for a predicate; its subjects are the sealed outputs."""
    subjects = [
        Subject(
            name=f"{output.output}/{output.recipient}",
            digest=SubjectDigest(sha256=output.digest.removeprefix("sha256:")),
        )
        for output in predicate.outputs
    ]
    return InTotoStatement(
        type_=STATEMENT_TYPE,
        subject=subjects,
        predicate_type=PREDICATE_TYPE,
        predicate=predicate,
    )
