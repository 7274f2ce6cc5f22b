"""Sealed intersection against plaintext engines and cryptographic PSI, interleaved on one machine.

    python -m bench.intersection                                  1 M and 10 M, seven rounds
    python -m bench.intersection --rows 1000000 --rounds 3
    python -m bench.intersection --peers peers/bin/python         with OpenMined PSI

Prints machine, versions, sizes and medians; writes `bench/out/intersection.json`.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow.parquet as pq

from bench.common import fresh, machine, say, summary, versions, write_report
from bench.intersection.contenders import CONTENDERS
from bench.intersection.inputs import prepare

BASE = "duckdb-rows"
"""Whom the others are compared with, round by round."""
PEER_TIMEOUT_S = 120
"""A peer that is not done after so long is tried with a tenth of the keys."""
MULTI = (2, 3, 5)
"""Numbers of parties whose time per row is compared."""


def compare(directory: Path, rows: int, parties: int, rounds: int, names: list[str]) -> dict:
    """Interleaved rounds of several contenders over the same prepared files."""
    measured: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            module = ["-m", "bench.intersection.contender", name, str(directory), str(parties)]
            one = fresh([sys.executable, *module])
            if one["found"] != rows // 2:
                raise RuntimeError(f"{name} found {one['found']} people, expected {rows // 2}")
            measured[name].append(one)
    return {name: summary(each) | against(each, measured) for name, each in measured.items()}


def against(
    rounds: list[dict[str, float]], measured: dict[str, list[dict[str, float]]]
) -> dict[str, float]:
    """Medians of the ratios to `BASE` within each round, of seconds and of processor time."""
    pairs = list(zip(rounds, measured.get(BASE, ()), strict=False))
    return {
        f"{field}_ratio": statistics.median(one[field] / base[field] for one, base in pairs)
        for field in ("seconds", "cpu_s")
        if pairs
    }


def show(title: str, results: dict[str, dict[str, float]]) -> None:
    """Print a table, each with its ratios to `BASE`."""
    say(
        f"\n{title:<34} {'median s':>9} {'best s':>8} {'cpu s':>8} {'peak GB':>8}"
        f"   x {BASE}: seconds, cpu"
    )
    for name, one in results.items():
        unknown = float("nan")
        say(
            f"{name:<34} {one['median_s']:9.3f} {one['best_s']:8.3f} "
            f"{one['cpu_s']:8.3f} {one['peak_gb']:8.2f}   "
            f"{one.get('seconds_ratio', unknown):6.2f} {one.get('cpu_s_ratio', unknown):6.2f}"
        )


def peer(python: str, directory: Path, rows: int) -> dict[str, float]:
    """OpenMined PSI at the largest tenth of `rows` that it finishes in time."""
    while rows >= 100:
        for party in range(2):
            keys = pq.read_table(directory / f"{party}.parquet", columns=["email"])["email"]
            text = "\n".join(keys.slice(0, rows).to_pylist())
            (directory / f"{party}.txt").write_text(text, encoding="utf-8")
        files = [str(directory / f"{party}.txt") for party in range(2)]
        try:
            script = "bench/intersection/openmined.py"
            return {"rows": rows, **fresh([python, script, *files], PEER_TIMEOUT_S)}
        except subprocess.TimeoutExpired:
            rows //= 10
    return {}


def many_parties(rows: int, rounds: int, seed: int) -> dict[str, dict[str, float]]:
    """Own time for several numbers of parties, and per row against two parties."""
    results: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as room:
        directory = Path(room)
        prepare(directory, max(MULTI), rows, seed)
        runs: dict[int, list[dict[str, float]]] = {parties: [] for parties in MULTI}
        for _ in range(rounds):
            for parties in MULTI:
                one = compare(directory, rows, parties, 1, ["sealed-count"])["sealed-count"]
                runs[parties].append({**one, "seconds": one["median_s"]})
    for parties, measured in runs.items():
        one = summary(measured)
        results[str(parties)] = {**one, "ns_per_row": one["cpu_s"] / parties / rows * 1e9}
    for one in results.values():
        one["per_row_ratio"] = one["ns_per_row"] / results["2"]["ns_per_row"]
    return results


def main() -> None:
    """Run what was asked for, print it and write it down."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rows", type=int, nargs="*", default=[1_000_000, 10_000_000])
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--multi-rows", type=int, default=1_000_000, help="0 leaves it out")
    options.add_argument("--peers", default="", help="a Python with requirements-peers.txt")
    options.add_argument("--seed", type=int, default=2027)
    options.add_argument("--only", nargs="*", choices=sorted(CONTENDERS), default=None)
    options.add_argument("--out", type=Path, default=Path("bench/out/intersection.json"))
    given = options.parse_args()
    report: dict[str, object] = {"machine": machine(), "versions": versions(), "seed": given.seed}
    say(f"{report['machine']}\n{report['versions']}")
    names = given.only or list(CONTENDERS)
    for rows in given.rows:
        with tempfile.TemporaryDirectory() as room:
            prepare(Path(room), 2, rows, given.seed)
            results = compare(Path(room), rows, 2, given.rounds, names)
            show(f"{rows:,} x {rows:,} e-mail keys", results)
            report[f"rows-{rows}"] = results
            if given.peers and rows == min(given.rows):
                report["openmined"] = peer(given.peers, Path(room), rows)
                say(f"\nOpenMined PSI: {report['openmined']}")
    if not given.peers:
        report["openmined"] = "skipped: --peers names no Python with bench/requirements-peers.txt"
        say(f"\nOpenMined PSI {report['openmined']}")
    if given.multi_rows:
        several = many_parties(given.multi_rows, given.rounds, given.seed)
        report[f"parties-{given.multi_rows}"] = several
        show(f"{given.multi_rows:,} rows, parties", several)
        for parties, one in several.items():
            say(f"{parties} parties: {one['per_row_ratio']:.2f} x the processor time per row of 2")
    write_report(given.out, report)


if __name__ == "__main__":
    main()
