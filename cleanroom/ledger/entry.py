"""The entries of the log: one closed shape for each thing that can happen in a room.

Entries name bytes by digest and people by their identifiers in the manifest. They hold no key, no
row and no free text, and no count but that of rows a model was asked for, so every party may read
all of them.
"""

from typing import Annotated, Literal

from pydantic import Field

from cleanroom.encoding import Bytes, DatasetName, Digest, Instant, Name, Record
from cleanroom.ledger.loss import Loss

Instance = Annotated[str, Field(pattern=r"^w-[0-9a-f]{16}$")]
"""A worker's name, given by the coordinator when it was admitted."""
RunId = Annotated[str, Field(pattern=r"^r-[0-9a-f]{16}$")]
"""A run's name, given by the coordinator when it was submitted."""
ErrorCode = Annotated[str, Field(pattern=r"^CR-[0-9]{4}$")]
"""A code of the error tree; never a text."""


class Booted(Record):
    """The coordinator started, with this key to sign heads and receipts."""

    kind: Literal["booted"] = "booted"
    sign_key: Bytes
    """Raw Ed25519 public key, 32 bytes."""
    epoch: int = Field(ge=1)
    """Counts the starts of this room's coordinator."""


class ManifestProposed(Record):
    """A party brought a manifest."""

    kind: Literal["manifest-proposed"] = "manifest-proposed"
    manifest: Digest
    version: int = Field(ge=1)


class ManifestApproved(Record):
    """A party's approval was accepted."""

    kind: Literal["manifest-approved"] = "manifest-approved"
    manifest: Digest
    party: Name
    approval: Digest
    """Digest of the approval's envelope."""


class ManifestActivated(Record):
    """Every needed approval is there: the manifest is in force."""

    kind: Literal["manifest-activated"] = "manifest-activated"
    manifest: Digest


class DatasetAdded(Record):
    """An owner added a version of a dataset."""

    kind: Literal["dataset-added"] = "dataset-added"
    dataset: DatasetName
    owner: Name
    version: Digest
    """Digest of the signed version record."""


class WorkerAdmitted(Record):
    """A worker proved what it is and got a lease."""

    kind: Literal["worker-admitted"] = "worker-admitted"
    instance: Instance
    role: Name
    policy: Name
    """The attestation entry that held."""
    join: Digest
    """Digest of the worker's join record, which contains its evidence."""
    result: Digest
    """Digest of the attestation result, which lists every finding."""


class WorkerReattested(Record):
    """A worker showed fresh evidence for the keys it joined with."""

    kind: Literal["worker-reattested"] = "worker-reattested"
    instance: Instance
    policy: Name
    """The attestation entry that held."""
    reattested: Digest
    """Digest of what it showed, which contains its evidence."""
    result: Digest
    """Digest of the attestation result, which lists every finding."""


class WorkerLeft(Record):
    """A worker's lease ended."""

    kind: Literal["worker-left"] = "worker-left"
    instance: Instance


class RunSubmitted(Record):
    """A party asked for a run and may have it."""

    kind: Literal["run-submitted"] = "run-submitted"
    run: RunId
    computation: Name
    submitter: Name
    request: Digest
    """Digest of the signed request's envelope."""


class _OfBudget(Record):
    run: RunId
    losses: dict[Name, Loss] = Field(min_length=1)
    """By dataset, for each one with a budget that the run reads."""


class BudgetReserved(_OfBudget):
    """A run may cost so much of its datasets' privacy budgets: nobody else can have it."""

    kind: Literal["budget-reserved"] = "budget-reserved"


class BudgetSpent(_OfBudget):
    """What a run had reserved is gone for ever: its results are released, or its keys had left."""

    kind: Literal["budget-spent"] = "budget-spent"


class BudgetVoided(_OfBudget):
    """What a run had reserved is free again: it ended before any key was granted."""

    kind: Literal["budget-voided"] = "budget-voided"


class KeysGranted(Record):
    """Workers get the keys of this run: one use of each limit is spent."""

    kind: Literal["keys-granted"] = "keys-granted"
    run: RunId
    workers: list[Instance] = Field(min_length=1)
    versions: dict[Name, Digest]
    """Input name to the dataset version whose key is granted."""


class GangLost(Record):
    """A run lost a worker of its gang and waits for another gang; its use stays spent, once."""

    kind: Literal["gang-lost"] = "gang-lost"
    run: RunId
    workers: list[Instance] = Field(min_length=1)
    """The whole gang: none of it works for the run any more, and whatever it reports is refused."""
    snapshot: Digest | None = Field(default=None, exclude_if=lambda kept: kept is None)
    """Of the sealed bytes from which the next gang goes on; null if it begins anew."""


class RowsGranted(Record):
    """A prediction takes so many rows off its submitter's budget.

    The one entry that says a number of rows: whoever owns a model may see how much it was asked.
    """

    kind: Literal["rows-granted"] = "rows-granted"
    run: RunId
    computation: Name
    submitter: Name
    rows: int = Field(ge=1)
    """Rows of the version that is scored, whether or not they match in a join."""
    spent: int = Field(ge=1)
    """What this submitter has spent with it, of `max_rows_per_submitter`."""


class OutputRecord(Record):
    """One sealed output for one recipient."""

    output: Name
    recipient: Name
    digest: Digest
    """Of the sealed bytes."""
    size: int = Field(ge=0)
    """Of the sealed bytes, in bytes."""
    suppressed: bool
    """Whether the gate withheld the result: the file says so and holds no row."""


class RunReleased(Record):
    """A result passed both gates; its keys may go to the recipients."""

    kind: Literal["run-released"] = "run-released"
    run: RunId
    outputs: list[OutputRecord] = Field(min_length=1)
    report: Digest
    """Digest of the worker's signed message that delivered the outputs."""
    receipt: Digest
    """Digest of the receipt's in-toto statement."""


class RunEnded(Record):
    """A run ended without a result."""

    kind: Literal["run-ended"] = "run-ended"
    run: RunId
    code: ErrorCode


Content = Annotated[
    Booted
    | ManifestProposed
    | ManifestApproved
    | ManifestActivated
    | DatasetAdded
    | WorkerAdmitted
    | WorkerReattested
    | WorkerLeft
    | RunSubmitted
    | BudgetReserved
    | BudgetSpent
    | BudgetVoided
    | KeysGranted
    | GangLost
    | RowsGranted
    | RunReleased
    | RunEnded,
    Field(discriminator="kind"),
]
"""What an entry says."""


class Entry(Record):
    """One leaf of the log."""

    sequence: int = Field(ge=0)
    """Its index in the log, from 0."""
    at: Instant
    """The room's clock when it was written; never earlier than the entry before."""
    content: Content
    """What happened."""
