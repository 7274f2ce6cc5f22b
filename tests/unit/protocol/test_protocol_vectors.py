"""The protocol's conformance vectors: every case ends as it says, in a closed vocabulary."""

import json
from base64 import b64decode
from datetime import datetime
from pathlib import Path

import pytest

from cleanroom.crypto.envelope import Envelope
from cleanroom.crypto.sealing import Unsealer
from cleanroom.encoding import content_digest, frame
from cleanroom.errors import CATALOGUE, CleanroomError
from cleanroom.ledger.checkpoint import open_checkpoint
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.dataset import DatasetOffer, open_version
from cleanroom.protocol.grant import GrantTerms, KeyGrant, open_grant
from cleanroom.protocol.join import Join, join_binding, open_report
from cleanroom.protocol.run import open_request
from cleanroom.protocol.session import open_caller
from cleanroom.protocol.statement import Statement, statement_binding
from tests.vectors.protocol.generate import cases

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "protocol"
CASES = sorted(VECTORS.glob("*.json"))
OUTCOMES = {
    "accepted",
    "signature-invalid",
    "not-canonical",
    "record-malformed",
    "dataset-refused",
    "run-refused",
    "caller-refused",
    "seal-broken",
}


def _envelope(given):
    return Envelope.from_bytes(given["envelope"].encode())


def _manifest(given):
    return Manifest.from_bytes(given["manifest"].encode())


def _now(given):
    return datetime.fromisoformat(given["now"])


def _checkpoint(given):
    head = open_checkpoint(_envelope(given), b64decode(given["key"]))
    return {"digest": content_digest(head.to_bytes())}


def _dataset_offer(given):
    offer = DatasetOffer.from_bytes(given["offer"].encode())
    return {"digest": open_version(offer, _manifest(given)).digest}


def _run_request(given):
    open_request(_envelope(given), _manifest(given), _now(given))
    return {"digest": content_digest(given["envelope"].encode())}


def _caller_proof(given):
    open_caller(
        _envelope(given),
        _manifest(given),
        root=b64decode(given["root"]),
        challenge=b64decode(given["challenge"]),
        now=_now(given),
    )
    return {"digest": content_digest(given["envelope"].encode())}


def _worker_report(given):
    key = b64decode(given["key"])
    open_report(_envelope(given), key, instance=given["instance"], after=given["after"])
    return {"digest": content_digest(given["envelope"].encode())}


def _grant(given):
    terms = GrantTerms.from_bytes(given["terms"].encode())
    granted = KeyGrant(terms=terms, sealed_key=b64decode(given["sealed_key"]))
    return {"key": open_grant(granted, Unsealer(b64decode(given["private_key"]))).hex()}


def _join_binding(given):
    return {"binding": join_binding(Join.from_bytes(given["join"].encode())).hex()}


def _statement_binding(given):
    statement = Statement.from_bytes(given["statement"].encode())
    return {"binding": statement_binding(statement).hex()}


def _frame(given):
    fields = [b64decode(field) for field in given["fields"]]
    return {"frame": frame(given["domain"], *fields).hex()}


READERS = {
    "checkpoint": _checkpoint,
    "dataset-offer": _dataset_offer,
    "run-request": _run_request,
    "caller-proof": _caller_proof,
    "worker-report": _worker_report,
    "grant": _grant,
    "join-binding": _join_binding,
    "statement-binding": _statement_binding,
    "frame": _frame,
}


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_vector_ends_as_it_says(path):
    case = json.loads(path.read_text())
    assert case.keys() == {"object", "input", "expect", "found"}
    assert case["expect"] in OUTCOMES
    try:
        outcome, found = "accepted", READERS[case["object"]](case["input"])
    except CleanroomError as refused:
        outcome, found = CATALOGUE[refused.code].slug, {}
    assert (outcome, found) == (case["expect"], case["found"])
    assert path.stem.endswith("_fail") == (outcome != "accepted")


def test_every_object_and_every_outcome_has_a_vector():
    read = [json.loads(path.read_text()) for path in CASES]
    assert {case["object"] for case in read} == READERS.keys()
    assert {case["expect"] for case in read} == OUTCOMES


def test_vectors_are_what_the_generator_writes():
    assert {path.name: path.read_bytes() for path in CASES} == cases()
