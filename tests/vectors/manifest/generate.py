"""Writes the conformance vectors of the manifest; the test keys make every byte repeatable."""

import json
from pathlib import Path

from cleanroom.crypto.envelope import Envelope
from cleanroom.manifest.approval import approvals_digest, sign_approval
from cleanroom.manifest.author import manifest_text
from cleanroom.manifest.genesis import Genesis
from cleanroom.manifest.model import Manifest
from tests.support.keeping import staying_plain
from tests.support.manifests import ABSENT, NOW, approvals, good_manifest, signer

HERE = Path(__file__).resolve().parent
AT = "2027-01-15T12:00:00Z"
GOOD = good_manifest()
SECOND = good_manifest(metadata__version=2, metadata__previous=GOOD.digest)
WIDER = good_manifest(computations__overlap__limits__max_runs=1000)
STAYING = Manifest.from_plain(staying_plain())
LEAVING = Manifest.from_plain(
    staying_plain(computations__model__outputs__model__recipients=["bank"])
)
TEXT = manifest_text(GOOD)
BYTES = GOOD.to_bytes()


def _understood(manifest: Manifest, envelopes: list[Envelope]) -> dict[str, str]:
    facts = {"digest": manifest.digest}
    if manifest.metadata.version == 1:
        facts["genesis"] = Genesis.of(manifest).digest.hex()
    if envelopes:
        facts["approvals"] = approvals_digest(envelopes)
    return facts


def _case(
    content: str | bytes,
    expect: str,
    envelopes: list[Envelope] | None = None,
    now: str = AT,
    facts: dict[str, str] | None = None,
) -> dict[str, bytes]:
    written = {"case.json": _json({"expect": expect, "now": now} | (facts or {}))}
    if envelopes is not None:
        written["approvals.json"] = _json([envelope.to_plain() for envelope in envelopes])
    if isinstance(content, str):
        return written | {"manifest.yaml": content.encode()}
    return written | {"manifest.json": content}


def _json(plain: object) -> bytes:
    return (json.dumps(plain, indent=1, sort_keys=True) + "\n").encode()


def cases() -> dict[str, dict[str, bytes]]:
    """The files of every case, by the case's name."""
    both = approvals(GOOD)
    bank, shop = both
    expired = sign_approval(GOOD, "shop", signer("shop"), NOW.replace(year=2026), b"e" * 16)
    known = _understood(GOOD, both)
    digest_only = {"digest": GOOD.digest}
    rule = manifest_text(good_manifest(computations__overlap__workers__count=9))
    shape = manifest_text(GOOD).replace("mode: development", "mode: prodution")
    unsigned_key = good_manifest(parties__bank__keys__0=ABSENT)
    return {
        "approved-by-both": _case(TEXT, "approved", both, facts=known),
        "approved-from-canonical-bytes": _case(BYTES, "approved", [shop, bank, bank], facts=known),
        "approved-second-version": _case(
            SECOND.to_bytes(),
            "approved",
            approvals(SECOND),
            facts=_understood(SECOND, approvals(SECOND)),
        ),
        "model-that-stays": _case(
            manifest_text(STAYING),
            "approved",
            approvals(STAYING),
            facts=_understood(STAYING, approvals(STAYING)),
        ),
        "model-that-leaves-used-in-the-room_fail": _case(manifest_text(LEAVING), "manifest-rule"),
        "expired-approval-renewed": _case(TEXT, "approved", [expired, *both], facts=known),
        "no-approval_fail": _case(TEXT, "approval-missing", facts=digest_only),
        "one-approval-missing_fail": _case(TEXT, "approval-missing", [bank], facts=digest_only),
        "one-approval-twice_fail": _case(TEXT, "approval-missing", [bank, bank], facts=digest_only),
        "expired-approval_fail": _case(
            TEXT, "approval-invalid", [bank, expired], facts=digest_only
        ),
        "changed-after-signing_fail": _case(
            manifest_text(WIDER), "approval-invalid", both, facts={"digest": WIDER.digest}
        ),
        "not-yet-in-force_fail": _case(
            TEXT, "manifest-outdated", both, "2027-01-09T23:59:59Z", digest_only
        ),
        "no-longer-in-force_fail": _case(
            TEXT, "manifest-outdated", both, "2027-04-01T00:00:00Z", digest_only
        ),
        "party-without-approve-key_fail": _case(
            unsigned_key.to_bytes(), "manifest-rule", facts={"digest": unsigned_key.digest}
        ),
        "too-few-workers_fail": _case(rule, "manifest-rule"),
        "unknown-mode_fail": _case(shape, "manifest-shape"),
        "key-twice_fail": _case(TEXT + "apiVersion: cleanroom/v1\n", "manifest-syntax"),
        "norway_fail": _case(TEXT.replace("owner: bank", "owner: no"), "manifest-syntax"),
        "octal_fail": _case(TEXT.replace("max_runs: 10", "max_runs: 010"), "manifest-syntax"),
        "anchor_fail": _case(TEXT.replace("owner: bank", "owner: &me bank"), "manifest-syntax"),
        "two-documents_fail": _case(TEXT + "---\n" + TEXT, "manifest-syntax"),
        "float_fail": _case(TEXT.replace("max_runs: 10", "max_runs: 10.0"), "manifest-syntax"),
        "hidden-direction_fail": _case(
            TEXT.replace("Bank plc", "Bank \u202eplc"), "manifest-syntax"
        ),
        "bytes-with-space_fail": _case(BYTES + b"\n", "not-canonical"),
        "bytes-with-key-twice_fail": _case(
            b'{"apiVersion":"cleanroom/v1",' + BYTES[1:], "not-canonical"
        ),
        "bytes-with-set-out-of-order_fail": _case(
            BYTES.replace(b'["matches","overlap"]', b'["overlap","matches"]', 1), "not-canonical"
        ),
        "bytes-with-unknown-field_fail": _case(BYTES[:-1] + b',"zzz":1}', "record-malformed"),
    }


def main() -> None:
    """Write every case."""
    for name, written in cases().items():
        (HERE / name).mkdir(exist_ok=True)
        for file, content in written.items():
            (HERE / name / file).write_bytes(content)


if __name__ == "__main__":
    main()
