"""A verified room in the hands of one party: `connect`, and everything a party does in it.

`connect` verifies before it returns; there is no other way to a `Room`, and each method goes
through `calls`, which verifies again after every break. A room that is not active yet answers
`status` and takes `propose`; nothing else leaves this machine before every party has approved.
"""

import os
import secrets
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from cleanroom.client.budget import Budgets
from cleanroom.client.calls import PATIENCE_S, Caller, Calls
from cleanroom.client.clock import Clock, system_clock
from cleanroom.client.collateral_files import GivenCollateral, known_collateral
from cleanroom.client.display import mimebundle
from cleanroom.client.identity import Identity
from cleanroom.client.log_view import LogView, fetch_log
from cleanroom.client.manifest_file import FILE_NAME, GivenManifest, located
from cleanroom.client.members import members
from cleanroom.client.memory import Memory
from cleanroom.client.run import Run
from cleanroom.client.signed_values import values_beside
from cleanroom.client.status import Status, VersionView, next_step
from cleanroom.client.transfer import Progress, silent
from cleanroom.client.transport import LONG_S
from cleanroom.client.verdict import Verdict, WorkerVerdict, worker_verdict
from cleanroom.crypto.envelope import Envelope
from cleanroom.errors import RunRefused, Usage
from cleanroom.manifest.choices import spelled
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.run import RunRequest, RunView, sign_request
from cleanroom.protocol.statement import RoomPhase, TrustedRoom
from cleanroom.wire.proto.cleanroom.v1 import cleanroom_pb2 as pb

if TYPE_CHECKING:
    from cleanroom.dataset.models.check import ModelReport
    from cleanroom.dataset.report import Report

REQUEST_LIFETIME = timedelta(minutes=10)
"""A request for a run that arrives later is refused."""
IDEMPOTENCY_LENGTH = 16


