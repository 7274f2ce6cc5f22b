"""The conformance vectors: every case ends as its `case.json` says, in a closed vocabulary."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cleanroom.crypto.envelope import Envelope
from cleanroom.errors import CATALOGUE, CleanroomError
from cleanroom.manifest.approval import approve
from cleanroom.manifest.checks import in_force
from cleanroom.manifest.genesis import Genesis
from cleanroom.manifest.model import Manifest
from cleanroom.manifest.text import load
from tests.vectors.manifest.generate import cases

VECTORS = Path(__file__).resolve().parents[2] / "vectors/manifest"
CASES = sorted(path.parent for path in VECTORS.glob("*/case.json"))
OUTCOMES = {
    "approved",
    "manifest-syntax",
    "manifest-shape",
    "manifest-rule",
    "manifest-outdated",
    "not-canonical",
    "record-malformed",
    "approval-missing",
    "approval-invalid",
}
KEYS = {"expect", "now", "digest", "genesis", "approvals"}
FILES = {"case.json", "manifest.yaml", "manifest.json", "approvals.json"}


def _manifest(case: Path) -> Manifest:
    canonical = case / "manifest.json"
    if canonical.exists():
        return Manifest.from_bytes(canonical.read_bytes())
    return load((case / "manifest.yaml").read_bytes(), name="manifest.yaml")


def _run(case: Path, now: datetime) -> tuple[str, dict[str, str]]:
    found: dict[str, str] = {}
    received = case / "approvals.json"
    plain = json.loads(received.read_text()) if received.exists() else []
    try:
        manifest = _manifest(case)
        found["digest"] = manifest.digest
        if manifest.metadata.version == 1 and all(
            party.keys[0].use == "approve" for party in manifest.parties.values()
        ):
            found["genesis"] = Genesis.of(manifest).digest.hex()
        approved = approve(in_force(manifest, now), map(Envelope.from_plain, plain), now)
        found["approvals"] = approved.approvals_digest
    except CleanroomError as refused:
        return CATALOGUE[refused.code].slug, found
    return "approved", found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_vector_ends_as_it_says(case):
    expected = json.loads((case / "case.json").read_text())
    assert expected.keys() <= KEYS
    assert expected["expect"] in OUTCOMES
    assert {path.name for path in case.iterdir()} <= FILES
    now = datetime.fromisoformat(expected["now"]).astimezone(UTC)
    outcome, found = _run(case, now)
    assert outcome == expected["expect"]
    assert case.name.endswith("_fail") == (outcome != "approved")
    facts = {key: value for key, value in expected.items() if key not in ("expect", "now")}
    assert facts.items() <= found.items()


def test_every_outcome_has_a_vector():
    assert {json.loads((case / "case.json").read_text())["expect"] for case in CASES} == OUTCOMES


def test_vectors_are_what_the_generator_writes():
    written = {
        case.name: {path.name: path.read_bytes() for path in case.iterdir()} for case in CASES
    }
    assert written == cases()
