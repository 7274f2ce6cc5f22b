"""How long one verification takes on each platform, and how many admissions a processor does.

Verified is simulated evidence, which is of the real formats, sizes and signature schemes, by the
same code; the policy entry accepts it. `fresh` empties the caches of parsed certificates, keys and
verified signatures before each verification; `new` has seen the vendor's certificates and documents
but never this machine's, as in a room that grows; `warm` has seen both. `verify` is cryptography
alone, the other columns are verify and appraise. One thread; rounds of all platforms are
interleaved; medians count, and the best round says what other programs took.

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
from cleanroom.attestation.claims import AnyClaims
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
    another: Callable[[], Evidence] | None = None
    """Evidence of a machine with a certificate of its own, where the simulator issues some."""


def another_snp() -> Evidence:
    """A chip that was never seen."""
    machine = platform.simulated_platform().attester(platform.MEASUREMENT, platform.GENESIS)
    return machine.collect(platform.BINDING)


def another_tdx() -> Evidence:
    """A platform that was never seen, with the documents that everybody has."""
    machine = platform.simulated_tdx().attester(platform.MEASUREMENT, platform.GENESIS)
    documents = platform.good_tdx_evidence().endorsements
    return machine.collect(platform.BINDING).model_copy(update={"endorsements": documents})


def cases() -> dict[str, Case]:
    """Every platform that the simulator makes."""
    binding, none = platform.BINDING, Collateral()
    listed = Collateral(amd_crls=[platform.simulated_platform().revocations((), platform.NOW)])
    return {
        "sev-snp": Case(platform.good_evidence(), platform.good_policy(), none, another_snp),
        "sev-snp, with revocation list": Case(
            platform.good_evidence(), platform.good_policy(), listed
        ),
        "tdx": Case(platform.good_tdx_evidence(), platform.good_tdx_policy(), none, another_tdx),
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


def checked(case: Case, binding: Binding, now: datetime) -> AnyClaims:
    """Cryptography alone."""
    return verify(
        case.evidence,
        binding=binding,
        anchors=Anchors.of([case.policy]),
        collateral=case.collateral,
        now=now,
    )


def admit(case: Case, binding: Binding, now: datetime) -> object:
    """What a room does with a worker that wants to join."""
    claims = checked(case, binding, now)
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


Measured = Callable[[Case, Binding, datetime], object]
COLUMNS = ("verify fresh", "fresh", "new", "warm")


def timed(case: Case, column: str) -> float:
    """Processor milliseconds of one verification or admission, the median of a round."""
    measured: Measured = checked if column == "verify fresh" else admit
    seen = [case] * PER_ROUND
    if column == "new" and case.another is not None:
        seen = [case._replace(evidence=case.another()) for _ in range(PER_ROUND)]
        forget()
        admit(case, platform.BINDING, platform.NOW)
    times = []
    for one in seen:
        if column.endswith("fresh"):
            forget()
        start = time.process_time()
        measured(one, platform.BINDING, platform.NOW)
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
    rounds: dict[tuple[str, str], list[float]] = {}
    for _ in range(of_rounds):
        for name, case in known.items():
            for column in COLUMNS:
                if column != "new" or case.another is not None:
                    rounds.setdefault((name, column), []).append(timed(case, column))
    figures: dict[str, dict[str, float]] = {name: {} for name in known}
    for (name, column), taken in rounds.items():
        figures[name][f"{column.replace(' ', '_')}_ms"] = round(statistics.median(taken), 3)
        figures[name][f"{column.replace(' ', '_')}_best_ms"] = round(min(taken), 3)
    say(f"{'milliseconds, median (best round)':34}" + "".join(f"{name:>16}" for name in COLUMNS))
    for name, one in figures.items():
        columns = [column.replace(" ", "_") for column in COLUMNS]
        shown = [
            f"{one[f'{column}_ms']:.2f} ({one[f'{column}_best_ms']:.2f})"
            if f"{column}_ms" in one
            else "-"
            for column in columns
        ]
        say(f"{name:34}" + "".join(f"{text:>16}" for text in shown))
    return figures


if __name__ == "__main__":
    main()
