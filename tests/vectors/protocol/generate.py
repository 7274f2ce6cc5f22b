"""Writes the conformance vectors of the protocol; the test keys make every byte repeatable."""

import json
from base64 import b64decode, b64encode
from datetime import timedelta
from pathlib import Path
from typing import Any

from cleanroom.attestation.evidence import Evidence
from cleanroom.crypto.envelope import Envelope, sign
from cleanroom.crypto.signing import Ed25519Signer
from cleanroom.encoding import content_digest, frame, instant_text
from cleanroom.ledger.checkpoint import CHECKPOINT_TYPE, SIGNER_KID, LogHead, sign_checkpoint
from cleanroom.ledger.tree import Tree
from cleanroom.manifest.genesis import Genesis
from cleanroom.protocol.dataset import DatasetOffer, DatasetVersion, Part, sign_version
from cleanroom.protocol.grant import GrantTerms
from cleanroom.protocol.join import WORKER_KID, Join, WorkerReport, join_binding, sign_report
from cleanroom.protocol.run import RunRequest, sign_request
from cleanroom.protocol.session import CallerProof, prove_caller
from cleanroom.protocol.statement import Statement, statement_binding
from cleanroom.protocol.work import Renew
from tests.support.manifests import NOW, approvals, good_manifest, signer, unsealer
from tests.support.signed_values import signed_values

HERE = Path(__file__).resolve().parent
MANIFEST = good_manifest()
ROOM = Ed25519Signer(SIGNER_KID, b"room" * 8)
WORKER = Ed25519Signer(WORKER_KID, b"work" * 8)
INSTANCE = "w-00112233445566aa"
# A self-signed P-256 certificate and an HPKE seal are random: made once and kept here.
AUTHORITY = (
    "MIIBZDCCAQugAwIBAgIUDuLveqlBpfZEQckDafHebWlFTLMwCgYIKoZIzj0EAwIwDzENMAsGA1UEAwwEcm9vbTAeFw0yNzAx"
    "MTUxMTU1MDBaFw0zNzAxMTIxMjAwMDBaMA8xDTALBgNVBAMMBHJvb20wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARf7Hjd"
    "3yfa2xiMzsgY0pMhwho/0S/QY8zEco5RyYUetpQ2w4jsRyDt4M0XZLGcpSElVKEYb+J6NM3Tix8cuUfFo0UwQzASBgNVHRMB"
    "Af8ECDAGAQH/AgEAMA4GA1UdDwEB/wQEAwIBBjAdBgNVHQ4EFgQUxnE2TidEqRw2rv2m8JKeP+YvPnMwCgYIKoZIzj0EAwID"
    "RwAwRAIgC33nk4M5CMTND1PXwSEBh0BSOqk+Etal0EhSqWiVEUoCIF8ZD6pN0c/T4c3Pl9JkX7G9enrdcd3sXFnbtKyjVQNv"
)
SEALED = (HERE / "grant.sealed").read_text().strip()


def text(raw: bytes) -> str:
    """Base64, as in records."""
    return b64encode(raw).decode()


def terms(**changes: Any) -> GrantTerms:
    """What the kept seal was made for."""
    plain = {
        "lineage": MANIFEST.metadata.lineage,
        "manifest": MANIFEST.digest,
        "run": "r-00112233445566bb",
        "input": "left",
        "dataset": "customers",
        "version": content_digest(b"version"),
        "columns": ["email"],
        "worker": INSTANCE,
        "expires_at": NOW,
    }
    return GrantTerms(**(plain | changes))


def _case(kind: str, expect: str, given: dict[str, Any], **found: str) -> bytes:
    plain = {"object": kind, "input": given, "expect": expect, "found": found}
    return (json.dumps(plain, indent=1, sort_keys=True) + "\n").encode()


def _with_payload(envelope: Envelope, payload: bytes) -> str:
    return envelope.model_copy(update={"payload": payload}).to_bytes().decode()


def cases() -> dict[str, bytes]:
    """Every case by its file name."""
    return {
        **_frames(),
        **_checkpoints(),
        **_offers(),
        **_requests(),
        **_callers(),
        **_reports(),
        **_grants(),
        **_bindings(),
    }


def _frames() -> dict[str, bytes]:
    fields = [b"", b"a", b"ab" * 3]
    given = {"domain": "cleanroom/example/v1", "fields": [text(field) for field in fields]}
    framed = frame("cleanroom/example/v1", *fields).hex()
    return {"frame.json": _case("frame", "accepted", given, frame=framed)}