class Room:
    """One party's way into one room.

    Args:
        calls: a connection whose room was verified.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    @property
    def party(self) -> str:
        """Whose way it is."""
        return self._calls.caller.identity.party

    @property
    def manifest(self) -> Manifest:
        """The party's own manifest: what counts."""
        return self._calls.caller.manifest

    @property
    def trusted(self) -> TrustedRoom:
        """The room as it was verified last."""
        return self._calls.room

    @property
    def verdict(self) -> Verdict:
        """Every check that the room passed, as a table."""
        return Verdict.of(self._calls.room, self.manifest)

    def workers(self) -> list[WorkerVerdict]:
        """Appraise every worker that holds a lease now, by its own evidence.

        Raises:
            NotTrusted: the evidence of one does not hold; the room should not have admitted it.
        """
        trusted, caller = self._calls.require_active(), self._calls.caller
        known = caller.manifest, trusted, caller.collateral, caller.clock()
        return [worker_verdict(each, *known) for each in members(self._calls)]

    def status(self) -> Status:
        """Where the room stands, and what this party does next."""
        tally: pb.Tally = self._calls.public(lambda to: to.governance.GetTally, pb.Nothing())
        phase = cast("RoomPhase", tally.phase)
        approved, missing = tuple(tally.approved), tuple(tally.missing)
        if phase == "waiting":
            missing = missing or tuple(sorted(self.manifest.parties))
        active = phase == "active"
        versions = self._versions() if active else {}
        views = tuple(run.view for run in self.runs()) if active else ()
        step = next_step(self.manifest, self.party, missing, versions, views)
        return Status(self.party, phase, approved, missing, versions, views, step)

    def propose(self, approvals: Sequence[Envelope]) -> Status:
        """Send manifest, approvals and `reference-values/`; everybody may, and more than once.

        Raises:
            ReferenceValuesRefused: the manifest names reference values that are not all there.
            ManifestConflict: the room already holds another manifest.
            ApprovalInvalid: an approval does not hold.
        """
        values = self._calls.caller.reference_values
        proposal = pb.Proposal(
            manifest=self.manifest.to_bytes(),
            approvals=[each.to_bytes() for each in approvals],
            reference_values=[each.to_bytes() for each in values],
        )
        reply: pb.Tally = self._calls.public(lambda to: to.governance.Propose, proposal, LONG_S)
        if reply.phase != self._calls.room.phase:
            self._calls.refresh()
        return self.status()

    def check(
        self,
        dataset: str,
        data: Any,  # noqa: ANN401 - many kinds
    ) -> "Report | ModelReport":
        """Read your data and report everything that does not fit; nothing leaves this machine.

        Args:
            dataset: its name in the manifest; you must be its owner.
            data: a path or several, a `pyarrow` table or reader, or a pandas data frame; for a
                model the path of its file.

        Raises:
            Usage: there is no such dataset, or it is another party's.
            DataError: it cannot be read at all.
        """
        from cleanroom.client.bringing import declared  # noqa: PLC0415 - pyarrow
        from cleanroom.client.brought import report_on  # noqa: PLC0415 - pyarrow

        return report_on(data, dataset, declared(self.manifest, dataset, self.party))

    def add(
        self,
        dataset: str,
        data: Any,  # noqa: ANN401 - many kinds
        progress: Progress | None = None,
    ) -> str:
        """Bring a version of your dataset: check, encrypt, upload, offer; resumable.

        Args:
            dataset: its name in the manifest; you must be its owner.
            data: a path or several, a `pyarrow` table or reader, or a pandas data frame; for a
                model the path of its file.
            progress: called with bytes stored, and bytes in all once that is known.

        Returns:
            The digest under which approvals, receipts and the log know this version.

        Raises:
            DataError: the data does not fit the manifest; nothing was offered.
            TransportError: the room could not be reached; the same call resumes.
        """
        from cleanroom.client.bringing import Bringing  # noqa: PLC0415 - pyarrow

        return Bringing(self._calls, dataset, progress or silent).bring(data)

    def run(
        self,
        computation: str,
        /,
        *,
        versions: dict[str, str] | None = None,
        **parameters: float | str | Decimal,
    ) -> Run:
        """Ask for a run; returns as soon as the room has accepted it.

        Args:
            computation: its name in the manifest.
            versions: dataset version by input name; the newest of the others.
            parameters: the computation's parameters, by name; decimals are numbers or texts.

        Raises:
            RunRefused: the manifest does not let this party run it.
            ParameterOutOfRange: a parameter is unknown, missing or outside its signed range.
            LimitReached, BudgetExhausted: the signed runs, or a privacy budget, are used up.
            DatasetMissing: an input has no version yet.
        """
        self._may_run(computation)
        caller, now = self._calls.caller, self._calls.caller.clock()
        request = RunRequest(
            lineage=self.manifest.metadata.lineage,
            manifest=self.manifest.digest,
            computation=computation,
            submitter=self.party,
            parameters={name: spelled(value) for name, value in parameters.items()},
            versions=versions or {},
            idempotency=secrets.token_bytes(IDEMPOTENCY_LENGTH),
            submitted_at=now,
            expires_at=now + REQUEST_LIFETIME,
        )
        envelope = sign_request(request, caller.identity.signer("submit"))
        sent = pb.Canonical(record=envelope.to_bytes())
        reply: pb.Canonical = self._calls.unary(lambda to: to.runs.Submit, sent, LONG_S)
        return Run(self._calls, RunView.from_bytes(reply.record))

    def runs(self) -> list[Run]:
        """Every run of this room, newest first."""
        reply: pb.CanonicalList = self._calls.unary(lambda to: to.runs.List, pb.Nothing())
        return [Run(self._calls, RunView.from_bytes(each)) for each in reply.records]

    def run_by_id(self, run: str) -> Run:
        """A run by its name.

        Raises:
            RunUnknown: there is none.
        """
        reply: pb.Canonical = self._calls.unary(lambda to: to.runs.Get, pb.RunRequest(run=run))
        return Run(self._calls, RunView.from_bytes(reply.record))

    def log(self) -> LogView:
        """The whole log, proven to be what the room signed.

        Raises:
            LogInconsistent: an entry is missing, altered or out of order.
        """
        return fetch_log(self._calls)

    def budget(self) -> Budgets:
        """What is left of each dataset's privacy budget, recomputed from the proven log."""
        return Budgets.of_room(self.manifest, self.log().entries)

    def close(self) -> None:
        """End the connection; the room and its runs go on."""
        self._calls.close()

    def to_json(self) -> dict[str, object]:
        """Who, where and what was verified, as plain values."""
        return {"party": self.party, "room": self.manifest.metadata.name} | self.verdict.to_json()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        name, room = self.manifest.metadata.name, self._calls.room
        return f"Room({name!r} as {self.party!r}: {room.phase}, {room.result.assurance})"

    def _repr_mimebundle_(self, **_formats: object) -> dict[str, str]:
        rows = [(key, str(value)) for key, value in self.to_json().items() if key != "result"]
        return mimebundle(repr(self), ("what", "value"), rows)

    def _versions(self) -> dict[str, tuple[VersionView, ...]]:
        reply: pb.VersionList = self._calls.unary(lambda to: to.datasets.GetVersions, pb.Nothing())
        held = [
            VersionView(one.dataset, one.owner, one.digest, one.added_at) for one in reply.versions
        ]
        return {
            name: tuple(one for one in held if one.dataset == name)
            for name in self.manifest.datasets
        }

    def _may_run(self, computation: str) -> str:
        known = self.manifest.computations.items()
        allowed = sorted(name for name, each in known if self.party in each.submitters)
        if computation not in allowed:
            raise RunRefused(
                f"the computation is {computation!r}, expected one that {self.party!r} may run: "
                f"{allowed}"
            )
        return computation


