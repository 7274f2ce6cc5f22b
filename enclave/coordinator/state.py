"""What a room is at one moment: frozen values and questions about them, no decisions.

Only `room.step` makes a new state. Data keys are here as sealed bytes only.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from cleanroom.attestation.result import AttestationResult
from cleanroom.crypto.envelope import Envelope
from cleanroom.encoding import instant_text
from cleanroom.errors import (
    ApprovalMissing,
    CallerRefused,
    ReferenceValuesRefused,
    RunUnknown,
)
from cleanroom.ledger.budget import Balance
from cleanroom.manifest.approval import ApprovedManifest
from cleanroom.manifest.checks import in_force
from cleanroom.manifest.choices import Choice
from cleanroom.manifest.genesis import Genesis
from cleanroom.manifest.model import AnyComputation, Manifest
from cleanroom.manifest.words import owners
from cleanroom.protocol.dataset import DatasetVersion
from cleanroom.protocol.join import Join
from cleanroom.protocol.predicate import BudgetPart
from cleanroom.protocol.reattestation import Reattested
from cleanroom.protocol.run import FINAL, Delivery, Phase, RunRequest
from cleanroom.protocol.snapshot import Snapshot
from cleanroom.protocol.statement import RoomPhase
from cleanroom.protocol.work import Check, Equipped, SealedOutput


@dataclass(frozen=True, slots=True)
class HeldVersion:
    """A dataset version that was accepted."""

    version: DatasetVersion
    signed: Envelope
    """The same, as its owner signed it: workers check that themselves."""
    digest: str
    """Of the version's record."""
    sealed_key: bytes
    """The data key, sealed to this coordinator."""
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker that was admitted and has not left."""

    instance: str
    join: Join
    result: AttestationResult
    """How its newest evidence was appraised."""
    attested_at: datetime
    """When that was."""
    reattested: Reattested | None = None
    """What it showed last, if it was asked since it joined."""
    asked: bytes | None = None
    """The nonce that it has not answered yet."""
    run: str | None = None
    """The run whose gang it is in."""


@dataclass(frozen=True, slots=True)
class LostGang:
    """A gang that a run had until it lost one of its workers."""

    workers: tuple[Worker, ...]
    """As they were then; the first was the head."""
    ready: Mapping[str, tuple[Check, ...]]
    """By worker."""
    rounds: int
    """Rounds of trees from which the next gang goes on."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run, from its submission on."""

    name: str
    request: RunRequest
    envelope: str
    """Digest of the signed request's envelope."""
    computation: AnyComputation
    parameters: Mapping[str, Choice]
    """Complete: defaults are filled in."""
    versions: Mapping[str, str]
    """Input name to dataset version, chosen at submission."""
    submitted_at: datetime
    deadline: datetime
    phase: Phase
    code: str | None = None
    """Why it ended without a result."""
    gang: tuple[Worker, ...] = ()
    """Its workers as they were chosen; the first is the head."""
    equipped: Mapping[str, Equipped] = field(default_factory=dict)
    """By worker."""
    ready: Mapping[str, tuple[Check, ...]] = field(default_factory=dict)
    """By worker."""
    earlier: tuple[LostGang, ...] = ()
    """The gangs that it had before, oldest first."""
    snapshot: Snapshot | None = None
    """What another gang would go on from, its key sealed to this coordinator."""
    scored: int = 0
    """Rows that count against its submitter's budget; 0 where nothing is scored."""
    use: int = 0
    """Which of the computation's `max_runs` it is; 0 until its keys were granted."""
    report: str = ""
    """Digest of the message that reported the outputs; empty before."""
    outputs: tuple[SealedOutput, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    kept: tuple[Envelope, ...] = ()
    """Signed versions that its models become once it is released."""
    budgets: Mapping[str, BudgetPart] = field(default_factory=dict)
    """What its receipt says of each budget that it spent from; empty before its release."""

    @property
    def granted(self) -> bool:
        """Whether its keys may have left: then its use of the limits is spent."""
        return self.use > 0

    @property
    def over(self) -> bool:
        """Whether its phase is final."""
        return self.phase in FINAL

    @property
    def engine(self) -> Literal["process", "ray"]:
        """What runs it: one process, or a Ray cluster of its own."""
        return "process" if self.computation.workers.count == 1 else "ray"

    @property
    def datasets(self) -> tuple[str, ...]:
        """What it reads."""
        return tuple(read.dataset for read in self.computation.reads.values())

    def member(self, instance: str) -> Worker:
        """The worker of its gang.

        Raises:
            CallerRefused: it is not in the gang.
        """
        for worker in self.gang:
            if worker.instance == instance:
                return worker
        raise CallerRefused(f"worker {instance} is not in the gang of run {self.name}")


@dataclass(frozen=True, slots=True)
class Room:
    """Everything that decides what may happen next."""

    genesis: Genesis
    at: datetime
    """The time of the last event."""
    epoch: int = 0
    """How often the coordinator started."""
    size: int = 0
    """Entries in the log."""
    manifest: Manifest | None = None
    envelopes: Mapping[str, Envelope] = field(default_factory=dict)
    """The approval of each party that counted when it came."""
    approved: ApprovedManifest | None = None
    consent_until: datetime | None = None
    """When the first of the approvals ends; None until all are there."""
    reference_values: tuple[Envelope, ...] = ()
    """What builders signed about the images that the manifest names."""
    images_until: datetime | None = None
    """When the first of those statements ends; None where the manifest names none."""
    versions: Mapping[str, HeldVersion] = field(default_factory=dict)
    """By digest, oldest first."""
    workers: Mapping[str, Worker] = field(default_factory=dict)
    """By instance, in the order of their admission."""
    runs: Mapping[str, Run] = field(default_factory=dict)
    """By name, oldest first."""
    live: tuple[str, ...] = ()
    """Runs whose phase is not final, oldest first."""
    requests: Mapping[tuple[str, bytes], str] = field(default_factory=dict)
    """Submitter and idempotency key to run."""
    runs_granted: Mapping[str, int] = field(default_factory=dict)
    """Uses that are spent, by computation."""
    releases_granted: Mapping[str, int] = field(default_factory=dict)
    """Uses that are spent, by dataset."""
    balance: Balance = field(default_factory=Balance)
    """What was taken from the privacy budgets, as the log says."""
    rows_granted: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """Scored rows that are spent, by computation and submitter."""

    @property
    def ends_at(self) -> datetime | None:
        """When consent or what builders signed ends, whichever is first; None until consent."""
        if self.consent_until is None:
            return None
        return min(self.consent_until, self.images_until or self.consent_until)

    def phase_at(self, now: datetime) -> RoomPhase:
        """Whether the room waits, has a proposal, or is active; what ended does not count."""
        if self.manifest is None:
            return "waiting"
        if self.ends_at is None or now > self.ends_at:
            return "proposed"
        return "active"

    def approvals(self) -> tuple[Envelope, ...]:
        """The approvals that count, by party."""
        return tuple(self.envelopes[party] for party in sorted(self.envelopes))

    def in_force(self, now: datetime) -> ApprovedManifest:
        """The manifest that everything is checked against.

        Raises:
            ApprovalMissing: not every party has approved, or some approval has ended.
            ReferenceValuesRefused: what builders signed about an image has ended.
            ManifestOutdated: it is too early or too late.
        """
        if self.approved is None or self.consent_until is None:
            raise ApprovalMissing("no manifest is in force: not every party has approved yet")
        if now > self.consent_until:
            ended = instant_text(self.consent_until)
            raise ApprovalMissing(f"no manifest is in force: an approval ended at {ended}")
        if self.images_until is not None and now > self.images_until:
            ended = instant_text(self.images_until)
            raise ReferenceValuesRefused(
                f"no manifest is in force: reference values that it names ended at {ended}",
                hint="the parties agree on a version that names newer ones",
            )
        in_force(self.approved.manifest, now)
        return self.approved

    def agreed(self) -> Manifest:
        """The manifest that every party approved, whether or not it is in force now.

        Raises:
            ApprovalMissing: not every party has approved yet.
        """
        if self.approved is None:
            raise ApprovalMissing("no manifest is in force: not every party has approved yet")
        return self.approved.manifest

    def run(self, name: str) -> Run:
        """The run of this name.

        Raises:
            RunUnknown: there is none.
        """
        if name not in self.runs:
            raise RunUnknown("there is no such run in this room")
        return self.runs[name]

    def run_for(self, party: str, name: str) -> Run:
        """The run, for a party that may know of it: submitter, recipient or owner of an input.

        Raises:
            RunUnknown: there is none, or it is not for this party; which of both is not said.
        """
        run = self.run(name)
        if party not in self.watchers_of(run):
            raise RunUnknown("there is no such run in this room")
        return run

    def watchers_of(self, run: Run) -> frozenset[str]:
        """Parties that may know of a run."""
        recipients = {name for out in run.computation.outputs.values() for name in out.recipients}
        told = owners(self.agreed(), run.computation)
        return frozenset({run.request.submitter, *recipients, *told})

    def inputs_of(self, run: Run) -> dict[str, DatasetVersion]:
        """The dataset version behind each input of a run."""
        return {name: self.versions[digest].version for name, digest in run.versions.items()}

    def live_runs(self) -> Iterator[Run]:
        """Runs whose phase is not final, oldest first."""
        return (self.runs[name] for name in self.live)

    def uses_of(self, computation: str) -> int:
        """Runs of a computation that are spent or reserved."""
        reserved = sum(
            run.request.computation == computation and not run.granted for run in self.live_runs()
        )
        return self.runs_granted.get(computation, 0) + reserved

    def releases_of(self, dataset: str) -> int:
        """Runs that read a dataset and are spent or reserved."""
        reserved = sum(dataset in run.datasets and not run.granted for run in self.live_runs())
        return self.releases_granted.get(dataset, 0) + reserved

    def rows_of(self, computation: str, submitter: str) -> int:
        """Rows that a submitter had scored by a computation, or that are reserved for it."""
        reserved = sum(
            run.scored
            for run in self.live_runs()
            if not run.granted
            and (run.request.computation, run.request.submitter) == (computation, submitter)
        )
        return self.rows_granted.get((computation, submitter), 0) + reserved

    def free(self, role: str) -> tuple[Worker, ...]:
        """Workers of a role that are in no gang, in the order of their admission."""
        return tuple(w for w in self.workers.values() if w.join.role == role and w.run is None)