def _checkpoints() -> dict[str, bytes]:
    tree = Tree()
    for entry in (b"first", b"second", b"third"):
        tree.append(entry)
    lineage = str(MANIFEST.metadata.lineage)
    head = LogHead(lineage=lineage, size=tree.size, root=tree.root())
    good = sign_checkpoint(head, ROOM)
    key = {"key": text(ROOM.public_key)}
    spaced = head.to_bytes().replace(b",", b", ")
    return {
        "checkpoint.json": _case(
            "checkpoint",
            "accepted",
            {"envelope": good.to_bytes().decode(), **key},
            digest=content_digest(head.to_bytes()),
        ),
        "checkpoint-of-another-key_fail.json": _case(
            "checkpoint",
            "signature-invalid",
            {"envelope": good.to_bytes().decode(), "key": text(WORKER.public_key)},
        ),
        "checkpoint-longer-than-signed_fail.json": _case(
            "checkpoint",
            "signature-invalid",
            {
                "envelope": _with_payload(good, head.model_copy(update={"size": 4}).to_bytes()),
                **key,
            },
        ),
        "checkpoint-with-spaces_fail.json": _case(
            "checkpoint",
            "not-canonical",
            {"envelope": sign(CHECKPOINT_TYPE, spaced, ROOM).to_bytes().decode(), **key},
        ),
    }


def _version(**changes: Any) -> DatasetVersion:
    plain = {
        "lineage": MANIFEST.metadata.lineage,
        "manifest": MANIFEST.digest,
        "dataset": "customers",
        "owner": "bank",
        "version": "00" * 16,
        "rows": 1000,
        "parts": [Part(index=0, digest=content_digest(b"part"), size=4, rows=1000)],
        "sealed_key": content_digest(b"sealed key"),
        "sealed_at": NOW,
    }
    return DatasetVersion(**(plain | changes))


def _offers() -> dict[str, bytes]:
    def offered(party: str = "bank", use: str = "provide", **changes: Any) -> dict[str, str]:
        envelope = sign_version(_version(**changes), signer(party, use))
        offer = DatasetOffer(version=envelope, sealed_key=b"sealed key")
        return {"offer": offer.to_bytes().decode(), "manifest": MANIFEST.to_bytes().decode()}

    other = "sha256:" + "0" * 64
    twice = [Part(index=0, digest=other, size=4, rows=500)] * 2
    return {
        "dataset-offer.json": _case(
            "dataset-offer", "accepted", offered(), digest=_version().digest
        ),
        "dataset-offer-of-the-other-party_fail.json": _case(
            "dataset-offer", "signature-invalid", offered("shop")
        ),
        "dataset-offer-by-the-submit-key_fail.json": _case(
            "dataset-offer", "signature-invalid", offered(use="submit")
        ),
        "dataset-offer-for-another-manifest_fail.json": _case(
            "dataset-offer", "dataset-refused", offered(manifest=other)
        ),
        "dataset-offer-with-another-key_fail.json": _case(
            "dataset-offer", "dataset-refused", offered(sealed_key=other)
        ),
        "dataset-offer-with-a-part-twice_fail.json": _case(
            "dataset-offer", "dataset-refused", offered(parts=twice)
        ),
        "dataset-offer-whose-rows-do-not-add-up_fail.json": _case(
            "dataset-offer", "dataset-refused", offered(rows=1001)
        ),
    }


def _requests() -> dict[str, bytes]:
    def requested(
        key: Ed25519Signer | None = None, now: Any = NOW, **changes: Any
    ) -> dict[str, str]:
        plain = {
            "lineage": MANIFEST.metadata.lineage,
            "manifest": MANIFEST.digest,
            "computation": "overlap",
            "submitter": "bank",
            "parameters": {},
            "versions": {},
            "idempotency": bytes(16),
            "submitted_at": NOW,
            "expires_at": NOW + timedelta(minutes=10),
        }
        envelope = sign_request(RunRequest(**(plain | changes)), key or signer("bank", "submit"))
        return {
            "envelope": envelope.to_bytes().decode(),
            "manifest": MANIFEST.to_bytes().decode(),
            "now": instant_text(now),
        }

    late = NOW + timedelta(minutes=11)
    good = requested()
    return {
        "run-request.json": _case(
            "run-request", "accepted", good, digest=content_digest(good["envelope"].encode())
        ),
        "run-request-by-the-approve-key_fail.json": _case(
            "run-request", "run-refused", requested(signer("bank", "approve"))
        ),
        "run-request-in-the-name-of-the-shop_fail.json": _case(
            "run-request", "run-refused", requested(submitter="shop")
        ),
        "run-request-for-another-manifest_fail.json": _case(
            "run-request", "run-refused", requested(manifest="sha256:" + "0" * 64)
        ),
        "run-request-expired_fail.json": _case("run-request", "run-refused", requested(now=late)),
    }


