"""The conformance vectors of reference values: every case ends as it says."""

import json
from datetime import datetime
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from cleanroom.attestation.policy import AppraisalPolicy
from cleanroom.attestation.resolving import envelopes_digest, resolve, verify_named
from cleanroom.crypto.envelope import Envelope
from cleanroom.errors import RecordMalformed, ReferenceValuesRefused
from tests.vectors.reference_values.generate import cases

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "reference_values"
CASES = sorted(VECTORS.glob("*.json"))
OUTCOMES = {"accepted", RecordMalformed.slug, ReferenceValuesRefused.slug}
ENTRY = TypeAdapter(AppraisalPolicy)


def concluded(given):
    """The word that this implementation finds, and what it computed."""
    try:
        policies = {"entry": ENTRY.validate_json(json.dumps(given["entry"]))}
    except ValidationError:
        return RecordMalformed.slug, None
    envelopes = [Envelope.from_bytes(text.encode()) for text in given["envelopes"]]
    now = datetime.fromisoformat(given["now"])
    try:
        resolved = resolve(policies, envelopes, now=now)["entry"]
        values = verify_named(policies, envelopes, now=now)["entry"]
    except ReferenceValuesRefused as refused:
        return refused.slug, None
    return "accepted", {
        "builders": list(values.builders),
        "measurements": resolved.to_plain()["measurements"],
        "digest": envelopes_digest(envelopes),
    }


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_case_ends_as_it_says(file):
    case = json.loads(file.read_text())
    assert case["expect"] in OUTCOMES
    assert case["object"] == "entry"
    assert file.stem.endswith("_fail") == (case["expect"] != "accepted")
    assert concluded(case["input"]) == (case["expect"], case.get("found"))


def test_cases_are_what_the_generator_writes():
    assert {file.name: file.read_bytes() for file in CASES} == cases()
