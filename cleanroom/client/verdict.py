"""What a verified room proved, as a table that a person reads before any data leaves."""

from dataclasses import dataclass
from datetime import datetime

from cleanroom.attestation.claims import Assurance
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.pooling import pool
from cleanroom.attestation.result import AttestationResult, Finding
from cleanroom.attestation.words.reference import image_in_words
from cleanroom.client.display import mark, mimebundle, text_table
from cleanroom.encoding import instant_text
from cleanroom.errors import AppraisalFailed
from cleanroom.manifest.model import Manifest
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
            (yes, "attestation policy", result.policy, "one entry, whole"),
            *((yes, f"image of {name}", found, asked) for name, found, asked in self._images()),
            *(
                (mark(passed=each.passed), each.check, each.found, each.expected)
                for each in self.findings
            ),
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
        }

    def __repr__(self) -> str:
        return text_table(self._title(), HEADINGS, self.table())

    def _repr_mimebundle_(self, **_formats: object) -> dict[str, str]:
        return mimebundle(self._title(), HEADINGS, self.table())

    def _title(self) -> str:
        loud = f" — {SIMULATED}" if self.assurance == "simulated" else ""
        return f"verified room of {self.room.genesis.lineage}, {self.phase}{loud}"

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

    def table(self) -> list[tuple[str, str, str, str]]:
        """One line for each check: passed, what, found, expected."""
        return [
            (mark(passed=each.passed), each.check, each.found, each.expected)
            for each in self.result.findings
        ]

    def to_json(self) -> dict[str, object]:
        """The worker's name and the attestation result, as plain values."""
        return {"instance": self.admitted.instance, "result": self.result.to_plain()}

    def __repr__(self) -> str:
        return text_table(self._title(), HEADINGS, self.table())

    def _repr_mimebundle_(self, **_formats: object) -> dict[str, str]:
        return mimebundle(self._title(), HEADINGS, self.table())

    def _title(self) -> str:
        loud = f" — {SIMULATED}" if self.result.assurance == "simulated" else ""
        return f"verified worker {self.admitted.instance}, {self.admitted.join.role}{loud}"


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
    result = appraise_join(
        join,
        own.workers[join.role],
        own,
        reference_values=room.statement.reference_values,
        genesis=room.genesis.digest,
        collateral=pool((collateral, room.statement.evidence.collateral), now),
        now=now,
        reattested=admitted.reattested,
    )
    return WorkerVerdict(admitted, result)