def connect(  # noqa: PLR0913 - what is not given is remembered
    manifest: GivenManifest,
    *,
    identity: Identity | str | os.PathLike[str] | None = None,
    coordinator: str | None = None,
    allow_simulated: bool | None = None,
    collateral: GivenCollateral | None = None,
    directory: str | os.PathLike[str] | None = None,
    clock: Clock = system_clock,
    patience_s: float = PATIENCE_S,
) -> Room:
    """Verify the room of a manifest and return your way into it.

    What is not given comes from `.cleanroom/` beside the manifest; its bundles count in any case.

    Args:
        manifest: your own copy: an object, a path, or a room's name to look for here and above.
        identity: whose keys sign, or the path of the identity file.
        coordinator: `host:port`; untrusted.
        allow_simulated: accept simulated platforms; False unless your profile says otherwise.
        collateral: a bundle of what vendors say, or its path; counts beside the room's.
        directory: where `.cleanroom/` lies; beside the manifest's file, or here.
        clock: tells the time, aware, in whole seconds.
        patience_s: how long a break is waited out once connected, in seconds.

    Raises:
        NotTrusted: it is not the room of this manifest; nothing was sent.
        ApprovalError: it says it is active, but an approval is missing or does not hold.
        IdentityInvalid: the manifest does not name this party with these keys.
        Unreachable: nobody answers at the address.
        Usage: address or identity are neither given nor remembered.
    """
    own, beside = located(manifest, clock)
    memory = Memory(Path(directory) if directory else beside)
    return Room(
        Calls(
            Caller(
                address=_required(coordinator or memory.coordinator, "coordinator"),
                manifest=own,
                identity=_identity(identity or memory.identity_path).belongs_to(own),
                allow_simulated=(
                    memory.allow_simulated if allow_simulated is None else allow_simulated
                ),
                memory=memory,
                clock=clock,
                collateral=known_collateral(collateral, memory.directory, clock()),
                patience_s=patience_s,
                reference_values=tuple(values_beside(beside, own)),
            )
        )
    )


def _identity(given: Identity | str | os.PathLike[str] | None) -> Identity:
    if isinstance(given, Identity):
        return given
    return Identity.load(_required(given, "identity"))


def _required(given: Any, what: str) -> Any:  # noqa: ANN401 - passes on what it was given
    if given is None:
        raise Usage(
            f"no {what} is given and none is remembered beside {FILE_NAME}",
            hint=f"pass {what}=…, or name it once with --{what}",
        )
    return given
