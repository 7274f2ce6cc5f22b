"""Real evidence with expected verdicts, which is not part of the project and may not be here.

`index.json` lists the cases; a module for each vendor (`vectors_dcap`, …) says how a case becomes
evidence, what it is bound to, and which policy entry leaves everything at its default.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.binding import Binding
from cleanroom.attestation.claims import AnyClaims
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.policy import AppraisalPolicy
from cleanroom.attestation.table import compare
from cleanroom.attestation.verifier import verify

VECTORS = Path(__file__).parents[3] / "shared" / "vectors"
INDEX = VECTORS / "index.json"
needs_vectors = pytest.mark.skipif(
    not INDEX.is_file(), reason="real evidence is not part of the project and is not here"
)
Case = dict[str, Any]
"""A case as `index.json` has it."""
GENESIS = bytes(32)


@dataclass(frozen=True)
class Prepared:
    """A case that is ready to be verified and appraised."""

    evidence: Evidence
    binding: Binding
    now: datetime
    policy: AppraisalPolicy | None
    """Everything at its default, the measurements pinned; none where there are no claims."""
    collateral: Collateral = field(default_factory=Collateral)

    def verified(self, **changed: Any) -> AnyClaims:
        """The claims, with some arguments changed."""
        arguments = {
            "binding": self.binding,
            "anchors": Anchors.vendor(),
            "collateral": self.collateral,
            "now": self.now,
        }
        return verify(changed.pop("evidence", self.evidence), **(arguments | changed))

    def failing(self) -> set[str]:
        """Codes of findings that fail in the default policy."""
        assert self.policy is not None
        findings = compare(self.verified(), self.policy, GENESIS)
        return {finding.code for finding in findings if not finding.passed}


def cases(*vendors: str) -> list[Case]:
    """The cases of some vendors; none where the vectors are not here."""
    if not INDEX.is_file():
        return []
    listed = json.loads(INDEX.read_text(encoding="utf-8"))["cases"]
    return [case for case in listed if case["vendor"] in vendors]


def case_named(name: str) -> Case:
    """One case by its id."""
    (found,) = (case for case in _all() if case["id"] == name)
    return found


def content(name: str) -> bytes:
    """A file of the vectors; hexadecimal text becomes bytes."""
    raw = (VECTORS / name).read_bytes()
    return bytes.fromhex(raw.decode().strip().removeprefix("0x")) if name.endswith(".hex") else raw


def ids(case: Case) -> str:
    """How a test names a case."""
    return str(case["id"])


def _all() -> Iterator[Case]:
    yield from json.loads(INDEX.read_text(encoding="utf-8"))["cases"]
