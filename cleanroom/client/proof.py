"""What a room proved to a party at one moment, in one file: the same verdict offline, years later.

Statement and workers' evidence are the room's, collateral is what the party knew by itself. Nobody
signs the whole: it proves to its owner what its parts prove, as of the moment it says.
"""

from datetime import datetime
from typing import Literal

from pydantic import Field

from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.pooling import pool
from cleanroom.client.verdict import Verdict, WorkerVerdict, worker_verdict
from cleanroom.crypto.envelope import Envelope
from cleanroom.encoding import Instant, Record
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.join import Admitted
from cleanroom.protocol.statement import Statement, verify_for_party

MOST_WORKERS = 1000
"""As many as a role may have."""


class Proof(Record):
    """What `cleanroom attest --save` keeps."""

    format: Literal["https://cleanroom.dev/proof/v1"] = "https://cleanroom.dev/proof/v1"
    """Which shape this is."""
    verified_at: Instant
    """When the party verified it, by its own clock; what it is judged as of."""
    statement: Statement
    """Of the room, for a nonce of the party's."""
    workers: list[Admitted] = Field(max_length=MOST_WORKERS)
    """Those that had a lease, with their newest evidence."""
    collateral: Collateral
    """What the party knew from vendors by itself; the room's travels with its evidence."""

    def verified(
        self,
        own: Manifest,
        *,
        allow_simulated: bool,
        collateral: Collateral,
        reference_values: tuple[Envelope, ...],
        now: datetime,
    ) -> tuple[Verdict, list[WorkerVerdict]]:
        """Every check again, but for the two that only the moment itself could make.

        Whoever keeps a proof has no nonce to compare with, and no log to extend.

        Args:
            own: the party's manifest.
            allow_simulated: whether simulated platforms are accepted.
            collateral: more of what vendors say; of two the fresher one counts.
            reference_values: what builders signed, as the party has it.
            now: when it is judged at; `verified_at` for the verdict of then.

        Raises:
            NotTrusted: evidence, appraisal, statement or log does not hold.
            ApprovalError: an approval is missing or does not hold.
        """
        known = pool((self.collateral, collateral), now)
        room = verify_for_party(
            self.statement,
            own,
            nonce=self.statement.nonce,
            remembered=None,
            consistency=(),
            allow_simulated=allow_simulated,
            collateral=known,
            now=now,
            reference_values=reference_values,
        )
        workers = [worker_verdict(each, own, room, known, now) for each in self.workers]
        return Verdict.of(room, own), workers