def _callers() -> dict[str, bytes]:
    def called(now: Any = NOW, key: Ed25519Signer | None = None, **changes: Any) -> dict[str, str]:
        plain = {
            "lineage": MANIFEST.metadata.lineage,
            "party": "bank",
            "root": bytes(32),
            "challenge": b"c" * 32,
            "at": NOW,
        }
        envelope = prove_caller(CallerProof(**(plain | changes)), key or signer("bank", "submit"))
        return {
            "envelope": envelope.to_bytes().decode(),
            "manifest": MANIFEST.to_bytes().decode(),
            "root": text(bytes(32)),
            "challenge": text(b"c" * 32),
            "now": instant_text(now),
        }

    good, late = called(), NOW + timedelta(minutes=6)
    return {
        "caller-proof.json": _case(
            "caller-proof", "accepted", good, digest=content_digest(good["envelope"].encode())
        ),
        "caller-proof-for-another-room_fail.json": _case(
            "caller-proof", "caller-refused", called(root=b"r" * 32)
        ),
        "caller-proof-for-an-older-challenge_fail.json": _case(
            "caller-proof", "caller-refused", called(challenge=b"o" * 32)
        ),
        "caller-proof-by-another-party_fail.json": _case(
            "caller-proof", "caller-refused", called(key=signer("shop", "submit"))
        ),
        "caller-proof-of-another-time_fail.json": _case(
            "caller-proof", "caller-refused", called(now=late)
        ),
    }


def _reports() -> dict[str, bytes]:
    def reported(counter: int = 3, after: int = 2, instance: str = INSTANCE) -> dict[str, Any]:
        report = WorkerReport(instance=instance, counter=counter, message=Renew().to_bytes())
        return {
            "envelope": sign_report(report, WORKER).to_bytes().decode(),
            "key": text(WORKER.public_key),
            "instance": INSTANCE,
            "after": after,
        }

    good = reported()
    return {
        "worker-report.json": _case(
            "worker-report", "accepted", good, digest=content_digest(good["envelope"].encode())
        ),
        "worker-report-replayed_fail.json": _case(
            "worker-report", "caller-refused", reported(after=3)
        ),
        "worker-report-with-a-gap_fail.json": _case(
            "worker-report", "caller-refused", reported(counter=5)
        ),
        "worker-report-of-another-worker_fail.json": _case(
            "worker-report", "caller-refused", reported(instance="w-00112233445566ff")
        ),
        "worker-report-under-another-key_fail.json": _case(
            "worker-report", "signature-invalid", {**good, "key": text(ROOM.public_key)}
        ),
    }


def _grants() -> dict[str, bytes]:
    def granted(**changes: Any) -> dict[str, str]:
        private = unsealer("bank").private_bytes()
        return {
            "terms": terms(**changes).to_bytes().decode(),
            "sealed_key": SEALED,
            "private_key": text(private),
        }

    return {
        "grant.json": _case("grant", "accepted", granted(), key=(b"k" * 32).hex()),
        "grant-for-more-columns_fail.json": _case(
            "grant", "seal-broken", granted(columns=["email", "income"])
        ),
        "grant-for-another-run_fail.json": _case(
            "grant", "seal-broken", granted(run="r-00112233445566cc")
        ),
        "grant-that-lasts-longer_fail.json": _case(
            "grant", "seal-broken", granted(expires_at=NOW + timedelta(days=1))
        ),
    }


def _bindings() -> dict[str, bytes]:
    evidence = Evidence(platform="sev-snp", report=b"left out", endorsements=[])
    seal_key = unsealer("bank").public_key
    join = Join(
        role="cpu",
        manifest=MANIFEST.digest,
        worker_nonce=b"w" * 32,
        room_nonce=b"r" * 32,
        node_ip="10.0.0.7",
        seal_key=seal_key,
        sign_key=WORKER.public_key,
        evidence=evidence,
    )
    head = LogHead(lineage=str(MANIFEST.metadata.lineage), size=0, root=Tree().root())
    statement = Statement(
        nonce=b"n" * 32,
        genesis=Genesis.of(MANIFEST),
        phase="active",
        manifest=MANIFEST.to_bytes(),
        approvals=approvals(MANIFEST),
        checkpoint=sign_checkpoint(head, ROOM),
        root_certificate=b64decode(AUTHORITY),
        seal_key=seal_key,
        sign_key=ROOM.public_key,
        evidence=evidence,
    )
    naming = statement.model_copy(update={"reference_values": signed_values()})
    return {
        "join-binding.json": _case(
            "join-binding",
            "accepted",
            {"join": join.to_bytes().decode()},
            binding=join_binding(join).hex(),
        ),
        "statement-binding.json": _case(
            "statement-binding",
            "accepted",
            {"statement": statement.to_bytes().decode()},
            binding=statement_binding(statement).hex(),
        ),
        "statement-binding-with-reference-values.json": _case(
            "statement-binding",
            "accepted",
            {"statement": naming.to_bytes().decode()},
            binding=statement_binding(naming).hex(),
        ),
        "join-with-a-short-nonce_fail.json": _case(
            "join-binding",
            "record-malformed",
            {"join": join.to_bytes().decode().replace(text(b"w" * 32), text(b"w" * 31))},
        ),
    }


if __name__ == "__main__":
    for name, content in cases().items():
        (HERE / name).write_bytes(content)
