"""Files about attestation as people name them on the command line: evidence, policies, bundles."""

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import click
from pydantic import TypeAdapter, ValidationError

from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence, Platform
from cleanroom.attestation.policy import AppraisalPolicy
from cleanroom.attestation.recognise import recognise
from cleanroom.client.clock import system_clock
from cleanroom.client.proof import Proof
from cleanroom.collateral.bundle import Bundle
from cleanroom.encoding import Name, content_digest, problems_of
from cleanroom.errors import CleanroomError, FileMissing, ManifestShape
from cleanroom.manifest.document import read_document
from cleanroom.protocol.statement import Statement

FILE = click.Path(path_type=Path, dir_okay=False)
"""A file named on the command line."""
TIME = click.DateTime(formats=["%Y-%m-%dT%H:%M:%SZ"])
"""A moment in UTC."""
_POLICIES: TypeAdapter[dict[str, AppraisalPolicy]] = TypeAdapter(dict[Name, AppraisalPolicy])


def read_file(path: Path) -> bytes:
    """A file's content.

    Raises:
        FileMissing: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError:
        raise FileMissing(f"{path.name} cannot be read, expected a file") from None


def read_evidence(
    path: Path,
    endorsements: Sequence[Path] = (),
    event_log: Path | None = None,
    platform: Platform | None = None,
) -> Evidence:
    """Evidence of any form that is known.

    Raises:
        FileMissing: a file cannot be read.
        EvidenceRejected: it is of no known form.
    """
    return recognise(
        read_file(path),
        [read_file(one) for one in endorsements],
        read_file(event_log) if event_log is not None else None,
        platform,
    )


def read_proof(path: Path, now: datetime) -> Proof | None:
    """What `cleanroom attest --save` keeps, or a statement by itself; none of another file.

    Args:
        path: the file.
        now: what a statement by itself, which names no moment, is judged as of.
    """
    raw = read_file(path).strip()
    with suppress(CleanroomError):
        return Proof.from_bytes(raw)
    with suppress(CleanroomError):
        statement = Statement.from_bytes(raw)
        return Proof(verified_at=now, statement=statement, workers=[], collateral=Collateral())
    return None


def read_all_evidence(path: Path) -> list[Evidence]:
    """The evidence in a file: of a room and its workers, or of one machine.

    Raises:
        FileMissing: the file cannot be read.
        EvidenceRejected: it is of no known form.
    """
    proof = read_proof(path, given_time(None))
    if proof is None:
        return [read_evidence(path)]
    return [proof.statement.evidence, *(worker.evidence for worker in proof.workers)]


def read_policies(path: Path) -> dict[str, AppraisalPolicy]:
    """Entries of a manifest's `attestation`: one entry, entries by name, or a file around them.

    Raises:
        FileMissing: the file cannot be read.
        ManifestError: it holds something else; `problems` has every fault.
    """
    plain = read_document(read_file(path), name=path.name).plain
    if isinstance(plain, dict) and isinstance(plain.get("attestation"), dict):
        plain = plain["attestation"]
    if isinstance(plain, dict) and isinstance(plain.get("platform"), str):
        plain = {"policy": plain}
    try:
        return _POLICIES.validate_json(json.dumps(plain))
    except ValidationError as invalid:
        problems = problems_of(invalid)
        first = problems[0]
        raise ManifestShape(
            f"{path.name} holds no attestation policies: {first.where}: {first.message}",
            problems=problems,
        ) from None


def read_bundle(path: Path) -> Bundle:
    """A bundle of collateral.

    Raises:
        FileMissing: the file cannot be read.
        ManifestError: it is no bundle, or was altered.
    """
    return Bundle.from_bytes(read_file(path).strip())


def given_time(at: datetime | None) -> datetime:
    """The time that an option names, else this machine's."""
    return system_clock() if at is None else at.replace(tzinfo=UTC)


def evidence_facts(evidence: Evidence) -> dict[str, object]:
    """What a file of evidence is, in plain values."""
    return {
        "platform": evidence.platform,
        "digest": evidence.digest,
        "report_bytes": len(evidence.report),
        "report_digest": content_digest(evidence.report),
        "endorsements": len(evidence.endorsements),
        "event_log": evidence.event_log is not None,
    }
