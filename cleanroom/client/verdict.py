"""What a verified room proved, as a table that a person reads before any data leaves."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from cleanroom.attestation.claims import Assurance
from cleanroom.attestation.closing import gaps
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.policy import AppraisalPolicy
from cleanroom.attestation.pooling import pool
from cleanroom.attestation.result import AttestationResult, Finding
from cleanroom.attestation.words.reference import image_in_words
from cleanroom.client.display import mark, mimebundle, text_table
from cleanroom.encoding import instant_text
from cleanroom.errors import AppraisalFailed
from cleanroom.manifest.model import Manifest, WorkerRole
from cleanroom.protocol.join import Admitted, appraise_join
from cleanroom.protocol.statement import RoomPhase, TrustedRoom

HEADINGS = ("", "check", "found", "expected")
SIMULATED = "SIMULATED: this proves nothing about hardware"
"""Said wherever a platform was simulated."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Every check that a room passed; there is none without all of them."""

    room: TrustedRoom
    """The room as it was verified."""
    manifest: str
    """Digest of the party's own manifest."""
    policy: AppraisalPolicy
    """The attestation entry that held."""

    @classmethod
    def of(cls, room: TrustedRoom, own: Manifest) -> Self:
        """What a room proved to a party that has this manifest."""
        return cls(room, own.digest, own.attestation[room.result.policy])

    @property
    def assurance(self) -> Assurance:
        """`hardware`, or `simulated`."""
        return self.room.result.assurance

    @property
    def phase(self) -> RoomPhase:
        """`waiting`, `proposed` or `active`."""
        return self.room.phase

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every comparison between the evidence and the attestation policy that held."""
        return tuple(self.room.result.findings)

    def table(self) -> list[tuple[str, str, str, str]]:
        """One line for each check: passed, what, found, expected."""
        head, result = self.room.head, self.room.result
        yes = mark(passed=True)
        return [
            (yes, "nonce", "as sent", "fresh for this statement"),
            (yes, "evidence", result.evidence, "signed under a trusted root"),
            (yes, "age of evidence", "made for this statement", "fresh, by the nonce inside"),
            (yes, "attestation policy", result.policy, "one entry, whole"),
            *((yes, f"image of {name}", found, asked) for name, found, asked in self._images()),
            *_compared(self.room.result),
            (yes, "genesis", self.room.genesis.digest.hex(), "lineage and approve keys"),
            (yes, "manifest", self.manifest, "your own copy"),
            (yes, "approvals", self._approvals(), "every party, once the room is active"),
            (yes, "log", f"{head.size} entries", "extends what you remember"),
        ]

    def to_json(self) -> dict[str, object]:
        """The attestation result and the state of the room, as plain values."""
        return {
            "assurance": self.assurance,
            "phase": self.phase,
            "manifest": self.manifest,
            "log_size": self.room.head.size,
            "images": {name: found for name, found, _ in self._images()},
            "verified_at": instant_text(self.room.result.issued_at),
            "result": self.room.result.to_plain(),
            "open": open_plain(self.policy),
        }

    def __repr__(self) -> str:
        return "\n".join(
            [text_table(self._title(), HEADINGS, self.table()), *open_lines(self.policy)]
        )

    def _repr_mimebundle_(self, **_formats: object) -> dict[str, str]:
        return mimebundle(self._title(), HEADINGS, [*self.table(), *open_rows(self.policy)])

    def _title(self) -> str:
        told = f"verified room of {self.room.genesis.lineage}, {self.phase}"
        return told + _loud(self.assurance)

    def _images(self) -> list[tuple[str, str, str]]:
        """Of each entry that names reference values: its name, which image, which statement."""
        return [
            (name, image_in_words(values), f"reference values {values.digest}")
            for name, values in self.room.images.items()
        ]

    def _approvals(self) -> str:
        approved = self.room.approved
        return f"{len(approved.approvals)} hold" if approved else f"not needed while {self.phase}"


@dataclass(frozen=True, slots=True)
class WorkerVerdict:
    """Every check that a worker with a lease passes, made by this party itself."""

    admitted: Admitted
    """The worker as the room showed it, with its evidence."""
    result: AttestationResult
    """How this party appraised that evidence."""
    policy: AppraisalPolicy
    """The attestation entry that held."""
    role: WorkerRole
    """What the manifest asks of it beside."""

    @property
    def age_s(self) -> int:
        """How old its newest evidence was when it was appraised, by the room's word; in seconds."""
        return max(0, int((self.result.issued_at - self.admitted.attested_at).total_seconds()))

    def table(self) -> list[tuple[str, str, str, str]]:
        """One line for each check: passed, what, found, expected."""
        most = self.role.max_evidence_age_s
        # the room looks at ages when it renews a lease, so one may pass the limit until then
        young = most is None or self.age_s <= most + self.role.lease_s
        limit = "any age" if most is None else f"at most {most} s when its lease is renewed"
        return [
            (mark(passed=young), "age of evidence", f"{self.age_s} s, says the room", limit),
            *_compared(self.result),
        ]

    def to_json(self) -> dict[str, object]:
        """The worker's name, its evidence's age and the attestation result, as plain values."""
        return {
            "instance": self.admitted.instance,
            "attested_at": instant_text(self.admitted.attested_at),
            "evidence_age_s": self.age_s,
            "result": self.result.to_plain(),
            "open": open_plain(self.policy),
        }

    def __repr__(self) -> str:
        return "\n".join(
            [text_table(self._title(), HEADINGS, self.table()), *open_lines(self.policy)]
        )

    def _repr_mimebundle_(self, **_formats: object) -> dict[str, str]:
        return mimebundle(self._title(), HEADINGS, [*self.table(), *open_rows(self.policy)])

    def _title(self) -> str:
        told = f"verified worker {self.admitted.instance}, {self.admitted.join.role}"
        return told + _loud(self.result.assurance)


