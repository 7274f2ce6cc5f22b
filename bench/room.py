"""Overheads of a whole room on this machine: statement, join, upload, latency of a small run.

    python -m bench.room                    a room, 1 GB of data
    python -m bench.room --megabytes 200

Coordinator and workers are the real processes on the simulated platform; the parties use the SDK.
Prints machine, versions and medians; writes `bench/out/room.json`.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from bench.common import machine, say, versions, write_report
from bench.rooms import enter
from cleanroom.attestation.collateral import Collateral
from cleanroom.client.clock import system_clock
from cleanroom.client.manifest_file import ManifestFile
from cleanroom.client.room import Room
from cleanroom.manifest.genesis import Genesis
from cleanroom.manifest.model import Manifest
from cleanroom.protocol.statement import verify_for_party
from enclave.attester.measure import installed_code_digest, measurement_of
from enclave.attester.simulated import SimulatedPlatform
from enclave.demo.tables import generate
from enclave.launching import LocalRoom
from enclave.local import prepare
from enclave.worker.joining import Launch, join

EXAMPLE = Path("manifests/examples/partner/cleanroom.yaml")
OUT = Path("bench/out/room.json")
WIDE = 45
"""Further columns of the wide table, 8 bytes each."""
SMALL_ROWS = 10_000
"""Rows of each party in the run whose latency is measured."""
REST_S = 2.0
"""What a worker needs to have its next process warm, in seconds: runs in a row wait for it."""


def main() -> None:
    """Measure everything once and write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=15)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        directory = Path(place)
        manifest, identities = prepare(_roomy(chosen.runs), directory)
        loaded = ManifestFile.load(manifest)
        platform, genesis = directory / "operator" / "platform", directory / "genesis.json"
        with LocalRoom(directory, directory / "operator", genesis) as local:
            address = local.start_coordinator()
            parties = enter(loaded, identities, address)
            local.start_workers(1, "cpu")
            results = {
                "statement_ms": _statement(parties["bank"], loaded.manifest),
                "join_ms": _join(address, platform, genesis),
                **_upload(parties, chosen.megabytes),
                **_latency(parties, chosen.runs),
            }
            for room in parties.values():
                room.close()
    for name, value in results.items():
        say(f"{name:<28} {value:10.2f}")
    write_report(OUT, {"machine": machine(), "versions": versions(), "results": results})


def _roomy(runs: int) -> Manifest:
    """The partner example with room for many runs, both on one worker."""
    plain = ManifestFile.load(EXAMPLE).manifest.to_plain()
    for computation in plain["computations"].values():
        computation["limits"]["max_runs"] = 10 * runs
        computation["workers"]["count"] = 1
    for dataset in plain["datasets"].values():
        dataset["allow"]["max_releases"] = 30 * runs
    extra = {"type": "float64", "role": "payload"}
    plain["datasets"]["customers"]["columns"] += [
        {"name": f"f{number:02}", **extra} for number in range(WIDE)
    ]
    return Manifest.from_plain(plain)


def _statement(room: Room, manifest: Manifest) -> float:
    """A client's verification of a statement that is already here, in ms."""
    statement = room.trusted.statement

    def once() -> None:
        verify_for_party(
            statement,
            manifest,
            nonce=statement.nonce,
            remembered=None,
            consistency=(),
            allow_simulated=True,
            collateral=Collateral(),
            now=system_clock(),
        )

    return _median_ms(once, 50)


def _join(address: str, platform: Path, genesis: Path) -> float:
    """Both sides' verification over two fresh TLS connections until the lease, in ms."""
    born = Genesis.from_bytes(genesis.read_bytes())
    measurement = measurement_of("cpu", installed_code_digest())
    attester = SimulatedPlatform.load(platform).attester(measurement, born.digest)
    launch = Launch(address, born, "cpu", "127.0.0.9", attester, system_clock)

    def once() -> None:
        join(launch).close()

    return _median_ms(once, 15)


def _upload(parties: dict[str, Room], megabytes: int) -> dict[str, float]:
    """Check, seal and upload, against the size as Arrow: a wide table, and mostly addresses."""
    wide = _wide(_repeated(generate(100_000, 0, seed=7).bank, megabytes, WIDE * 8 + 70))
    narrow = _repeated(generate(1_000_000, 0, seed=7).shop, megabytes // 2, 60)
    return {
        "upload_wide_mb": wide.nbytes / 1e6,
        "upload_wide_mb_per_s": _rate(parties["bank"], "customers", wide),
        "upload_addresses_mb": narrow.nbytes / 1e6,
        "upload_addresses_mb_per_s": _rate(parties["shop"], "baskets", narrow),
    }


def _rate(room: Room, dataset: str, table: pa.Table) -> float:
    start = time.perf_counter()
    room.add(dataset, table)
    return table.nbytes / 1e6 / (time.perf_counter() - start)


def _repeated(table: pa.Table, megabytes: int, row_bytes: int) -> pa.Table:
    rows = megabytes * 1_000_000 // row_bytes
    return pa.concat_tables([table] * -(-rows // table.num_rows)).slice(0, rows)


def _wide(table: pa.Table) -> pa.Table:
    """The table with `WIDE` columns of random numbers, which no computation reads."""
    chance = np.random.default_rng(7)
    for number in range(WIDE):
        column = pa.array(chance.random(table.num_rows))
        table = table.append_column(f"f{number:02}", column)
    return table


def _latency(parties: dict[str, Room], runs: int) -> dict[str, float]:
    """From the signed request to the released result of a small intersection, in ms."""
    tables = generate(SMALL_ROWS, overlap=SMALL_ROWS // 2, seed=7)
    parties["bank"].add("customers", _wide(tables.bank))
    parties["shop"].add("baskets", tables.shop)
    bank = parties["bank"]
    rested = []
    for _ in range(runs):
        time.sleep(REST_S)
        rested += _times_ms(lambda: bank.run("overlap").wait(), 1)
    released = _times_ms(lambda: bank.run("overlap").wait(), runs)
    opened = _times_ms(lambda: bank.run("overlap").result(), runs)
    return {
        "run_released_p50_ms": statistics.median(rested),
        "run_released_max_ms": max(rested),
        "run_released_in_a_row_p50_ms": statistics.median(released),
        "run_opened_p50_ms": statistics.median(opened),
    }


def _median_ms(once: Callable[[], object], times: int) -> float:
    once()
    return statistics.median(_times_ms(once, times))


def _times_ms(once: Callable[[], object], times: int) -> list[float]:
    measured = []
    for _ in range(times):
        start = time.perf_counter()
        once()
        measured.append((time.perf_counter() - start) * 1000)
    return measured


if __name__ == "__main__":
    main()
