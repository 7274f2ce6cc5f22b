"""How long one verification takes on each platform, and how many admissions a processor does.

Verified is simulated evidence, which is of the real formats, sizes and signature schemes, by the
same code; the policy entry accepts it. `fresh` empties the caches of parsed certificates and keys
before each verification, as for a machine that was never seen; `warm` does not. `admission` is
verify and appraise. One thread; rounds of all platforms are interleaved; medians count.

Then what a hundred workers cost the coordinator (`bench.admissions`), and TDX against dcap-qvl
(`bench.dcap`), which needs a Python with `bench/requirements-peers.txt`:

    python -m bench.attestation --rounds 30
    python -m bench.attestation --peers peers/bin/python
"""

import argparse
import gc
import statistics
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from bench.common import ROOT, machine, say, versions, write_report

sys.path.insert(0, str(ROOT))

from bench import dcap
from bench.admissions import WORKERS, admissions
from cleanroom.attestation.anchors import Anchors
from cleanroom.attestation.appraisal import appraise
from cleanroom.attestation.binding import Binding
from cleanroom.attestation.collateral import Collateral
from cleanroom.attestation.evidence import Evidence
from cleanroom.attestation.policy import AppraisalPolicy
from cleanroom.attestation.verifier import verify
from tests.support import nitro_cca, nvidia, platform, tpm

PER_ROUND = 20
"""Verifications of each platform in a round."""


class Case(NamedTuple):
    """One platform's good evidence, and the entry that accepts it."""

    evidence: Evidence
    policy: AppraisalPolicy
    collateral: Collateral


def cases() -> dict[str, Case]:
    """Every platform that the simulator makes."""
    binding, none = platform.BINDING, Collateral()
    listed = Collateral(amd_crls=[platform.simulated_platform().revocations((), platform.NOW)])
    return {
        "sev-snp": Case(platform.good_evidence(), platform.good_policy(), none),
        "sev-snp, with revocation list": Case(
            platform.good_evidence(), platform.good_policy(), listed
        ),
        "tdx": Case(platform.good_tdx_evidence(), platform.good_tdx_policy(), none),
        "nitro": Case(nitro_cca.nitro_enclave().collect(binding), nitro_cca.nitro_policy(), none),
        "cca": Case(nitro_cca.cca_realm().collect(binding), nitro_cca.cca_policy(), none),
        "azure-snp": Case(tpm.azure_guest().collect(binding), tpm.azure_policy(), none),
        "tpm": Case(tpm.good_tpm().collect(binding), tpm.tpm_policy(), none),
        "sev-snp with 8 GPUs": Case(
            nvidia.guest_with(gpus=8).collect(binding),
            nvidia.policy_with(gpus=8),
            none,
        ),
    }


def admit(case: Case, binding: Binding, now: datetime) -> object:
    """What a room does with a worker that wants to join."""
    claims = verify(
        case.evidence,
        binding=binding,
        anchors=Anchors.of([case.policy]),
        collateral=case.collateral,
        now=now,
    )
    return appraise(claims, {"worker": case.policy}, genesis=platform.GENESIS, now=now)


def forget() -> None:
    """Empty every cache of parsed certificates, keys, lists and documents."""
    for wrapped in _caches():
        wrapped.cache_clear()


def _caches() -> list[Callable[..., object]]:
    return [one for one in _CACHED if one.cache_info().currsize]


def _find_caches() -> list[Callable[..., object]]:
    return [
        found
        for found in gc.get_objects()
        if type(found).__name__ == "_lru_cache_wrapper"
        and getattr(found, "__module__", "").startswith("cleanroom.attestation")
    ]


_CACHED: list[Callable[..., object]] = []


def timed(case: Case, *, fresh: bool) -> float:
    """Processor milliseconds of one admission, the median of a round."""
    times = []
    for _ in range(PER_ROUND):
        if fresh:
            forget()
        start = time.process_time()
        admit(case, platform.BINDING, platform.NOW)
        times.append((time.process_time() - start) * 1000)
    return statistics.median(times)


def main() -> None:
    """Run the rounds, print a table, write JSON."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=30)
    arguments.add_argument("--peers", default="", help="a Python with requirements-peers.txt")
    arguments.add_argument("--out", type=Path, default=Path("bench/out/attestation.json"))
    given = arguments.parse_args()
    report: dict[str, object] = {"machine": machine(), "versions": versions()}
    report["rounds"] = given.rounds
    report["admissions"] = verifications(given.rounds)
    report["hundred"] = hundred = admissions()
    for name, one in hundred.items():
        say(f"{WORKERS} workers on {name}: {one}")
    report["dcap-qvl"] = "skipped: --peers names no Python with bench/requirements-peers.txt"
    if given.peers:
        report["dcap-qvl"] = dcap.compare(given.peers, given.rounds, forget)
    say(f"TDX against dcap-qvl: {report['dcap-qvl']}")
    write_report(given.out, report)


def verifications(of_rounds: int) -> dict[str, dict[str, float]]:
    """Medians for each platform; prints them as a table."""
    known = cases()
    for case in known.values():
        admit(case, platform.BINDING, platform.NOW)
    _CACHED.extend(_find_caches())
    rounds: dict[tuple[str, bool], list[float]] = {}
    for _ in range(of_rounds):
        for name, case in known.items():
            for fresh in (True, False):
                rounds.setdefault((name, fresh), []).append(timed(case, fresh=fresh))
    figures = {
        name: {
            "fresh_ms": round(statistics.median(rounds[name, True]), 3),
            "warm_ms": round(statistics.median(rounds[name, False]), 3),
            "bytes": len(case.evidence.to_bytes()),
        }
        for name, case in known.items()
    }
    say(f"{'admission':32} {'fresh ms':>9} {'warm ms':>9} {'per CPU s':>10}")
    for name, one in figures.items():
        per_second = 1000 / one["warm_ms"]
        say(f"{name:32} {one['fresh_ms']:9.2f} {one['warm_ms']:9.2f} {per_second:10.0f}")
    return figures


if __name__ == "__main__":
    main()
