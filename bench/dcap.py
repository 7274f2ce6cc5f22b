"""TDX verification against dcap-qvl, a native verifier of the same quotes (Rust, called by Python).

Both verify the simulator's quote with the same collateral, under its root: signatures and chains,
lists, TCB levels and identities. Not appraised, since dcap-qvl has no policy of ours. Rounds are
interleaved, in processor time; dcap-qvl runs in a process of its own and reads its collateral from
JSON each time, as its callers do; ours reads it from the evidence. `fresh` is as in
`bench.attestation`.
"""

import json
import re
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.common import ROOT, fresh
from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.claims import TdxClaims
from cleanroom.attestation.collateral import Collateral, IntelCollateral, SignedDocument
from cleanroom.attestation.formats.quote import read_quote
from cleanroom.attestation.formats.x509 import pem_certificates
from cleanroom.attestation.verifier import verify
from tests.support import platform

TIMES = 200
"""Verifications in a round."""


def compare(peers: str, rounds: int, forget: Callable[[], None]) -> dict[str, float | str]:
    """Medians of the rounds and their ratios.

    Args:
        peers: a Python with `bench/requirements-peers.txt`.
        rounds: of both.
        forget: empties our caches.
    """
    evidence, entry = platform.good_tdx_evidence(), platform.good_tdx_policy()
    anchors = Anchors.of([entry])

    def ours() -> TdxClaims:
        claims = verify(
            evidence,
            binding=platform.BINDING,
            anchors=anchors,
            collateral=Collateral(),
            now=platform.NOW,
        )
        assert isinstance(claims, TdxClaims)
        return claims

    status = ours().host.tcb_status
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "quote.json"
        file.write_text(json.dumps(_said(status)), encoding="utf-8")
        script = [peers, str(ROOT / "bench/dcap_peer.py"), str(file), str(TIMES)]
        taken: list[tuple[float, float, float]] = []
        for _ in range(rounds):
            native = fresh(script)
            taken.append((native["ms"], _timed(ours, forget), _timed(ours, lambda: None)))
    native_ms, fresh_ms, warm_ms = (
        statistics.median(column) for column in zip(*taken, strict=True)
    )
    return {
        "dcap_qvl": native["version"],
        "dcap_qvl_ms": round(native_ms, 3),
        "fresh_ms": round(fresh_ms, 3),
        "warm_ms": round(warm_ms, 3),
        "fresh_ratio": round(statistics.median(one[1] / one[0] for one in taken), 2),
        "warm_ratio": round(statistics.median(one[2] / one[0] for one in taken), 2),
    }


def _timed(verification: Callable[[], object], before: Callable[[], None]) -> float:
    taken = []
    for _ in range(TIMES):
        before()
        start = time.process_time()
        verification()
        taken.append((time.process_time() - start) * 1000)
    return statistics.median(taken)


def _said(status: str) -> dict[str, object]:
    """The quote, its collateral as other verifiers keep it, the root, the time, and our verdict."""
    evidence = platform.good_tdx_evidence()
    (endorsement,) = evidence.endorsements
    intel, quote = IntelCollateral.from_bytes(endorsement), read_quote(evidence.report)
    *_, root = pem_certificates(quote.pck_chain.rstrip(b"\0"))
    authority = quote.pck_chain.split(b"-----END CERTIFICATE-----\n", 1)[1].rstrip(b"\0")
    return {
        "quote": evidence.report.hex(),
        "root": root.hex(),
        "now": int(platform.NOW.timestamp()),
        "status": status,
        "collateral": {
            "pck_crl_issuer_chain": authority.decode(),
            "root_ca_crl": intel.root_crl.hex(),
            "pck_crl": intel.pck_crls[0].hex(),
            **_document("tcb_info", "tcbInfo", intel.tcb_infos[0]),
            **_document("qe_identity", "enclaveIdentity", intel.qe_identities[0]),
        },
    }


def _document(field: str, served: str, signed: SignedDocument) -> dict[str, str]:
    """A document's inner object, byte for byte, and its signature."""
    form = rf'\{{"{served}":(\{{.*\}}),"signature":"([0-9a-f]{{128}})"\}}'
    found = re.fullmatch(form, signed.document.decode(), re.DOTALL)
    if found is None:
        raise RuntimeError(f"the document is not {served}, expected Intel's form")
    return {
        field: found[1],
        f"{field}_signature": found[2],
        f"{field}_issuer_chain": signed.chain.decode(),
    }