def worker_verdict(
    admitted: Admitted, own: Manifest, room: TrustedRoom, collateral: Collateral, now: datetime
) -> WorkerVerdict:
    """Appraise a worker by this party's own copy of the manifest.

    Args:
        admitted: as the room showed it.
        own: the party's manifest.
        room: as it was verified; what it showed of vendors' words counts for its workers, too.
        collateral: what vendors say, as far as this party has it.
        now: the party's clock, aware.

    Raises:
        AppraisalFailed: it joined under another manifest, or for a role that does not exist.
        NotTrusted: its evidence does not hold for the keys it named, or no policy is met.
    """
    join = admitted.join
    if join.role not in own.workers or join.manifest != own.digest:
        raise AppraisalFailed(f"worker {admitted.instance} joined as {join.role!r} of another room")
    role = own.workers[join.role]
    result = appraise_join(
        join,
        role,
        own,
        reference_values=room.statement.reference_values,
        genesis=room.genesis.digest,
        collateral=pool((collateral, room.statement.evidence.collateral), now),
        now=now,
        reattested=admitted.reattested,
    )
    return WorkerVerdict(admitted, result, own.attestation[result.policy], role)


def open_lines(policy: AppraisalPolicy) -> list[str]:
    """What the entry that held leaves open, and what would close it, two lines each."""
    return [f"  open: {gap.open}\n    close with: {gap.closed_by}" for gap in gaps(policy)]


def open_rows(policy: AppraisalPolicy) -> list[tuple[str, str, str, str]]:
    """The same as lines of the table."""
    return [("", "open", gap.open, f"close with {gap.closed_by}") for gap in gaps(policy)]


def open_plain(policy: AppraisalPolicy) -> list[dict[str, str]]:
    """The same as plain values."""
    return [{"what": gap.open, "closed_by": gap.closed_by} for gap in gaps(policy)]


def _loud(assurance: Assurance) -> str:
    return f" — {SIMULATED}" if assurance == "simulated" else ""


def _compared(result: AttestationResult) -> list[tuple[str, str, str, str]]:
    return [
        (mark(passed=each.passed), each.check, each.found, each.expected)
        for each in result.findings
    ]
