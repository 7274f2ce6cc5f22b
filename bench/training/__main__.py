"""Joint training in a whole room against pandas and the same library on plaintext, interleaved.

    python -m bench.training                     all cases, three rounds
    python -m bench.training --only linear --rounds 5

Coordinator and worker are the real processes on the simulated platform. A room's time runs from the
signed request until the model is released: transfer of the sealed parts, decryption, join, fit,
gate and sealing. Prints machine, versions, sizes and medians; writes `bench/out/training.json`.
"""

import argparse
import statistics
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from bench.common import fresh, machine, say, settle, versions, write_report
from bench.rooms import enter
from bench.training.inputs import CASES, PARTIES, Case, contract, write
from cleanroom.client.manifest_file import ManifestFile
from cleanroom.client.room import Room
from enclave.launching import LocalRoom
from enclave.local import prepare

OUT = Path("bench/out/training.json")
REST_S = 2.0
"""What a worker needs to have its next process warm, in seconds."""
AGREES = 0.01
"""The areas under the curve differ by less: the two sides test on other rows."""


def compare(case: Case, rounds: int) -> dict[str, float]:
    """Interleaved rounds of a room and of plaintext over the same rows."""
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        directory = Path(place)
        manifest, identities = prepare(contract(case, rounds + 1), directory)
        loaded = ManifestFile.load(manifest)
        genesis = directory / "genesis.json"
        with LocalRoom(directory, directory / "operator", genesis) as local:
            address = local.start_coordinator()
            rooms = enter(loaded, identities, address)
            local.start_workers(1, "cpu")
            for party, table in write(case, directory).items():
                rooms[party].add(PARTIES[party], table)
            pairs = [(_sealed(rooms["bank"], case), _plain(case, directory)) for _ in range(rounds)]
            for room in rooms.values():
                room.close()
    return _summary(pairs)


def _sealed(room: Room, case: Case) -> dict[str, float]:
    settle()
    time.sleep(REST_S)
    started = time.perf_counter()
    run = room.run(case.name)
    run.wait()
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "auc": run.result("quality").metrics["auc"]}


def _plain(case: Case, directory: Path) -> dict[str, float]:
    return fresh([sys.executable, "-m", "bench.training.plaintext", case.name, str(directory)])


def _summary(pairs: list[tuple[dict[str, float], dict[str, float]]]) -> dict[str, float]:
    for sealed, plain in pairs:
        if abs(sealed["auc"] - plain["auc"]) > AGREES:
            raise RuntimeError(f"areas are {sealed['auc']} and {plain['auc']}, expected the same")
    median = statistics.median
    return {
        "sealed_s": median(sealed["seconds"] for sealed, _ in pairs),
        "plain_s": median(plain["seconds"] for _, plain in pairs),
        "ratio": median(sealed["seconds"] / plain["seconds"] for sealed, plain in pairs),
        "auc": pairs[0][0]["auc"],
        "rounds": len(pairs),
    }


def main() -> None:
    """Run what was asked for, print it and write it down."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--only", nargs="*", choices=sorted(CASES), default=list(CASES))
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--out", type=Path, default=OUT)
    given = options.parse_args()
    report: dict[str, object] = {"machine": machine(), "versions": versions()}
    say(f"{report['machine']}\n{report['versions']}")
    for name in given.only:
        case = CASES[name]
        if case.op == "train.torch" and find_spec("torch") is None:
            say(f"\n{case.op}: skipped, the extra [torch] is not installed")
            continue
        results = compare(case, given.rounds)
        report[name] = results
        say(f"\n{case.op}, {case.rows:,} people, {case.columns} features of two parties")
        for field, value in results.items():
            say(f"{field:<12} {value:10.3f}")
    write_report(given.out, report)


if __name__ == "__main__":
    main()
