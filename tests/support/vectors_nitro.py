"""Real Nitro documents as evidence; most are bound to something else than 64 bytes."""

import base64
from datetime import datetime
from io import BytesIO
from typing import Any

import cbor2

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.claims import NitroClaims
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.platforms import nitro
from cleanroom.attestation.policy import NitroPolicy
from tests.support.vectors import Case, content

SOME_IMAGE = "ab" * 48
"""What a policy lists for a document whose registers are zero."""


def document_of(case: Case) -> bytes:
    """The document alone: some files hold more after it."""
    raw = content(case["doc"])
    raw = base64.b64decode(raw) if case["doc"].endswith("base64") else raw[case["offset"] :]
    reader = BytesIO(raw)
    cbor2.load(reader)
    return raw[: reader.tell()]


def evidence_of(case: Case) -> Evidence:
    """A case's document, which has its chain inside."""
    return Evidence(platform="nitro", report=document_of(case), endorsements=[])


def time_of(case: Case) -> datetime:
    """When the document was made."""
    return datetime.fromisoformat(case["verify_at"])


def authenticated(case: Case, **changed: Any) -> NitroClaims:
    """The claims without a binding, with some arguments changed."""
    return nitro.authenticate(
        changed.get("evidence", evidence_of(case)),
        anchors=changed.get("anchors", Anchors.vendor()),
        collateral=Collateral(),
        now=changed.get("now", time_of(case)),
    )


def policy_of(case: Case, **changed: object) -> NitroPolicy:
    """The default policy for a case's image, unless it is zero, with some fields changed."""
    images = {
        name: [case[name] if case[name].strip("0") else SOME_IMAGE]
        for name in ("pcr0", "pcr1", "pcr2")
    }
    plain: dict[str, object] = {"platform": "nitro", **images, "host_data": "any"}
    return NitroPolicy.from_plain(plain | changed)
